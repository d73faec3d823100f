"""Order configurations, there and back."""

from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.coinbase_api.configurations import DOWNWARDS, UPWARDS, describe, read
from trading.sandbox.coinbase_api.desk import LISTINGS
from trading.sandbox.orders import NewOrder, Order

LIMIT = {"base_size": "0.01", "limit_price": "50000"}
END = {"end_time": "2026-11-20T09:57:03.000000Z"}
FEES = Fees(taker=Decimal("0.01"), fee_in=FeeIn.QUOTE)


def asked(configuration: Any, side: Side = Side.BUY) -> NewOrder:
    return read(
        configuration, account="a", listing=LISTINGS[0], side=side, cl_ord_id="c", fees=FEES
    )


def resting(request: NewOrder) -> Order:
    qty = request.order_qty or Decimal(0)
    return Order(1, "c", request, qty, qty, EPOCH, EPOCH)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    "configuration",
    [
        {"market_market_ioc": {"base_size": "0.01"}},
        {"sor_limit_ioc": LIMIT},
        {"limit_limit_fok": LIMIT},
        {"limit_limit_gtc": {**LIMIT, "post_only": True}},
        {"limit_limit_gtd": {**LIMIT, **END, "post_only": False}},
        {"stop_limit_stop_limit_gtc": {**LIMIT, "stop_price": "1", "stop_direction": UPWARDS}},
        {
            "stop_limit_stop_limit_gtd": {
                **LIMIT,
                **END,
                "stop_price": "1",
                "stop_direction": DOWNWARDS,
            }
        },
    ],
)
def test_an_order_that_came_another_way_is_described_as_it_could_be_asked(
    configuration: dict[str, Any], side: Side
) -> None:
    assert describe(None, [resting(asked(configuration, side))]) == configuration


@pytest.mark.parametrize(
    ("side", "direction", "kind"),
    [
        (Side.BUY, UPWARDS, OrdType.STOP_LIMIT),
        (Side.SELL, DOWNWARDS, OrdType.STOP_LIMIT),
        (Side.BUY, DOWNWARDS, OrdType.LIMIT_IF_TOUCHED),
        (Side.SELL, UPWARDS, OrdType.LIMIT_IF_TOUCHED),
    ],
)
def test_a_direction_and_a_side_make_a_stop_or_a_target(
    side: Side, direction: str, kind: OrdType
) -> None:
    stop = {**LIMIT, "stop_price": "1", "stop_direction": direction}
    order = asked({"stop_limit_stop_limit_gtc": stop}, side)
    assert (order.ord_type, order.time_in_force) == (kind, TimeInForce.GTC)


def test_a_buy_by_quote_size_leaves_room_for_its_fee_and_a_sale_does_not() -> None:
    by_quote = {"market_market_ioc": {"quote_size": "101"}}
    assert asked(by_quote).quote_qty == 100
    assert asked(by_quote, Side.SELL).quote_qty == 101
