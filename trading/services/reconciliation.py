"""RECONCILE: asks the venue about what we are not sure of, and compares the books.

1. It produces the same reports that SETTLE takes; what no report explains becomes a break.
2. An order leaves UNKNOWN only on the evidence of the venue. Where it keeps client order ids for
   ever (IDEMPOTENT), sending the same bytes again is both the query and the repair; when that is
   refused, or may not be done any more, evidence is gathered as everywhere (doubt.py).
3. An order claimed by a live sender is left alone until its lease has run out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus, Origin
from aitrader.kernel.money import CONTEXT, ZERO, plain
from trading.domain import evidence
from trading.domain.order_state import Closedness
from trading.domain.ports import ClientIdClass, Gateway, OpenOrder
from trading.models import Order, ReconBreak
from trading.models.recon_break import Severity
from trading.selectors import freshness
from trading.selectors.desk import Desk
from trading.selectors.order_store import OrderStore
from trading.services import claims, doubt, executions, order_rows, refused_key, routing
from trading.services.listed import Listed

#: Of an account of which something differs.
_MOST_LOOKS = 3
_Key = tuple[str, str]


def recover(*, desk: Desk, gateway: Gateway, at: Moment) -> None:
    """Start-up, before anything is sent: no sender is alive, so every lease has ended."""
    order_rows.of(desk).end_leases()
    executions.drain(desk=desk, gateway=gateway, at=at)
    resolve(desk=desk, gateway=gateway, at=at)
    compare(desk=desk, gateway=gateway, at=at)


def resolve(*, desk: Desk, gateway: Gateway, at: Moment, listed: Listed | None = None) -> int:
    """Ask about every order we are not sure of; returns how many were cleared up."""
    doubtful = order_rows.of(desk).doubtful()
    listed = listed or Listed(desk, gateway)
    left = doubt.adopt(desk=desk, orders=doubtful, listed=listed, at=at)
    cleared = len(doubtful) - len(left)
    return cleared + sum(_resolve(desk, gateway, order, listed, at) for order in left)


def follow(
    *,
    desk: Desk,
    gateway: Gateway,
    at: Moment,
    only_working: bool = False,
    listed: Listed | None = None,
) -> int:
    """Ask about every working order that the venue's list of open orders shows otherwise, at a
    venue whose stream does not tell everything; returns how many.

    `only_working`: the list is asked for where orders of ours work, and where none does of one
    instrument, for the answer shows that our key still opens the account; else of the whole
    account, which costs the venue's patience but shows orders that should be gone.
    """
    if gateway.capabilities.streams:
        return 0
    store = order_rows.of(desk)
    working = store.resting()
    where = _where(desk, working) if only_working else set()
    try:
        found = (listed or Listed(desk, gateway, instruments=where)).by_client_id()
    except GatewayError as error:
        # A read that failed says nothing; the next look comes in seconds.
        refused_key.see(desk=desk, error=error, at=at)
        return 0
    moved = [order for order in working if _has_moved(order, found.get(order.cl_ord_id))]
    for order in store.closed_among(found):
        if _is_ours(order, found[order.cl_ord_id]):
            _end_risen(desk, gateway, order, at)
    return sum(_ask_quietly(desk, gateway, order, at) for order in moved)


def _where(desk: Desk, working: Sequence[Order]) -> set[str]:
    first = [row.code for row in desk.instruments.values()][:1]
    return {order.instrument.code for order in working} or set(first)


def _has_moved(order: Order, seen: OpenOrder | None) -> bool:
    return seen is None or seen.cum_qty != order.cum_qty


def _is_ours(order: Order, resting: OpenOrder) -> bool:
    """Whether what rests is that very order: other hands may use a client id again."""
    if order.origin == Origin.EXTERNAL:
        return False
    return resting.seen is None or order.order_id in ("", resting.seen.order_id)


def _end_risen(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> None:
    """An order that we hold for closed rests at the venue: a break, and it is cancelled there."""
    _ask_quietly(desk, gateway, order, at)
    try:
        report = gateway.cancel(
            account=desk.account.code,
            instrument=order.instrument.code,
            cl_ord_id=order.cl_ord_id,
            at=at.market,
        )
    except GatewayError:
        return
    executions.apply(desk=desk, reports=[report], at=at)


def _ask_quietly(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    """One order that the venue, or we, cannot speak of keeps no other from being asked about."""
    try:
        return _ask(desk, gateway, order, at)
    except GatewayError:
        return False


def _ask(desk: Desk, gateway: Gateway, order: Order, at: Moment) -> bool:
    reports = gateway.query(
        account=desk.account.code, instrument=order.instrument.code, cl_ord_id=order.cl_ord_id
    )
    if reports is None:
        return False
    executions.apply(desk=desk, reports=reports, at=at)
    return order_rows.of(desk).is_settled(order)


def _resolve(desk: Desk, gateway: Gateway, order: Order, listed: Listed, at: Moment) -> bool:
    if order.closedness > int(Closedness.SENT):
        # The venue has taken it: only its fills are in doubt.
        return _ask_quietly(desk, gateway, order, at)
    if gateway.capabilities.client_id_class is not ClientIdClass.IDEMPOTENT:
        return doubt.clear(desk=desk, gateway=gateway, order=order, listed=listed, at=at)
    try:
        reports = gateway.query(
            account=desk.account.code,
            instrument=order.instrument.code,
            cl_ord_id=order.cl_ord_id,
        )
    except GatewayError:
        reason = "the venue did not answer the query"
        routing.mark_unknown(desk=desk, order=order, reason=reason, at=at)
        return False
    if reports is not None:
        executions.apply(desk=desk, reports=reports, at=at)
        return True
    exact = gateway.capabilities.exact_reads
    refused = evidence.from_json(order.evidence or {}).refused
    with order_rows.of(desk).sending():
        if _may_still_send(desk, order, at) and not refused:
            if not exact:
                return routing.repeat(desk=desk, gateway=gateway, order=order, at=at)
            routing.submit(desk=desk, gateway=gateway, order=order, at=at)
            return True
    if not exact:
        return doubt.clear(desk=desk, gateway=gateway, order=order, listed=listed, at=at)
    answer = executions.Answer(
        OrdStatus.REJECTED,
        Closedness.REJECTED,
        executions.NEVER_ACCEPTED,
        fencing_token=order.fencing_token,
    )
    executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    return True


def _may_still_send(desk: Desk, order: Order, at: Moment) -> bool:
    if order.expires_at is not None and freshness.market_now(desk.feed, at) >= order.expires_at:
        return False
    return claims.may_send(desk, order, order_rows.of(desk).restricting())


@dataclass(frozen=True, slots=True)
class Compared:
    """`agree`: nothing of ours differs. `matched` open orders and balances are the same on both
    sides; what is `moving` differed otherwise from look to look."""

    agree: bool
    matched: int
    moving: frozenset[_Key] = frozenset()


@dataclass(frozen=True, slots=True)
class _Look:
    """Differences of ours, and orders of others, by kind and object: here and there."""

    differences: dict[_Key, tuple[str, str]]
    strangers: dict[_Key, tuple[str, str]]
    matched: int
    #: What differs otherwise than it did in the look before: something is under way.
    moving: frozenset[_Key] = frozenset()
    #: Orders of others, by client id, that would move what the desk trades.
    major: frozenset[str] = frozenset()

    def among(self, other: "_Look") -> "_Look":
        """What differs in both; what is said of it is ours."""
        mine = {k: v for k, v in self.differences.items() if k in other.differences}
        return replace(
            self,
            differences=mine,
            strangers={k: v for k, v in self.strangers.items() if k in other.strangers},
            moving=frozenset(k for k, v in mine.items() if not _alike(k, v, other.differences[k])),
        )


def compare(
    *,
    desk: Desk,
    gateway: Gateway,
    at: Moment,
    listed: Listed | None = None,
    again: Callable[[], Listed] | None = None,
) -> Compared:
    """Compare open orders and balances with the venue. Breaks that are gone or have changed are
    closed, new ones opened.

    `again` takes in what came meanwhile: of an account that trades all the while, books and
    balances are of two instants. What differs is looked at once more, and differs if it does in
    each look. A balance that differs by as much as before differs in the same way, whatever was
    traded since; while it differs otherwise from look to look, its break stays as it is.
    """
    found = _look(desk, gateway, listed or Listed(desk, gateway))
    for _ in range(_MOST_LOOKS - 1):
        if again is None or not found.differences:
            break
        before, found = found, _look(desk, gateway, again())
        steady = found.differences.keys() == before.differences.keys()
        found = found.among(before)
        if steady and not found.moving:
            break
    differences, strangers = found.differences, found.strangers
    store = order_rows.of(desk)
    with store.atomic():
        for row in store.open_breaks():
            if _is_over(store, row, differences | strangers):
                said = "the books agree again"
                executions.close_break(desk=desk, found=row, resolution=said, at=at)
            else:
                _go_on(desk, row, found, at)
    for told in (differences, strangers):
        for (kind, object_id), (here, there) in sorted(told.items()):
            ours = told is differences or object_id in found.major
            executions.open_break(
                desk=desk, kind=kind, object_id=object_id, ours=here, venues=there, at=at,
                severity=Severity.MAJOR if ours else Severity.MINOR,
            )  # fmt: skip
    crash.point("compare.breaks_opened")
    with store.atomic():
        store.reconciled(at)
        event = Event(
            name=EventName.RECONCILED,
            actor="desk",
            object_type="account",
            object_id=desk.account.code,
            market_at=at.market,
            data={"breaks": len(differences) + len(strangers)},
        )
        store.record([event], now=at.wall)
        crash.point("compare.before_commit")
    return Compared(not differences, found.matched, found.moving)


def _look(desk: Desk, gateway: Gateway, listed: Listed) -> _Look:
    resting = listed.by_client_id().keys()
    store = order_rows.of(desk)
    ours, doubtful = store.resting_ids(), store.in_doubt() | listed.doubtful_before
    # What is in doubt is asked about one by one (`resolve`): it is no difference yet. Nor is what
    # has begun to rest since the list was asked for.
    lost = (ours & listed.resting_before) - resting - doubtful
    missing = {("OPEN_ORDER", each): ("open", "not open") for each in lost}
    # Orders that are not the desk's, where it cannot take them in.
    foreign = resting - ours - listed.resting_before - doubtful
    seen = listed.by_client_id()
    strangers = {("OPEN_ORDER", each): ("not open", _told_of(seen[each])) for each in foreign}
    major = frozenset(each for each in foreign if _touches(desk, seen[each]))
    balances, same = _balance_differences(desk, gateway)
    return _Look(missing | balances, strangers, len(resting & ours) + same, major=major)


def _told_of(order: OpenOrder) -> str:
    """An order of others, as far as the venue tells of it."""
    seen = order.seen
    if seen is None:
        return "open"
    px = seen.price or seen.stop_px
    at = "" if px is None else f" @ {plain(px)}"
    return f"open: {seen.side} {plain(seen.order_qty)} {seen.symbol}{at} {seen.ord_type}"


def _touches(desk: Desk, order: OpenOrder) -> bool:
    """Whether an order of others, where the desk trades nothing, would move an asset of the desk's:
    its fills come as flows of both assets, and until then it is not in the exposure."""
    assets = {asset for row in desk.instruments.values() for asset in (row.base, row.quote)}
    symbol = "" if order.seen is None else order.seen.letters
    return any(symbol.startswith(each) or symbol.endswith(each) for each in assets)


def _is_over(store: OrderStore, row: ReconBreak, differences: Collection[tuple[str, str]]) -> bool:
    """Whether a break is explained by now; a person closes those that are not compared."""
    if row.kind in ("DOUBT", "FILLS"):
        return not store.is_doubtful(row.object_id)
    return row.kind in ("OPEN_ORDER", "BALANCE") and (row.kind, row.object_id) not in differences


def _go_on(desk: Desk, row: ReconBreak, found: _Look, at: Moment) -> None:
    """What becomes of a break of which something differs still."""
    key = (row.kind, row.object_id)
    before, now = (row.ours, row.venues), found.differences.get(key)
    if now is None or now == before:
        return
    if _alike(key, before, now):
        row.ours, row.venues = now
        order_rows.of(desk).keep_break(row)
    elif key not in found.moving:
        executions.close_break(desk=desk, found=row, resolution="it has changed", at=at)


def _alike(key: _Key, before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether it differs in the same way: of a balance, by as much."""
    if key[0] != "BALANCE":
        return before == now
    return CONTEXT.subtract(*map(Decimal, before)) == CONTEXT.subtract(*map(Decimal, now))


def _balance_differences(
    desk: Desk, gateway: Gateway
) -> tuple[dict[tuple[str, str], tuple[str, str]], int]:
    """Balances that differ, and how many are the same."""
    venues = gateway.balances(account=desk.account.code)
    ours = order_rows.of(desk).balances()
    assets = sorted(ours.keys() | venues.keys())
    found = {
        ("BALANCE", asset): (plain(ours.get(asset, ZERO)), plain(venues.get(asset, ZERO)))
        for asset in assets
        if ours.get(asset, ZERO) != venues.get(asset, ZERO)
    }
    return found, len(assets) - len(found)
