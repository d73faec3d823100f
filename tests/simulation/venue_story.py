"""What happens on the account of `venue_process`, step by step; Django is set up before this."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db.models import QuerySet

from aitrader.kernel import ids
from aitrader.kernel.fix import WORKING, OrdType, Origin, Side
from compliance.domain.roles import Role
from compliance.models import Operator
from compliance.services import access
from tests.factories import desk as people
from tests.integration.trading.at_venue import PLACES, PX, AtVenue
from trading.domain.order import OrderIntent
from trading.domain.ports import OpenOrder
from trading.models import Order, ParentOrder, ReplaceRequest, TargetWatch
from trading.services import (
    exit_watch,
    external,
    order_rows,
    orders,
    pairs,
    person_orders,
    reconciliation,
    replacing,
    routing,
    stop_watch,
    turns,
    twap,
)

_HEAL_SECONDS = 30.0
_MAINTENANCE = "maintenance_at_s=0.001,maintenance_s=600"


class Story(AtVenue):
    """Every way in which a send, a cancel or a doubt can end at Binance, what other hands do, and
    orders that take more than one step."""

    steps: tuple[str, ...] = (
        "fills", "rests", "timeout", "lost", "refused", "silence", "filled_first",
        "cancel_unanswered", "cancelled", "withdrawn", "others", "flow", "probed", "replaced",
        "sliced", "slices_cancelled", "voided", "watched", "watched_and_cancelled", "unfilled",
    )  # fmt: skip

    def __init__(self, told: Any, seed: int) -> None:
        super().__init__(told, place=PLACES[told["venue"]])
        self._draw, self._seed = Random(f"story|{seed}"), seed
        gateway: Any = self.gateway
        gateway.capabilities = replace(gateway.capabilities, enters_within=timedelta(seconds=0.2))
        # Of one symbol: the list of all weighs more than a story in a minute may.
        gateway.open_orders = self._open_orders
        self.change("faults", plan="")
        at = self.now()
        reconciliation.recover(desk=self.desk, gateway=self.gateway, at=at)
        external.begin(desk=self.desk, gateway=self.gateway, at=at)

    def _open_orders(self, *, account: str, instruments: object = ()) -> Sequence[OpenOrder]:
        gateway: Any = type(self.gateway)
        found: Sequence[OpenOrder] = gateway.open_orders(
            self.gateway, account=account, instruments=(self.place.code,)
        )
        return found

    # What happens, by number of the step

    def fills(self, number: int) -> None:
        self._bid()
        self._order(number, price=PX - 100)
        self._sweep()

    def rests(self, number: int) -> None:
        self._resting(number)
        self._bid(PX + 500, "0.002")
        self._sweep()

    def timeout(self, number: int) -> None:
        self._order(number, price=PX + 600)
        self._under("timeout_code=1", self._send)
        self._sweep()

    def lost(self, number: int) -> None:
        self._order(number, price=PX + 600)
        self._under(_MAINTENANCE, self._send)
        self._until_certain()

    def probed(self, number: int) -> None:
        """An order in doubt that no read shows is found by asking the engine."""
        self._order(number, price=PX + 600)
        self._under("timeout_code=1", self._send)
        self.change("faults", plan="stale_read=1,stale_read_s=600")
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            self._resolve()
            time.sleep(0.1)
        self.change("faults", plan="")
        self._until_certain()

    def refused(self, number: int) -> None:
        self._order(number, price=PX + 600)
        self._under("refuse_filter=1", self._send)

    def silence(self, number: int) -> None:
        self._order(number, price=PX + 600)
        self._under("rate_limit=1,retry_after_s=1", self._send)
        time.sleep(1.1)
        self._sweep()

    def filled_first(self, number: int) -> None:
        self._wish(self._resting(number))
        self._under("fill_first=1", self._cancel)
        self._sweep()

    def cancel_unanswered(self, number: int) -> None:
        self._wish(self._resting(number))
        self._under("timeout_code=1", self._cancel)
        self._sweep()

    def cancelled(self, number: int) -> None:
        self._wish(self._resting(number))
        self._cancel()

    def withdrawn(self, number: int) -> None:
        self._wish(self._order(number, price=PX + 600))
        self._cancel()

    def flow(self, number: int) -> None:
        self._until_certain()
        self.move("deposit", "USDT", "50")
        self.look()
        time.sleep(0.35)
        self.look()

    def voided(self, number: int) -> None:
        """The exchange takes back the last trade."""
        self._until_certain()
        self._bid()
        self._order(number, price=PX - 100)
        self._sweep()
        self.look()
        self.change("faults", plan="bust_every_s=1")
        deadline = time.monotonic() + 3
        while not self.differences() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.change("faults", plan="")
        self.look()
        time.sleep(0.35)
        self.look()

    def others(self, number: int) -> None:
        # While an order is in doubt a foreign trade may be its: then a person has to judge.
        self._until_certain()
        self.quotes(qty="0.01")
        name = f"hand-{self._seed}-{number}-{time.monotonic_ns()}"
        self.by_hand(name, order_qty=Decimal("0.001"))
        self.look()
        self.by_hand(f"{name}-m", ord_type=OrdType.MARKET, price=None,
                     order_qty=Decimal("0.001"))  # fmt: skip
        self.look()

    def replaced(self, number: int) -> None:
        """What rests is replaced by another, which fills a part."""
        old = self._resting(number)
        # Whoever died before has left it in doubt, or has written the wish.
        self._sweep()
        self._until_certain()
        old.refresh_from_db()
        if old.ord_status in WORKING and not ReplaceRequest.objects.filter(order=old).exists():
            replacing.request(
                desk=self.desk, order_id=old.pk, order_qty=None, price=PX + 550, by=self._who(),
                reason="story", at=self.now(),
            )  # fmt: skip
        self._until(lambda: not ReplaceRequest.objects.filter(answered_at__isnull=True).exists())
        self._sweep()
        self._bid(PX + 550, "0.0005")
        self._sweep()

    def sliced(self, number: int) -> None:
        """Two slices: the first rests and is cancelled for the second, which its time ends."""
        self._parent(number)
        self._until(lambda: not self._open_parents().exists())

    def slices_cancelled(self, number: int) -> None:
        parent = self._parent(number, seconds=60)
        self._sweep()
        if parent.canceled_at is None and parent.closed_at is None:
            now = self.now()
            twap.request_cancel(
                parent_id=parent.pk, by=self._who(), reason="story", now=now.wall,
                market_at=now.market,
            )  # fmt: skip
        self._until(lambda: not self._open_parents().exists())

    def watched(self, number: int) -> None:
        """A stop whose target the desk watches, as where the venue holds no pairs, is touched."""
        self._watch(number)
        self._sweep()
        self._until_certain()
        self._bid(PX + 800, "0.01")
        (row,) = self.desk.instruments.values()
        pairs.look(desk=self.desk, prices={row.pk: PX + 800}, at=self.now())
        self._until(lambda: not ReplaceRequest.objects.filter(answered_at__isnull=True).exists())
        self._sweep()

    def watched_and_cancelled(self, number: int) -> None:
        stop = self._watch(number)
        self._sweep()
        self._wish(stop)
        self._until(lambda: not TargetWatch.objects.filter(ended_at__isnull=True).exists())

    def unfilled(self, number: int) -> None:
        """A person's stop that was passed and did not fill gives way to a sale at the market."""
        name = f"story stop {number}"
        if not Order.objects.filter(reason=name).exists():
            wish = person_orders.Wish(
                self.place.code, Side.SELL, OrdType.STOP, Decimal("0.001"), stop_px=PX - 1000
            )
            person_orders.submit(
                desk=self.desk, wish=wish, by=self._who(), reason=name, at=self.now()
            )
        self._sweep()
        self._until_certain()
        self._bid()
        (row,) = self.desk.instruments.values()
        for later in (timedelta(0), exit_watch.STOP_SECONDS):
            stop_watch.look(desk=self.desk, prices={row.pk: PX - 1000}, at=self.now(later))
        self._until(lambda: not ReplaceRequest.objects.filter(answered_at__isnull=True).exists())
        self._sweep()

    def heal(self) -> None:
        """Go on without faults until nothing is under way and the books agree."""
        self.change("faults", plan="")
        deadline = time.monotonic() + _HEAL_SECONDS
        while time.monotonic() < deadline:
            self._sweep()
            self.look()
            store = order_rows.of(self.desk)
            replaced = ReplaceRequest.objects.filter(answered_at__isnull=True)
            sending = store.any_waiting() or store.in_doubt() or store.asked()
            busy = bool(sending) or self._open_parents().exists() or replaced.exists()
            if not busy and not store.open_breaks() and not self.differences():
                return
            time.sleep(0.1)
        store = order_rows.of(self.desk)
        doubts = list(
            Order.objects.filter(cl_ord_id__in=store.in_doubt()).values(
                "cl_ord_id", "ord_status", "certainty", "text", "evidence"
            )
        )
        open_breaks = [(each.kind, each.ours, each.venues) for each in store.open_breaks()]
        raise SystemExit(f"never quiet: {self.differences()} {doubts} {open_breaks}")

    # How

    def _order(self, number: int, *, price: Decimal) -> Order:
        (row,) = self.desk.instruments.values()
        qty = Decimal(self._draw.randrange(100, 300)) / 100_000
        intent = OrderIntent(
            intent_id=ids.derive(self.desk.namespace, "story", self._seed, number),
            account=self.desk.account.code,
            instrument=self.place.code,
            side=Side.SELL,
            ord_type=OrdType.LIMIT,
            order_qty=qty,
            origin=Origin.OPERATOR,
            reference_px=PX,
            price=price,
            reason="story",
            decided_at=self.now().market,
        )
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        return orders.submit(desk=self.desk, draft=draft, at=self.now())

    def _parent(self, number: int, *, seconds: int = 2) -> ParentOrder:
        """An order over time, of which nothing fills by itself."""
        name = f"story {number}"
        found = ParentOrder.objects.filter(reason=name).first()
        if found is not None:
            return found
        over = timedelta(seconds=seconds)
        wish = twap.Wish(
            self.place.code, Side.SELL, Decimal("0.0008"), over, slices=2, price=PX + 700
        )
        return twap.start(desk=self.desk, wish=wish, by=self._who(), reason=name, at=self.now())

    def _watch(self, number: int) -> Order:
        name = f"story watch {number}"
        if not Order.objects.filter(reason=name).exists():
            able = self.desk.capabilities
            self.desk.capabilities = replace(able, oco=frozenset())
            pair = pairs.Pair(
                self.place.code, Side.SELL, Decimal("0.001"), stop_px=PX - 5000, target_px=PX + 800
            )
            pairs.submit(desk=self.desk, pair=pair, by=self._who(), reason=name, at=self.now())
            self.desk.capabilities = able
        return Order.objects.filter(reason=name).earliest("pk")

    def _open_parents(self) -> QuerySet[ParentOrder]:
        return ParentOrder.objects.filter(closed_at__isnull=True)

    def _who(self) -> Operator:
        if not Operator.objects.filter(username="ada").exists():
            access.sync_roles()
            people.operator("ada", Role.TRADER)
        return access.operator_named("ada")

    def _until(self, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 8
        while not over() and time.monotonic() < deadline:
            self._sweep()
            time.sleep(0.1)

    def _resting(self, number: int) -> Order:
        order = self._order(number, price=PX + 500)
        self._send()
        return order

    def _bid(self, price: Decimal = PX - 100, qty: str = "0.01") -> None:
        self.change("book", instrument=self.place.symbol, side="BUY", price=str(price), qty=qty)

    def _wish(self, order: Order) -> None:
        now = Order.objects.get(pk=order.pk)
        if now.ord_status in WORKING:
            orders.request_cancel(
                order_id=order.pk, requested_by="ann", reason="story", now=self.now().wall
            )

    def _under(self, plan: str, work: Callable[[], object]) -> None:
        self.gateway.balances(account="")
        self.change("faults", plan=plan)
        work()
        self.change("faults", plan="")

    def _send(self) -> None:
        self.desk.held_back_until = 0.0
        routing.send_all(desk=self.desk, gateway=self.gateway, at=self.now())

    def _cancel(self) -> None:
        routing.cancel_all(desk=self.desk, gateway=self.gateway, at=self.now())

    def _sweep(self) -> None:
        with turns.alone(self.desk.account.pk):
            turns.turn(desk=self.desk, gateway=self.gateway, at=self.now(), closed=True)
        self._cancel()
        self._send()
        reconciliation.follow(desk=self.desk, gateway=self.gateway, at=self.now())
        self._resolve()

    def _until_certain(self) -> None:
        deadline = time.monotonic() + 15
        while order_rows.of(self.desk).in_doubt() and time.monotonic() < deadline:
            self._resolve()
            time.sleep(0.1)

    def _resolve(self) -> None:
        reconciliation.resolve(desk=self.desk, gateway=self.gateway, at=self.now())
