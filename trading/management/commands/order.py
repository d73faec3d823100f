"""`order`: a person's orders, from the command line.

1. It writes rows and waits a moment for the desk that runs; it never talks to a venue about orders.
2. Fees and abilities of the venue are those that the desk kept, so that an order is written while
   the venue does not answer; where none are kept the venue is asked.
3. The person is an operator whose roles allow it.
"""

import time
from argparse import ArgumentParser
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL, Moment, iso, monotonic
from aitrader.kernel.errors import BadInput, GatewayError, Refused
from aitrader.kernel.fix import CLOSED, OrdStatus
from aitrader.kernel.money import plain
from compliance.services import access, installation
from trading.domain.ports import Capabilities, Fees
from trading.gateways import registry, sheet
from trading.management import order_arguments as arguments
from trading.models import Feed, Order, ParentOrder, Venue, VenueFacts
from trading.selectors import desk as desks
from trading.selectors import person_view
from trading.selectors.desk import Desk
from trading.selectors.person_view import Line
from trading.services import pairs, person_orders, replacing, twap

_POLL_SECONDS = 0.1
_UNSENT = (OrdStatus.CREATED, OrdStatus.PENDING_NEW)


class Command(BaseCommand):
    """Exit code 1 when an order was denied, refused by the venue, or there was nothing to do."""

    requires_system_checks: list[str] = []
    help = "Submit, replace, cancel and list orders of a person; the running desk sends them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add(parser)

    def handle(self, **given: Any) -> None:
        try:
            done = {
                "submit": self._submit,
                "oco": self._oco,
                "twap": self._twap,
                "replace": self._replace,
                "cancel": self._cancel,
                "list": self._list,
            }[given["what"]](given)
        except Refused as error:
            raise BadInput(str(error)) from None
        if not done:
            raise SystemExit(1)

    def _submit(self, given: dict[str, Any]) -> bool:
        wish = arguments.wish(given)
        by = access.operator_named(given["by"])
        desk, at = _desk(given["account"])
        order = person_orders.submit(desk=desk, wish=wish, by=by, reason=given["reason"], at=at)
        return self._answer(order, given["wait"])

    def _oco(self, given: dict[str, Any]) -> bool:
        pair = arguments.pair(given)
        by = access.operator_named(given["by"])
        desk, at = _desk(given["account"])
        written = pairs.submit(desk=desk, pair=pair, by=by, reason=given["reason"], at=at)
        answered = [self._answer(order, given["wait"]) for order in written]
        return all(answered)

    def _twap(self, given: dict[str, Any]) -> bool:
        wish = arguments.over_time(given)
        by = access.operator_named(given["by"])
        desk, at = _desk(given["account"])
        parent = twap.start(desk=desk, wish=wish, by=by, reason=given["reason"], at=at)
        self.stdout.write(f"{parent.public_id} {person_view.parent_status(parent)}")
        self.stdout.write(f"  {parent.slices} slices until {iso(parent.ends_at)} of market time")
        return True

    def _replace(self, given: dict[str, Any]) -> bool:
        changes = {name: arguments.number(given, name) for name in ("qty", "price")}
        by = access.operator_named(given["by"])
        old = person_view.find(given["order"])
        if isinstance(old, ParentOrder):
            raise BadInput("an order over time is not replaced: cancel it, and order what is left")
        desk, at = _desk(old.account.code)
        new = replacing.request(
            desk=desk,
            order_id=old.pk,
            order_qty=changes["qty"],
            price=changes["price"],
            by=by,
            reason=given["reason"],
            at=at,
        )
        done = self._answer(new, given["wait"])
        old.refresh_from_db()
        self._tell(old)
        return done

    def _cancel(self, given: dict[str, Any]) -> bool:
        by = access.operator_named(given["by"])
        found = person_view.find(given["order"])
        why, now = given["reason"], WALL.now()
        if isinstance(found, ParentOrder):
            market_at = Feed.objects.get(account=found.account).market_at or now
            asked = person_orders.Asked(
                twap.request_cancel(
                    parent_id=found.pk, by=by, reason=why, now=now, market_at=market_at
                )
            )
        else:
            asked = person_orders.cancel(order=found, by=by, reason=why, now=now)
        if not asked.done:
            self.stdout.write("nothing to cancel: it is closed, or its cancel is on its way")
        elif isinstance(found, ParentOrder):
            self.stdout.write(f"{found.public_id} PENDING_CANCEL")
        else:
            self._wait(found, given["wait"], until_closed=True)
            self._tell(found)
            for line in asked.besides:
                self.stdout.write(f"  {line}")
        return asked.done

    def _list(self, given: dict[str, Any]) -> bool:
        found = person_view.lines(given["account"] or "", closed=given["all"])
        for each in found:
            self.stdout.write(_row(each))
        if not found:
            self.stdout.write("no orders")
        if given["json"]:
            Path(given["json"]).write_bytes(
                orjson.dumps([asdict(each) for each in found], default=str)
            )
        return True

    def _answer(self, order: Order, seconds: float) -> bool:
        self._wait(order, seconds, until_closed=False)
        self._tell(order)
        if order.ord_status in _UNSENT:
            self.stdout.write("no answer yet: the desk that runs sends it (order list)")
        return order.ord_status not in (OrdStatus.DENIED, OrdStatus.REJECTED)

    def _wait(self, order: Order, seconds: float, *, until_closed: bool) -> None:
        """Until the desk has an answer, or for so long."""
        deadline = monotonic() + seconds
        while True:
            order.refresh_from_db()
            waits = order.ord_status not in CLOSED if until_closed else order.ord_status in _UNSENT
            if not waits or monotonic() >= deadline:
                return
            time.sleep(_POLL_SECONDS)

    def _tell(self, order: Order) -> None:
        filled = f", {plain(order.filled_qty)} filled" if order.filled_qty else ""
        self.stdout.write(f"{order.public_id} {person_view.status_of(order)}{filled}")
        for line in person_view.reasons(order):
            self.stdout.write(f"  {line}")


def _desk(account: str) -> tuple[Desk, Moment]:
    """The account's desk as its last bar left it, and the instant."""
    feed = Feed.objects.select_related("account__venue").filter(account__code=account).first()
    if feed is None:
        raise BadInput(f"there is no account {account}")
    if feed.market_at is None:
        raise BadInput(f"account {account} has no prices yet: start the desk first")
    fee_rate, capabilities = _kept(feed.account.venue) or _asked(feed.account.venue)
    desk = desks.load(
        account_id=feed.account_id,
        namespace=installation.namespace(),
        fee_rate=fee_rate,
        capabilities=capabilities,
    )
    desk.refresh_bars()
    return desk, Moment(feed.market_at, WALL.now())


def _kept(venue: Venue) -> tuple[Decimal, Capabilities] | None:
    """The highest fee, as a share of notional, and the abilities that the desk was told last."""
    facts = VenueFacts.objects.filter(venue=venue).first()
    if facts is None or facts.maker_rate is None or facts.taker_rate is None:
        return None
    capabilities = sheet.understood(facts.capabilities)
    fees = Fees(facts.maker_rate, facts.taker_rate)
    return None if capabilities is None else (fees.highest, capabilities)


def _asked(venue: Venue) -> tuple[Decimal, Capabilities]:
    try:
        connected = registry.connect(venue.code, namespace=installation.namespace())
    except GatewayError as error:
        raise BadInput(f"the venue does not tell its fees: {error}") from None
    return connected.fee_rate, connected.gateway.capabilities


def _row(each: Line) -> str:
    px = "" if each.price is None else f" @ {plain(each.price)}"
    text = f"  {each.text}" if each.text else ""
    return (
        f"{each.public_id[:12]}  {iso(each.created_at)[:19]}  {each.account}  {each.instrument}"
        f"  {each.side} {plain(each.filled_qty)}/{plain(each.order_qty)}{px}  {each.kind}"
        f"  {each.status}  {each.origin}{text}"
    )
