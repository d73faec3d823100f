"""Worked examples of matching: times in force, post-only, market orders, self-trade prevention."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.fix import Liquidity, OrdStatus, OrdType, TimeInForce
from tests.factories.sandbox import BTC, BUY, SELL, START, D, Desk, order
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.events import DepthEvent, Execution, OrderEvent, TradeEvent
from trading.sandbox.orders import Ending, SelfTrade
from trading.sandbox.rules import Refusal, Refused


@pytest.fixture
def desk() -> Desk:
    """Boris offers 1 at 100, then 2 at 101; Carla 1 at 100, after Boris."""
    desk = Desk("anna", "boris", "carla")
    desk.limit("boris", SELL, "1", "100")
    desk.limit("carla", SELL, "1", "100")
    desk.limit("boris", SELL, "2", "101")
    return desk


def trades(desk: Desk) -> list[tuple[Any, ...]]:
    """Seller's order, price, quantity."""
    found = desk.exchange.records.public_trades(BTC)
    return [(each.sell_order_id, each.px, each.qty) for each in found]


def executions(desk: Desk, order_id: int) -> list[Execution]:
    return [
        event.execution
        for event in desk.log.events
        if isinstance(event, OrderEvent) and event.order.order_id == order_id
    ]


def test_price_goes_before_time_and_the_rest_rests(desk: Desk) -> None:
    taken = desk.limit("anna", BUY, "5", "101")
    assert trades(desk) == [(1, 100, 1), (2, 100, 1), (3, 101, 2)]
    assert taken.ord_status is OrdStatus.PARTIALLY_FILLED
    assert (taken.cum_qty, taken.leaves_qty, taken.avg_px) == (D(4), D(1), D("100.5"))
    depth = desk.exchange.depth(BTC)
    assert depth.bids == ((D(101), D(1)),)
    assert depth.asks == ()


def test_events_of_one_order_come_in_one_order(desk: Desk) -> None:
    before = len(desk.log.events)
    desk.limit("anna", BUY, "1.5", "100")
    told = desk.log.events[before:]
    assert [type(each).__name__ for each in told] == [
        *("OrderEvent", "OrderEvent", "OrderEvent", "TradeEvent"),
        *("OrderEvent", "OrderEvent", "TradeEvent"),
        *("BalanceEvent", "BalanceEvent", "BalanceEvent", "BalanceEvent", "DepthEvent"),
    ]
    sides = [
        (each.order.account, each.execution, each.fill and each.fill.liquidity)
        for each in told
        if isinstance(each, OrderEvent)
    ]
    assert sides == [
        ("anna", Execution.NEW, None),
        ("boris", Execution.TRADE, Liquidity.MAKER),
        ("anna", Execution.TRADE, Liquidity.TAKER),
        ("carla", Execution.TRADE, Liquidity.MAKER),
        ("anna", Execution.TRADE, Liquidity.TAKER),
    ]
    depth = told[-1]
    assert isinstance(depth, DepthEvent)
    assert (depth.bids, depth.asks) == ((), ((D(100), D("0.5")),))
    assert depth.last_update_id - depth.first_update_id == 1


def test_a_resting_order_that_loses_quantity_keeps_its_place(desk: Desk) -> None:
    desk.limit("anna", BUY, "0.4", "100")
    desk.limit("anna", BUY, "1", "100")
    assert trades(desk) == [(1, 100, D("0.4")), (1, 100, D("0.6")), (2, 100, D("0.4"))]


def test_ioc_takes_what_is_there(desk: Desk) -> None:
    taken = desk.limit("anna", BUY, "3", "100", time_in_force=TimeInForce.IOC)
    assert (taken.ord_status, taken.ending) == (OrdStatus.EXPIRED, Ending.IMMEDIATE)
    assert taken.cum_qty == 2
    assert desk.locked("anna", "USDT") == 0


def test_fok_takes_all_or_nothing(desk: Desk) -> None:
    refused = desk.limit("anna", BUY, "4.001", "101", time_in_force=TimeInForce.FOK)
    assert (refused.ord_status, refused.ending) == (OrdStatus.EXPIRED, Ending.FILL_OR_KILL)
    assert refused.cum_qty == 0
    assert trades(desk) == []
    taken = desk.limit("anna", BUY, "4", "101", time_in_force=TimeInForce.FOK)
    assert taken.ord_status is OrdStatus.FILLED


def test_gtd_expires_at_its_time_even_if_nobody_asks(desk: Desk) -> None:
    until = START + timedelta(seconds=30)
    gtd = desk.limit("anna", BUY, "1", "99", time_in_force=TimeInForce.GTD, expire_at=until)
    desk.exchange.advance(until - timedelta(milliseconds=1))
    assert desk.read(gtd).is_open
    desk.exchange.advance(until)
    expired = desk.read(gtd)
    assert (expired.ord_status, expired.ending) == (OrdStatus.EXPIRED, Ending.EXPIRE_AT)
    assert expired.transact_time == until
    late = order("anna", BUY, "1", price=D(99), time_in_force=TimeInForce.GTD, expire_at=until)
    assert desk.send(late).reason is Refusal.EXPIRE_AT


def test_post_only_rests_or_is_refused(desk: Desk) -> None:
    crossing = order("anna", BUY, "1", price=D(100), post_only=True)
    assert desk.send(crossing).reason is Refusal.WOULD_TAKE
    assert desk.limit("anna", BUY, "1", "99.99", post_only=True).is_open


def test_market_by_base_and_what_the_book_lacks_expires(desk: Desk) -> None:
    taken = desk.market("anna", BUY, "5")
    assert (taken.ord_status, taken.ending) == (OrdStatus.EXPIRED, Ending.NO_LIQUIDITY)
    assert (taken.cum_qty, taken.cum_quote) == (D(4), D(402))


def test_market_by_quote_spends_at_most_that(desk: Desk) -> None:
    taken = desk.place(order("anna", BUY, None, ord_type=OrdType.MARKET, quote_qty=D("250.5")))
    assert taken.ord_status is OrdStatus.FILLED
    # 2 at 100, and of the other 50.5 the lots that fit at 101.
    assert (taken.order_qty, taken.cum_quote) == (D("2.5"), D("250.5"))
    more = desk.place(order("anna", BUY, None, ord_type=OrdType.MARKET, quote_qty=D("50.45")))
    assert (more.cum_qty, more.cum_quote) == (D("0.499"), D("50.399"))
    last = desk.place(order("anna", BUY, None, ord_type=OrdType.MARKET, quote_qty=D(5_000)))
    assert (last.ord_status, last.ending) == (OrdStatus.EXPIRED, Ending.NO_LIQUIDITY)
    assert last.cum_qty < last.order_qty


def test_market_sells_by_quote(desk: Desk) -> None:
    desk.limit("anna", BUY, "3", "90")
    sold = desk.place(order("boris", SELL, None, ord_type=OrdType.MARKET, quote_qty=D(45)))
    assert (sold.cum_qty, sold.ord_status) == (D("0.5"), OrdStatus.FILLED)


def test_market_needs_the_money_that_the_book_asks(desk: Desk) -> None:
    desk.open("poor", cash="150", coins="1")
    assert desk.send(order("poor", BUY, "2", ord_type=OrdType.MARKET)).reason is (
        Refusal.INSUFFICIENT_BALANCE
    )
    assert desk.market("poor", BUY, "1.5").ord_status is OrdStatus.FILLED
    assert desk.free("poor", "USDT") == 0


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "bought"),
    [
        (SelfTrade.NONE, OrdStatus.FILLED, OrdStatus.FILLED, D("1.5")),
        (SelfTrade.EXPIRE_TAKER, OrdStatus.EXPIRED, OrdStatus.NEW, D(0)),
        (SelfTrade.EXPIRE_MAKER, OrdStatus.FILLED, OrdStatus.EXPIRED, D("1.5")),
        (SelfTrade.EXPIRE_BOTH, OrdStatus.EXPIRED, OrdStatus.EXPIRED, D(0)),
        (SelfTrade.DECREMENT, OrdStatus.EXPIRED, OrdStatus.EXPIRED, D("0.5")),
    ],
)
def test_self_trade_prevention(
    mode: SelfTrade, taker: OrdStatus, maker: OrdStatus, bought: Decimal
) -> None:
    desk = Desk("anna", "boris")
    own = desk.limit("anna", SELL, "1", "100")
    desk.limit("boris", SELL, "2", "100")
    placed = desk.limit("anna", BUY, "1.5", "100", self_trade=mode)
    assert (placed.ord_status, placed.cum_qty) == (taker, bought)
    assert desk.read(own).ord_status is maker
    prevented = {SelfTrade.NONE: 0}.get(mode, 1)
    assert placed.prevented_qty + desk.read(own).prevented_qty >= prevented
    # A trade with oneself moves nothing but the fees; a prevented one not even those.
    own_fills = desk.exchange.records.account_trades("anna", order_id=own.order_id)
    assert bool(own_fills) is (mode is SelfTrade.NONE)


@pytest.mark.parametrize(("qty", "filled"), [("2", D(2)), ("2.001", D(0))])
def test_fok_does_not_count_on_what_prevention_takes_away(qty: str, filled: Decimal) -> None:
    desk = Desk("anna", "boris")
    own = desk.limit("anna", SELL, "1", "100")
    desk.limit("boris", SELL, "2", "100")
    placed = desk.limit(
        *("anna", BUY, qty, "100"),
        time_in_force=TimeInForce.FOK,
        self_trade=SelfTrade.EXPIRE_MAKER,
    )
    assert placed.cum_qty == filled
    assert desk.read(own).is_open is (filled == 0)


def test_prevention_is_told_before_the_end() -> None:
    desk = Desk("anna")
    own = desk.limit("anna", SELL, "1", "100")
    placed = desk.limit("anna", BUY, "3", "100", self_trade=SelfTrade.DECREMENT)
    assert executions(desk, own.order_id) == [
        Execution.NEW,
        Execution.TRADE_PREVENTION,
        Execution.EXPIRED,
    ]
    assert desk.read(own).ending is Ending.SELF_TRADE
    assert placed.is_open
    assert (placed.leaves_qty, placed.prevented_qty) == (D(2), D(1))


def test_a_stop_buys_as_far_as_the_money_reaches() -> None:
    desk = Desk("boris")
    desk.open("poor", cash="101", coins="0.001")
    desk.print_trade("100")
    stop = desk.place(order("poor", BUY, "1", ord_type=OrdType.STOP, stop_px=D(101)))
    assert desk.locked("poor", "USDT") == 101
    desk.limit("boris", SELL, "5", "202")
    desk.print_trade("101")
    ended = desk.read(stop)
    assert (ended.cum_qty, ended.ending) == (D("0.5"), Ending.BALANCE)
    assert desk.free("poor", "USDT") == 0


@pytest.mark.parametrize(
    ("fee_in", "paid", "got", "fee", "asset"),
    [
        (FeeIn.RECEIVED, D(-100), D("0.998"), D("0.002"), "BTC"),
        (FeeIn.BASE, D(-100), D("0.998"), D("0.002"), "BTC"),
        (FeeIn.QUOTE, D("-100.2"), D(1), D("0.2"), "USDT"),
        (FeeIn.THIRD, D(-100), D(1), D("0.0005"), "BNB"),
    ],
)
def test_fees_of_a_buyer(
    fee_in: FeeIn, paid: Decimal, got: Decimal, fee: Decimal, asset: str
) -> None:
    desk = Desk()
    desk.open("boris", fees=Fees(D(0), D(0)))
    fees = Fees(D("0.001"), D("0.002"), fee_in, "BNB", {"USDT": D(400)})
    desk.open("anna", cash="1000", coins="10", fees=fees)
    desk.exchange.deposit("anna", "BNB", D("0.0005"), now=START)
    desk.limit("boris", SELL, "2", "100")
    desk.limit("anna", BUY, "1", "100")
    assert desk.free("anna", "USDT") - 1000 == paid
    assert desk.free("anna", "BTC") - 10 == got
    fill = desk.exchange.records.account_trades("anna")[0]
    assert (fill.fee, fill.fee_asset) == (fee, asset)
    assert desk.free("#fees", asset) == fee
    if fee_in is FeeIn.THIRD:
        # None is left of it: the next fee comes from what is received.
        desk.limit("anna", BUY, "1", "100")
        assert desk.exchange.records.account_trades("anna")[1].fee_asset == "BTC"


def test_a_fee_on_top_has_to_be_there() -> None:
    desk = Desk()
    fees = Fees(D("0.001"), D("0.002"), FeeIn.QUOTE)
    desk.open("anna", cash="100.1", fees=fees)
    assert desk.send(order("anna", BUY, "1", price=D(100))).reason is Refusal.INSUFFICIENT_BALANCE
    desk.exchange.deposit("anna", "USDT", D("0.1"), now=START)
    assert desk.limit("anna", BUY, "1", "100").is_open
    assert desk.locked("anna", "USDT") == D("100.2")


def test_a_cheaper_fill_gives_back_the_difference(desk: Desk) -> None:
    desk.limit("anna", BUY, "3", "110")
    assert desk.free("anna", "USDT") == 100_000 - 301


def test_a_refusal_leaves_no_trace(desk: Desk) -> None:
    told = len(desk.log.events)
    assert isinstance(desk.send(order("anna", BUY, "1", price=D("100.001"))), Refused)
    assert len(desk.log.events) == told
    assert desk.limit("anna", BUY, "1", "90").order_id == 4


def test_a_public_trade_says_who_waited(desk: Desk) -> None:
    desk.limit("anna", BUY, "1", "100")
    desk.limit("anna", BUY, "1", "99")
    desk.limit("boris", SELL, "1", "99")
    told = [each.trade for each in desk.log.events if isinstance(each, TradeEvent)]
    assert [(each.trade_id, each.buyer_is_maker) for each in told] == [(1, False), (2, True)]
