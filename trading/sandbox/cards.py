"""What every gateway must do at a venue, one card a rule (venues.md 2.2 and 2.3).

1. A card is played on a fresh exchange; what it finds is held against the exchange's own truth.
2. After every card the venue has taken exactly the orders that it should have.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel.errors import GatewayError, RejectedByVenue
from aitrader.kernel.fix import CLOSED, ExecType, OrdType, Side, TimeInForce
from trading.domain.execution_report import ExecutionReport
from trading.domain.instrument import parse_code
from trading.domain.order_state import OrderState
from trading.domain.ports import ClientIdClass, GroupGateway, NewOrder
from trading.sandbox.stand import Stand

Card = Callable[[Stand], None]
#: Unreadable answers are drawn: so many are of every kind, and within every limit of requests.
_GARBAGE = 9


class Failed(Exception):
    """A card that does not hold; the text says what was found instead."""


def a_limit_order_rests_is_listed_and_is_cancelled(stand: Stand) -> None:
    order = stand.order()
    (said,) = stand.gateway.submit(account=stand.account, order=order)
    _see(said.exec_type, ExecType.NEW, "the answer")
    (listed,) = stand.gateway.open_orders(account=stand.account)
    _see((listed.cl_ord_id, listed.cum_qty), (order.cl_ord_id, 0), "the list")
    _see(_state(stand, order).ord_status, "NEW", "the query")
    ended = _cancel(stand, order)
    _see((ended.cl_ord_id, ended.exec_type), (order.cl_ord_id, ExecType.CANCELED), "the cancel")
    _see(list(stand.gateway.open_orders(account=stand.account)), [], "the list afterwards")


def a_market_order_tells_its_trades_at_once(stand: Stand) -> None:
    stand.quotes(ask="60000", qty="0.1")
    stand.quotes(bid="59980", ask="60100", qty="1")
    before = stand.gateway.balances(account=stand.account)
    order = stand.market_order(order_qty=Decimal("0.3"))
    trades = _trades(_send(stand, order))
    _see([str(t.last_qty.normalize()) for t in trades], ["0.1", "0.2"], "the quantities")
    _see([t.last_px for t in trades], [60_000, 60_100], "the prices")
    after = stand.gateway.balances(account=stand.account)
    paid = sum((t.last_qty * t.last_px for t in trades), Decimal(0))
    fees: dict[str, Decimal] = {}
    for trade in trades:
        fees[trade.fee_asset] = fees.get(trade.fee_asset, Decimal(0)) + trade.fee
    parts = parse_code(order.instrument)
    moved = {parts.base: Decimal("0.3"), parts.quote: -paid}
    for asset in sorted(before.keys() | fees.keys()):
        expected = before[asset] + moved.get(asset, Decimal(0)) - fees.get(asset, Decimal(0))
        _see(after[asset], expected, f"the balance of {asset}")


def trades_told_at_once_and_asked_for_are_the_same(stand: Stand) -> None:
    stand.quotes(qty="0.005")
    order = stand.order(price=Decimal(60_000))
    told = _trades(_send(stand, order))
    _see(len(told), 1, "trades told")
    found = _trades(_query(stand, order) or [])
    _see([_facts(t) for t in found], [_facts(t) for t in told], "the trades")


def an_immediate_order_ends_with_what_it_found(stand: Stand) -> None:
    stand.quotes(qty="0.004")
    order = stand.order(price=Decimal(60_000), time_in_force=TimeInForce.IOC)
    state = _join(order, _send(stand, order))
    _see((state.ord_status in CLOSED, state.cum_qty), (True, Decimal("0.004")), "the state")


def a_stop_rests_and_is_triggered(stand: Stand) -> None:
    stand.quotes()
    stop = {"side": Side.SELL, "stop_px": Decimal(59_000)}
    if OrdType.STOP in stand.gateway.capabilities.ord_types:
        order = stand.order(ord_type=OrdType.STOP, price=None, **stop)
    else:
        order = stand.order(ord_type=OrdType.STOP_LIMIT, price=Decimal(58_000), **stop)
    stand.gateway.submit(account=stand.account, order=order)
    _see(_state(stand, order).ord_status, "NEW", "the stop at first")
    stand.change("book", instrument=stand.scene.symbol, side="SELL", qty="1")
    stand.quotes(bid="58900", ask="59100")
    stand.change("book", instrument=stand.scene.symbol, side="SELL", qty="0.1")
    _see(_state(stand, order).ord_status, "FILLED", "the stop")


def a_bad_order_is_refused_and_a_good_one_follows(stand: Stand) -> None:
    for changes in (
        {"order_qty": Decimal("0.0000000001")},
        {"price": Decimal("50000.123456")},
        {"order_qty": Decimal(1000)},
    ):
        _refused(stand, stand.order(**changes))
    _see(len(stand.at_venue()), 0, "orders at the venue")
    stand.gateway.submit(account=stand.account, order=stand.order())
    _see(len(stand.at_venue()), 1, "orders at the venue")


def an_order_that_never_was_is_not_known(stand: Stand) -> None:
    order = stand.order()
    _see(_query(stand, order), None, "the query")
    try:
        _cancel(stand, order)
    except RejectedByVenue:
        return
    raise Failed("cancelling it was not refused")


def a_second_copy_of_an_open_order_is_no_refusal(stand: Stand) -> None:
    order = stand.order()
    said = stand.gateway.submit(account=stand.account, order=order)
    if stand.gateway.capabilities.client_id_class is ClientIdClass.IDEMPOTENT:
        again = stand.gateway.submit(account=stand.account, order=order)
        _see(again[0].order_id, said[0].order_id, "the order of the second copy")
    else:
        _unknown(stand, order)
    _see(len(stand.at_venue()), 1, "orders at the venue")
    _see(_state(stand, order).ord_status, "NEW", "the query")


def a_lost_request_is_an_unknown_outcome(stand: Stand) -> None:
    stand.gateway.balances(account=stand.account)
    stand.faults("lose_request=1")
    order = stand.order()
    _unknown(stand, order)
    stand.faults("")
    _see(len(stand.at_venue()), 0, "orders at the venue")
    _see(_query(stand, order), None, "the query")


def answers_that_nobody_can_read_say_nothing(stand: Stand) -> None:
    """Of every kind: whichever can be read after all tells the truth."""
    stand.gateway.balances(account=stand.account)
    stand.faults("garbage=1")
    orders = [stand.order() for _ in range(_GARBAGE)]
    said = [_said(stand, order) for order in orders]
    stand.faults("")
    _see(set(said) - {"OutcomeUnknown", "an acceptance"}, set(), "the outcomes")
    _see("OutcomeUnknown" in said, True, "an unknown outcome")
    _see(len(stand.at_venue()), _GARBAGE, "orders at the venue")
    _see({_state(stand, order).ord_status for order in orders}, {"NEW"}, "the queries")


def _acted_on_without_an_answer(plan: str) -> Card:
    def card(stand: Stand) -> None:
        stand.gateway.balances(account=stand.account)
        stand.faults(f"{plan}=1")
        order = stand.order()
        _unknown(stand, order)
        stand.faults("")
        _see(len(stand.at_venue()), 1, "orders at the venue")
        _see(_state(stand, order).ord_status, "NEW", "the query")

    return card


def reads_that_lag_prove_nothing(stand: Stand) -> None:
    stand.faults("stale_read=1,stale_read_s=600")
    order = stand.order()
    stand.gateway.submit(account=stand.account, order=order)
    _see(_query(stand, order), None, "the lagging query")
    stand.faults("")
    _see(_state(stand, order).ord_status, "NEW", "the query afterwards")


def nothing_is_signed_while_our_clock_is_off(stand: Stand) -> None:
    stand.change("clock", offset_seconds=3)
    _not_sent(stand, stand.order())
    _see(len(stand.at_venue()), 0, "orders at the venue")
    stand.change("clock", offset_seconds=0)
    stand.gateway.submit(account=stand.account, order=stand.order())


def a_venue_that_wants_silence_has_it(stand: Stand) -> None:
    stand.gateway.balances(account=stand.account)
    stand.faults("rate_limit=1,retry_after_s=2")
    _not_sent(stand, stand.order())
    stand.faults("")
    _not_sent(stand, stand.order())
    time.sleep(2.1)
    stand.gateway.submit(account=stand.account, order=stand.order())
    _see(len(stand.at_venue()), 1, "orders at the venue")


def a_cancel_that_came_too_late_is_refused_and_the_fill_is_found(stand: Stand) -> None:
    stand.faults("fill_first=1")
    order = stand.order()
    stand.gateway.submit(account=stand.account, order=order)
    try:
        _cancel(stand, order)
    except RejectedByVenue:
        stand.faults("")
        _see(_state(stand, order).ord_status, "FILLED", "the query")
        return
    raise Failed("a cancel of a filled order was not refused")


def fees_in_a_third_asset_are_told_in_it(stand: Stand) -> None:
    stand.quotes()
    order = stand.market_order()
    (trade,) = _trades(_send(stand, order))
    _see(trade.fee_asset, "BNB", "the fee's asset")
    _see(trade.fee > 0, True, "the fee")


def short_pages_of_trades_in_one_millisecond_are_all_read(stand: Stand) -> None:
    for step in range(12):
        stand.quotes(bid="59000", ask=str(60_000 + step), qty="0.01")
    stand.faults("page_limit=5,same_ms=1")
    order = stand.market_order(order_qty=Decimal("0.12"))
    stand.gateway.submit(account=stand.account, order=order)
    found = _trades(_query(stand, order) or [])
    _see(len({t.exec_id for t in found}), 12, "the trades")
    _see(_join(order, found).ord_status, "FILLED", "the state")


def odd_ways_to_write_numbers_are_read(stand: Stand) -> None:
    stand.faults("odd_numbers=1")
    stand.quotes()
    order = stand.market_order(order_qty=Decimal("0.00001"))
    state = _join(order, _send(stand, order))
    _see(state.cum_qty, Decimal("0.00001"), "the quantity")
    stand.gateway.balances(account=stand.account)


def an_instrument_that_halts_refuses_and_no_other(stand: Stand) -> None:
    stand.change("book", instrument=stand.scene.symbol, status="HALT")
    _refused(stand, stand.order())
    there = stand.order(instrument=stand.scene.other, price=Decimal(2500), order_qty=Decimal("0.1"))
    stand.gateway.submit(account=stand.account, order=there)
    _see(len(stand.at_venue()), 1, "orders at the venue")


def a_post_only_order_that_would_take_is_refused(stand: Stand) -> None:
    stand.quotes()
    _refused(stand, stand.order(price=Decimal(60_000), post_only=True))
    _see(len(stand.gateway.open_orders(account=stand.account)), 0, "orders at the venue")
    order = stand.order(price=Decimal(59_980), post_only=True)
    stand.gateway.submit(account=stand.account, order=order)
    _see(_state(stand, order).ord_status, "NEW", "one that rests")


def a_good_till_date_order_ends_by_itself(stand: Stand) -> None:
    until = stand.now() + timedelta(seconds=2)
    order = stand.order(time_in_force=TimeInForce.GTD, expire_time=until)
    stand.gateway.submit(account=stand.account, order=order)
    _see(_state(stand, order).ord_status, "NEW", "the query before")
    time.sleep(2.3)
    _see(_state(stand, order).ord_status, "EXPIRED", "the query afterwards")
    _see(list(stand.gateway.open_orders(account=stand.account)), [], "the list afterwards")


def a_stop_and_a_target_rest_together_and_one_ends_the_other(stand: Stand) -> None:
    gateway = stand.gateway
    if not isinstance(gateway, GroupGateway):
        raise Failed("the gateway takes no group")
    stand.quotes()
    together = {"side": Side.SELL, "oco_group": "CARD-GROUP"}
    stop = stand.order(ord_type=OrdType.STOP, price=None, stop_px=Decimal(59_000), **together)
    target = stand.order(ord_type=OrdType.LIMIT_IF_TOUCHED, price=Decimal(61_000), **together)
    pair = [stop, target]
    said = gateway.submit_group(account=stand.account, orders=pair)
    names = {order.cl_ord_id for order in pair}
    _see({each.cl_ord_id for each in said}, names, "the answer")
    listed = gateway.open_orders(account=stand.account)
    _see({each.cl_ord_id for each in listed}, names, "the list")
    stand.change("book", instrument=stand.scene.symbol, side="BUY", price="61000", qty="2")
    _see(_state(stand, target).ord_status, "FILLED", "the target")
    ended = _state(stand, stop)
    _see((ended.ord_status in CLOSED, ended.cum_qty), (True, 0), "the stop")
    _see(list(gateway.open_orders(account=stand.account)), [], "the list afterwards")


_CARDS: tuple[tuple[str, Card], ...] = (
    ("R1", a_limit_order_rests_is_listed_and_is_cancelled),
    ("R2", a_market_order_tells_its_trades_at_once),
    ("R3", trades_told_at_once_and_asked_for_are_the_same),
    ("R4", an_immediate_order_ends_with_what_it_found),
    ("R5", a_stop_rests_and_is_triggered),
    ("R6", an_order_that_never_was_is_not_known),
    ("R7", a_post_only_order_that_would_take_is_refused),
    ("R8", a_good_till_date_order_ends_by_itself),
    ("R9", a_stop_and_a_target_rest_together_and_one_ends_the_other),
    ("X1", a_lost_request_is_an_unknown_outcome),
    ("X4", reads_that_lag_prove_nothing),
    ("X6", a_second_copy_of_an_open_order_is_no_refusal),
    ("X7", nothing_is_signed_while_our_clock_is_off),
    ("X8", a_venue_that_wants_silence_has_it),
    ("X9", a_bad_order_is_refused_and_a_good_one_follows),
    ("X15", a_cancel_that_came_too_late_is_refused_and_the_fill_is_found),
    ("X20", an_instrument_that_halts_refuses_and_no_other),
    ("X22", fees_in_a_third_asset_are_told_in_it),
    ("X26", odd_ways_to_write_numbers_are_read),
    ("X29", short_pages_of_trades_in_one_millisecond_are_all_read),
    ("X30", answers_that_nobody_can_read_say_nothing),
)
_UNANSWERED = (
    ("X2", "accept_no_answer"),
    ("X2", "timeout_code"),
    ("X2", "http_502"),
    ("X2", "http_504"),
)
#: Name to card, in the order they are played.
CARDS: Mapping[str, Card] = {
    **{f"{number} {card.__name__.replace('_', ' ')}": card for number, card in _CARDS},
    **{
        f"{number} acted on without an answer: {plan}": _acted_on_without_an_answer(plan)
        for number, plan in _UNANSWERED
    },
}
#: What the exchange is told from its start on.
PLANS: Mapping[Card, str] = {fees_in_a_third_asset_are_told_in_it: "fee_third=1"}


def _send(stand: Stand, order: NewOrder) -> list[ExecutionReport]:
    """What the answer to the order told, and where that is nothing of its trades, the query."""
    told = list(stand.gateway.submit(account=stand.account, order=order))
    return told if stand.scene.trades_at_once else [*told, *(_query(stand, order) or [])]


def _query(stand: Stand, order: NewOrder) -> list[ExecutionReport] | None:
    found = stand.gateway.query(
        account=stand.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id
    )
    return None if found is None else list(found)


def _cancel(stand: Stand, order: NewOrder) -> ExecutionReport:
    return stand.gateway.cancel(
        account=stand.account,
        instrument=order.instrument,
        cl_ord_id=order.cl_ord_id,
        at=stand.now(),
    )


def _state(stand: Stand, order: NewOrder) -> OrderState:
    return _join(order, _query(stand, order) or [])


def _join(order: NewOrder, reports: Iterable[ExecutionReport]) -> OrderState:
    state = OrderState(order.order_qty).sent()
    for report in reports:
        # Of two that are one order at the venue, both are told.
        if report.cl_ord_id == order.cl_ord_id:
            state = state.apply(report)
    return state


def _trades(reports: Iterable[ExecutionReport]) -> list[ExecutionReport]:
    return [each for each in reports if each.exec_type is ExecType.TRADE]


def _facts(trade: ExecutionReport) -> ExecutionReport:
    """A trade without the time, which an answer tells of the order and a query of the trade."""
    return replace(trade, transact_time=trade.transact_time.replace(microsecond=0))


def _refused(stand: Stand, order: NewOrder) -> None:
    _see(_said(stand, order), "RejectedByVenue", f"{order} was")


def _unknown(stand: Stand, order: NewOrder) -> None:
    _see(_said(stand, order), "OutcomeUnknown", "the outcome")


def _not_sent(stand: Stand, order: NewOrder) -> None:
    _see(_said(stand, order), "NotSent", "the outcome")


def _said(stand: Stand, order: NewOrder) -> str:
    """What the gateway takes the outcome of a new order for."""
    try:
        stand.gateway.submit(account=stand.account, order=order)
    except GatewayError as error:
        return type(error).__name__
    return "an acceptance"


def _see(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise Failed(f"{what}: {found!r}, not {expected!r}")
