"""Balances that have differed from the venue's for a while, every trade booked: what explains them.

1. They are compared once more, and must differ in the same way: by as much, for an account may
   trade all the while.
2. Trades that the venue took back come first (voided.py). What they do not explain was moved from
   outside: a flow (flows.py).
3. What a fill of an order in doubt or on its way would move is not judged; what differed before the
   order was claimed, it did not move.
"""

from collections.abc import Sequence
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import Side
from aitrader.kernel.money import CONTEXT, ONE, ZERO, plain
from trading.domain.ports import Gateway
from trading.models import ReconBreak
from trading.selectors.desk import Desk
from trading.selectors.order_store import KeptFill, OrderStore
from trading.services import executions, flows, order_rows, reconciliation, voided
from trading.services.listed import Listed


def end(
    *,
    desk: Desk,
    gateway: Gateway,
    stood: Sequence[ReconBreak],
    unlisted: Sequence[KeptFill],
    at: Moment,
) -> int:
    """Book what explains the breaks that have stood for a while; returns how much. `unlisted` are
    fills that the venue lists no more; every trade that it lists is booked.

    Raises GatewayError when the venue does not tell.
    """
    if not any(row.kind == "BALANCE" for row in stood):
        return 0

    def again() -> Listed:
        listed = Listed(desk, gateway)
        reconciliation.follow(desk=desk, gateway=gateway, at=at, listed=listed)
        return listed

    # Whether they still differ in the same way.
    compared = reconciliation.compare(desk=desk, gateway=gateway, at=at, again=again)
    store = order_rows.of(desk)
    still = {row.pk: row for row in store.open_breaks() if row.kind == "BALANCE"}
    due = [
        still[row.pk]
        for row in stood
        if row.pk in still and ("BALANCE", row.object_id) not in compared.moving
    ]
    by_asset = {row.object_id: row for row in due}
    done = voided.take_back(desk=desk, fills=unlisted, breaks=by_asset, at=at)
    if done or not due or _may_be_a_fill(store, [*still.values()], due):
        # What is left is compared anew.
        return done
    for row in due:
        with store.atomic():
            store.lock()
            ours = store.balances(row.object_id).get(row.object_id, ZERO)
            if plain(ours) != row.ours:
                continue
            if book(desk=desk, found=row, at=at):
                said = "moved from outside"
                executions.close_break(desk=desk, found=row, resolution=said, at=at)
                done += 1
            crash.point("flow.before_commit")
        crash.point("flow.committed")
    return done


def _may_be_a_fill(
    store: OrderStore, breaks: Sequence[ReconBreak], due: Sequence[ReconBreak]
) -> bool:
    """Whether balances differ as a fill of an order in doubt would move them: what it gets has come
    and what it gives is gone. Nothing is judged while an order is on its way that was before."""
    noticed = [row.noticed_at for row in due if row.noticed_at is not None]
    doubtful = {order.pk for order in store.doubtful()}
    moved = {row.object_id: Decimal(row.venues) - Decimal(row.ours) for row in breaks}
    for order in store.unsettled():
        claimed_at, _ = store.claimed(order)
        if noticed and claimed_at is not None and claimed_at > max(noticed):
            continue
        if order.pk not in doubtful:
            return True
        sign, row = Side(order.side).sign, order.instrument
        if sign * moved.get(row.base, ZERO) > 0 and sign * moved.get(row.quote, ZERO) < 0:
            return True
    return False


def book(*, desk: Desk, found: ReconBreak, at: Moment, actor: str = "venue") -> bool:
    """Book what a balance differs by as a flow; False without a price that it needs. The caller
    holds the account's lock, and the balance is still what the break says."""
    asset, moved = found.object_id, CONTEXT.subtract(Decimal(found.venues), Decimal(found.ours))
    currency = desk.account.base_currency
    px = ONE if asset == currency else desk.px_of(asset, currency)
    if px is None and any(row.base == asset for row in desk.instruments.values()):
        # It will count as a position: not without a price.
        return False
    flows.book(
        desk=desk, kind="EXTERNAL", key=found.public_id, asset=asset, amount=moved, px=px,
        at=at.market,
    )  # fmt: skip
    event = Event(
        name=EventName.FLOW_BOOKED,
        actor=actor,
        object_type="account",
        object_id=desk.account.code,
        market_at=at.market,
        data={"account": desk.account.code, "asset": asset, "amount": moved, "px": px},
    )
    order_rows.of(desk).record([event], now=at.wall)
    return True
