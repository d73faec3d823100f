"""Every refusal of the sandbox exchange, from the request that causes it."""

from datetime import timedelta
from typing import Any

import pytest

from aitrader.kernel.fix import OrdType, TimeInForce
from tests.factories.sandbox import BUY, SELL, START, D, Desk, listing, order
from trading.sandbox import checks
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Refusal

LATER = START + timedelta(hours=1)


def limit(qty: str | None = "1", **fields: Any) -> NewOrder:
    return order("anna", BUY, qty, **({"price": D(100)} | fields))


def market(qty: str | None = "1", **fields: Any) -> NewOrder:
    return order("anna", BUY, qty, ord_type=OrdType.MARKET, **fields)


def stop(**fields: Any) -> NewOrder:
    usual: dict[str, Any] = {"ord_type": OrdType.STOP, "stop_px": D(105)}
    return order("anna", BUY, "1", **(usual | fields))


@pytest.mark.parametrize(
    "request_",
    [
        limit(None),
        limit(quote_qty=D(100)),
        limit(None, quote_qty=D(100)),
        limit(price=None),
        limit(price=D(-1)),
        limit(price=D("NaN")),
        limit("0"),
        limit("Infinity"),
        limit(stop_px=D(101)),
        limit(trailing_bps=D(100)),
        limit(time_in_force=TimeInForce.GTD),
        limit(expire_at=LATER),
        limit(post_only=True, time_in_force=TimeInForce.IOC),
        market(price=D(100)),
        market(post_only=True),
        market(time_in_force=TimeInForce.GTD, expire_at=LATER),
        stop(stop_px=None),
        stop(price=D(100)),
        stop(ord_type=OrdType.STOP_LIMIT),
        stop(ord_type=OrdType.TRAILING_STOP),
        stop(post_only=True),
    ],
)
def test_fields_that_do_not_go_together(request_: NewOrder) -> None:
    assert Desk("anna").send(request_).reason is Refusal.BAD_COMBINATION


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (limit(price=D("100.001")), Refusal.PRICE_TICK),
        (stop(stop_px=D("105.001")), Refusal.PRICE_TICK),
        (limit(price=D(2_000_000)), Refusal.PRICE_RANGE),
        (limit(price=D("0.001")), Refusal.PRICE_RANGE),
        (limit(price=D("19.99")), Refusal.PERCENT_PRICE),
        (limit(price=D("500.01")), Refusal.PERCENT_PRICE),
        (limit("1.0001"), Refusal.QTY_LOT),
        (limit("0.0001"), Refusal.QTY_RANGE),
        (limit("9000.001"), Refusal.QTY_RANGE),
        (market("1000.001"), Refusal.MARKET_QTY_RANGE),
        (limit("0.009"), Refusal.MIN_NOTIONAL),
        (market("0.009"), Refusal.MIN_NOTIONAL),
        (market(None, quote_qty=D("0.99")), Refusal.MIN_NOTIONAL),
        (market(None, quote_qty=D(9_000_001)), Refusal.MAX_NOTIONAL),
        (stop(trailing_bps=D(9)), Refusal.TRAILING_RANGE),
        (stop(trailing_bps=D(2_001)), Refusal.TRAILING_RANGE),
        (limit("1001"), Refusal.INSUFFICIENT_BALANCE),
        (order("anna", SELL, "101", price=D(100)), Refusal.INSUFFICIENT_BALANCE),
        (order("nobody", SELL, "1", price=D(100)), Refusal.UNKNOWN_ACCOUNT),
        (NewOrder("anna", "ETH-USDT", BUY, OrdType.MARKET, D(1)), Refusal.UNKNOWN_INSTRUMENT),
    ],
)
def test_filters(request_: NewOrder, reason: Refusal) -> None:
    desk = Desk("anna")
    desk.print_trade("100")
    examined = desk.exchange.examine(request_, now=desk.now)
    assert examined
    assert examined.reason is reason
    assert desk.send(request_) == examined


def test_a_filter_that_is_left_out() -> None:
    desk = Desk("anna", listing=listing(percent_down=None, percent_up=None))
    desk.print_trade("100")
    assert desk.limit("anna", BUY, "1", "1").is_open


@pytest.mark.parametrize(
    ("rules", "request_", "reason"),
    [
        ({"market_lot": D("0.1")}, market("0.15"), Refusal.MARKET_QTY_RANGE),
        ({"market_lot": D("0.1")}, limit("0.15"), None),
        ({"market_min_qty": D(2)}, market("1.999"), Refusal.MARKET_QTY_RANGE),
        ({"market_min_qty": D(2)}, stop(), Refusal.MARKET_QTY_RANGE),
        ({"market_min_qty": D(2)}, limit(), None),
        ({"min_notional": D(200), "min_notional_of_market": False}, market(), None),
        ({"min_notional": D(200), "min_notional_of_market": False}, limit(), Refusal.MIN_NOTIONAL),
        ({"max_notional": D(99), "max_notional_of_market": False}, market(), None),
        ({"max_notional": D(99), "max_notional_of_market": False}, stop(), Refusal.MAX_NOTIONAL),
        ({"ask_percent_up": D("1.1")}, limit(price=D(111)), None),
        ({"ask_percent_up": D("1.1")}, order("anna", SELL, "1", price=D(111)),
         Refusal.PERCENT_PRICE),
        ({"ask_percent_down": D("0.9")}, order("anna", SELL, "1", price=D(89)),
         Refusal.PERCENT_PRICE),
    ],
)  # fmt: skip
def test_filters_that_few_instruments_have(
    rules: dict[str, Any], request_: NewOrder, reason: Refusal | None
) -> None:
    found = checks.check_fields(listing(**rules), request_, D(100), START)
    assert (found.reason if found else None) is reason


def test_a_position_that_would_grow_too_large() -> None:
    desk = Desk(listing=listing(max_position=D(1_000_002)))
    desk.open("anna", coins="1000000")
    desk.print_trade("100")
    for request in (limit("2.001"), market("2.001"), market(None, quote_qty=D(300))):
        assert desk.send(request).reason is Refusal.MAX_POSITION
    desk.limit("anna", BUY, "1.5", "90")
    assert desk.send(limit(price=D(90))).reason is Refusal.MAX_POSITION
    desk.limit("anna", BUY, "0.5", "90")
    desk.limit("anna", SELL, "1", "110")


def test_the_edges_of_the_filters_are_allowed() -> None:
    desk = Desk("anna", cash="1000000")
    desk.print_trade("100")
    for qty, px in (("1", "20"), ("1", "500"), ("0.01", "100"), ("0.1", "10.01")):
        allowed = desk.exchange.examine(order("anna", BUY, qty, price=D(px)), now=desk.now)
        assert (allowed is None) is (px != "10.01")
    assert desk.limit("anna", BUY, "9000", "90").is_open


def test_so_many_orders_and_no_more() -> None:
    desk = Desk("anna", listing=listing(max_orders=3, max_stop_orders=1))
    desk.print_trade("100")
    desk.place(stop())
    assert desk.send(stop()).reason is Refusal.MAX_STOP_ORDERS
    desk.limit("anna", BUY, "1", "90")
    desk.limit("anna", BUY, "1", "90")
    assert desk.send(limit(price=D(90))).reason is Refusal.MAX_ORDERS
    assert not desk.market("anna", BUY, "1").is_open
