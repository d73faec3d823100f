"""Orders in the venue's words: always for an exact quantity of the base asset."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import NotSent
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.domain.ports import NewOrder
from trading.gateways.btcturk import orders

BUY = NewOrder(
    "ABC", "BTCTURK:BTC-TRY", Side.BUY, OrdType.LIMIT, D("0.0010"), TimeInForce.GTC, EPOCH
)
COMMON = {"pairSymbol": "BTCTRY", "quantity": "0.001", "newOrderClientId": "ABC"}


def _order(side: Side, ord_type: OrdType, **changes: Any) -> NewOrder:
    return replace(BUY, side=side, ord_type=ord_type, **changes)


@pytest.mark.parametrize(
    ("order", "price", "said"),
    [
        (
            _order(Side.SELL, OrdType.MARKET), None,
            {"orderMethod": "market", "orderType": "sell"},
        ),
        (
            _order(Side.BUY, OrdType.LIMIT), D("20000.10"),
            {"orderMethod": "limit", "orderType": "buy", "price": "20000.1"},
        ),
        (
            _order(Side.BUY, OrdType.MARKET), D(20200),
            {"orderMethod": "limit", "orderType": "buy", "price": "20200"},
        ),
        (
            _order(Side.SELL, OrdType.STOP, stop_px=D(19000)), None,
            {"orderMethod": "stopMarket", "orderType": "sell", "stopPrice": "19000"},
        ),
        (
            _order(Side.BUY, OrdType.STOP, stop_px=D(21000)), D(21210),
            {
                "orderMethod": "stopLimit", "orderType": "buy", "stopPrice": "21000",
                "price": "21210",
            },
        ),
        (
            _order(Side.SELL, OrdType.STOP_LIMIT, stop_px=D(19000)), D(18900),
            {
                "orderMethod": "stopLimit", "orderType": "sell", "stopPrice": "19000",
                "price": "18900",
            },
        ),
    ],
)  # fmt: skip
def test_an_order_is_said_in_base(order: NewOrder, price: D | None, said: dict[str, str]) -> None:
    assert orders.body(order, price) == COMMON | said


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("ord_type", OrdType)
def test_no_order_goes_out_whose_quantity_would_be_in_quote(side: Side, ord_type: OrdType) -> None:
    try:
        said = orders.body(_order(side, ord_type, stop_px=D(1)), D(1))
    except NotSent:
        return
    assert (said["orderType"], said["orderMethod"]) not in {
        ("buy", "market"), ("buy", "stopMarket"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "order",
    [
        _order(Side.SELL, OrdType.TRAILING_STOP),
        _order(Side.BUY, OrdType.LIMIT_IF_TOUCHED),
        _order(Side.BUY, OrdType.LIMIT, time_in_force=TimeInForce.IOC),
        _order(Side.BUY, OrdType.MARKET, time_in_force=TimeInForce.FOK),
    ],
)
def test_what_the_venue_has_no_words_for_is_not_sent(order: NewOrder) -> None:
    with pytest.raises(NotSent, match="BTCTurk has no"):
        orders.body(order, D(1))


@pytest.mark.parametrize(
    ("reference", "tick", "limit"),
    [
        (D(60_000), D(10), D(60_600)),
        (D("41.237"), D("0.001"), D("41.649")),
        # Not below the ask, however coarse the tick.
        (D(500), D(10), D(500)),
    ],
)
def test_a_limit_of_our_making_is_on_the_tick_and_within_the_slide(
    reference: D, tick: D, limit: D
) -> None:
    assert orders.limit(reference, tick) == limit
    assert reference <= limit <= reference * D("1.05")
