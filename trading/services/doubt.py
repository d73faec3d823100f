"""Orders in doubt at a venue whose client order ids are no key for ever (domain/evidence.py).

1. Such an order is never sent again.
2. It leaves doubt upwards by the first sign of it, downwards only on the whole of the evidence,
   which is kept with the order and written down when it is concluded.
3. A trade that is not ours, or a balance that is not what we think, keeps it in doubt: a break. It
   is looked for all the while, so that whoever ends the break knows what the venue shows.
4. The list of open orders is asked for once in a look. Where many are in doubt it comes first: an
   order that rests there as it was sent, and has not traded, needs no question of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdStatus, OrdType, Origin, Side
from aitrader.kernel.money import ZERO, plain
from trading.domain import evidence
from trading.domain.evidence import Evidence, Step
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import Gateway, SeenOrder, letters
from trading.models import Order
from trading.selectors.desk import Desk
from trading.services import executions, order_rows, routing
from trading.services.listed import Listed

_MARGIN = timedelta(seconds=1)
#: So many questions about one order each cost a venue as much as its list of all open ones.
_MANY = 20


def adopt(*, desk: Desk, orders: Sequence[Order], listed: Listed, at: Moment) -> list[Order]:
    """Take what rests at the venue as it was sent for known, where many orders are in doubt;
    returns those of which more is to be asked."""
    if len(orders) < _MANY:
        return list(orders)
    try:
        found = listed.by_client_id()
    except GatewayError:
        return list(orders)
    reports, left = [], []
    for order in orders:
        row = found.get(order.cl_ord_id)
        if row is None or row.seen is None or row.cum_qty or not _is_as_sent(order, row.seen):
            left.append(order)
        else:
            reports.append(_resting(order, row.seen, at))
    if reports:
        executions.apply(desk=desk, reports=reports, at=at)
    return left


def _is_as_sent(order: Order, seen: SeenOrder) -> bool:
    """Whether the venue's order is ours, of which nothing was heard before."""
    symbol = letters(f"{order.instrument.base}{order.instrument.quote}")
    sent = (symbol, order.side, order.order_qty)
    return (
        order.closedness <= int(Closedness.SENT)
        and not order.cum_qty
        and sent == (seen.letters, seen.side, seen.order_qty)
    )


def _resting(order: Order, seen: SeenOrder, at: Moment) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=order.cl_ord_id,
        order_id=seen.order_id,
        exec_id=f"{ExecType.NEW}-{seen.order_id}",
        exec_type=ExecType.NEW,
        instrument=order.instrument.code,
        cum_qty=ZERO,
        transact_time=at.market,
    )


def clear(*, desk: Desk, gateway: Gateway, order: Order, listed: Listed, at: Moment) -> bool:
    """Take the next step about one order; True when its outcome became known."""
    sent_at, deadline = order_rows.of(desk).claimed(order)
    sent_at = sent_at or at.wall
    enters_within = gateway.capabilities.enters_within if deadline is None else deadline - sent_at
    found = evidence.from_json(order.evidence or {})
    # What may guard a holding is not touched, unless it is to be cancelled anyway.
    wanted = any(each.pk == order.pk for each in order_rows.of(desk).asked())
    may_probe = wanted or not _may_guard(order)
    step = evidence.next_step(
        found,
        sent_at=sent_at,
        now=at.wall,
        may_probe=may_probe,
        enters_within=enters_within,
    )
    try:
        if step is Step.READ:
            return _read(desk, gateway, order, found, listed, at)
        if step is Step.PROBE:
            return _probe(desk, gateway, order, found, at)
        if step is Step.COMPARE:
            if _compare(desk, gateway, order, found, sent_at, at):
                return True
            due = evidence.is_read_due(found, sent_at, at.wall)
            return due and _read(desk, gateway, order, found, listed, at)
    except GatewayError:
        routing.mark_unknown(desk=desk, order=order, reason="the venue did not answer", at=at)
    return False


def _may_guard(order: Order) -> bool:
    """Whether the order may bound a loss or keep a gain, whoever asked for it: a strategy, a person
    or somebody at the venue."""
    waits = order.ord_type not in (OrdType.MARKET, OrdType.LIMIT)
    return bool(waits or order.reduce_only or order.oco_group or order.origin == Origin.PROTECTION)


def _read(
    desk: Desk, gateway: Gateway, order: Order, found: Evidence, listed: Listed, at: Moment
) -> bool:
    account = desk.account.code
    reports = gateway.query(
        account=account, instrument=order.instrument.code, cl_ord_id=order.cl_ord_id
    )
    if reports is not None:
        executions.apply(desk=desk, reports=reports, at=at)
        return True
    crash.point("doubt.not_found")
    if order.cl_ord_id not in listed.by_client_id():
        order_rows.of(desk).keep_evidence(order, found.read(at.wall))
        crash.point("doubt.read_kept")
    routing.mark_unknown(
        desk=desk, order=order, reason="not found, which proves nothing yet", at=at
    )
    return False


def _probe(desk: Desk, gateway: Gateway, order: Order, found: Evidence, at: Moment) -> bool:
    crash.point("doubt.before_probe")
    try:
        report = gateway.cancel(
            account=desk.account.code,
            instrument=order.instrument.code,
            cl_ord_id=order.cl_ord_id,
            at=at.market,
        )
    except (NotSent, OutcomeUnknown):
        order_rows.of(desk).keep_evidence(order, found.asked(at.wall))
        return False
    except RejectedByVenue as error:
        # Not known, or closed already: which of the two, the reads will tell.
        kept = found.probed(at.wall) if error.gone else found.asked(at.wall)
        order_rows.of(desk).keep_evidence(order, kept)
        crash.point("doubt.probe_kept")
        return False
    executions.apply(desk=desk, reports=[report], at=at)
    return True


def _compare(
    desk: Desk, gateway: Gateway, order: Order, found: Evidence, sent_at: datetime, at: Moment
) -> bool:
    crash.point("doubt.before_compare")
    account, code = desk.account.code, order.instrument.code
    strange = [
        trade.exec_id
        for trade in gateway.trades(account=account, instrument=code, since=sent_at - _MARGIN)
        if trade.side in (None, order.side) and not order_rows.of(desk).is_booked(order, trade)
    ]
    differs = _differences(desk, order, gateway.balances(account=account))
    if strange or differs:
        if not order_rows.of(desk).is_doubtful(order.cl_ord_id):
            # Its end came meanwhile: from the stream, or by a person's word.
            return True
        theirs = ", ".join([*(f"trade {each}" for each in strange), *differs])
        executions.open_break(
            desk=desk, kind="DOUBT", object_id=order.cl_ord_id, ours="no trade", venues=theirs,
            at=at, evidence={"trades": strange, "balances": differs, **evidence.to_json(found)},
        )  # fmt: skip
        return False
    answer = executions.Answer(
        OrdStatus.REJECTED,
        Closedness.REJECTED,
        executions.NEVER_ACCEPTED,
        evidence=evidence.to_json(found),
        fencing_token=order.fencing_token,
    )
    executions.conclude(desk=desk, order_id=order.pk, answer=answer, at=at)
    return True


def _differences(desk: Desk, order: Order, venues: Mapping[str, Decimal]) -> list[str]:
    """What has moved as a fill of the order would have moved it; what others bring or take in the
    other direction says nothing about it."""
    base, quote = order.instrument.base, order.instrument.quote
    gets, gives = (base, quote) if order.side == Side.BUY else (quote, base)
    ours = order_rows.of(desk).balances(base, quote)
    more = venues.get(gets, ZERO) > ours.get(gets, ZERO)
    less = venues.get(gives, ZERO) < ours.get(gives, ZERO)
    return [
        f"{asset} {plain(venues.get(asset, ZERO))}"
        for asset, moved in ((gets, more), (gives, less))
        if moved
    ]
