"""Coinbase's answers, read as reports that settle to the same state in any order."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from aitrader.env import REPOSITORY
from aitrader.kernel.errors import InvalidAmount, OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, OrdStatus, OrdType, Side
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import OrderState
from trading.gateways.coinbase import reports

CODE = "COINBASE:BTC-USD"
SAMPLES = REPOSITORY.parent / "shared/data/wire/coinbase/rest_ws_samples/Endpoints/AdvancedTrade"


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "order_id": "0000-1", "client_order_id": "ABC", "product_id": "BTC-USD", "side": "BUY",
        "status": "OPEN", "filled_size": "0", "created_time": "2021-05-31T09:59:59Z",
        "last_fill_time": None,
        "order_configuration": {"limit_limit_gtc": {"base_size": "5", "limit_price": "50000"}},
    } | changes  # fmt: skip


def _fill(trade_id: str, size: Any, **changes: Any) -> dict[str, Any]:
    return {
        "entry_id": f"e-{trade_id}", "trade_id": trade_id, "order_id": "0000-1", "size": size,
        "trade_time": "2021-05-31T10:00:00.123456789Z", "trade_type": "FILL", "price": "50000.00",
        "commission": "1.25", "side": "BUY", "liquidity_indicator": "TAKER", "size_in_quote": False,
    } | changes  # fmt: skip


def _queried(order: dict[str, Any], *fills: dict[str, Any]) -> list[ExecutionReport]:
    return reports.queried(order, fills, instrument=CODE)


def _state(found: list[ExecutionReport]) -> OrderState:
    state = OrderState(D(5)).sent()
    for report in found:
        state = state.apply(report)
    return state


@pytest.mark.parametrize(
    ("status", "filled", "is_then"),
    [
        ("PENDING", "0", OrdStatus.NEW),
        ("QUEUED", "0", OrdStatus.NEW),
        ("OPEN", "0", OrdStatus.NEW),
        ("OPEN", "2", OrdStatus.PARTIALLY_FILLED),
        ("CANCEL_QUEUED", "2", OrdStatus.PARTIALLY_FILLED),
        ("EDIT_QUEUED", "0", OrdStatus.NEW),
        ("FILLED", "5", OrdStatus.FILLED),
        ("FILLED", "2", OrdStatus.EXPIRED),
        ("CANCELLED", "0", OrdStatus.CANCELED),
        ("CANCELLED", "2", OrdStatus.CANCELED),
        ("EXPIRED", "0", OrdStatus.EXPIRED),
        ("FAILED", "0", OrdStatus.REJECTED),
    ],
)
def test_every_status_is_a_state_of_ours(status: str, filled: str, is_then: OrdStatus) -> None:
    fills = [_fill("t1", filled)] if filled != "0" else []
    state = _state(_queried(_order(status=status, filled_size=filled), *fills))
    assert (state.ord_status, state.cum_qty) == (is_then, D(filled))


@pytest.mark.parametrize("status", ["UNKNOWN_ORDER_STATUS", "SOMETHING_NEW", ""])
def test_a_status_that_is_not_known_is_not_guessed(status: str) -> None:
    with pytest.raises(OutcomeUnknown):
        _queried(_order(status=status))


def test_an_order_that_ended_says_why() -> None:
    failed = _order(status="FAILED", reject_message="no such product")
    cancelled = _order(status="CANCELLED", reject_message="", cancel_message="by the user")
    texts = [_queried(each)[-1].text for each in (failed, cancelled)]
    assert texts == ["no such product", "by the user"]


def test_fills_are_told_with_their_own_ids_the_oldest_first() -> None:
    later = _fill("t2", "4", trade_time="2021-05-31T10:00:01Z", liquidity_indicator="MAKER")
    new, first, second = _queried(_order(status="FILLED", filled_size="5"), later, _fill("t1", "1"))
    assert (new.exec_type, new.cum_qty) == (ExecType.NEW, D(0))
    assert [(each.exec_id, each.last_qty, each.cum_qty) for each in (first, second)] == [
        ("t1", D(1), D(1)),
        ("t2", D(4), D(5)),
    ]
    assert (first.fee, first.fee_asset, first.liquidity) == (D("1.25"), "USD", Liquidity.TAKER)
    assert second.liquidity is Liquidity.MAKER
    assert (first.cl_ord_id, first.order_id) == ("ABC", "0000-1")


def test_a_fee_is_in_the_quote_asset_of_the_product_usdc_being_no_usd() -> None:
    found = reports.queried(
        _order(filled_size="1"), [_fill("t1", "1")], instrument="COINBASE:BTC-USDC"
    )
    assert found[1].fee_asset == "USDC"


def test_a_state_that_is_ahead_of_its_fills_asks_for_them_again() -> None:
    found = _queried(_order(status="CANCELLED", filled_size="3"), _fill("t1", "1"))
    assert [(each.exec_type, each.cum_qty) for each in found] == [
        (ExecType.NEW, D(0)),
        (ExecType.TRADE, D(1)),
        (ExecType.ORDER_STATUS, D(3)),
        (ExecType.CANCELED, D(3)),
    ]


def test_a_correction_of_a_fill_is_no_fill() -> None:
    found = _queried(
        _order(filled_size="2"), _fill("t1", "1"), _fill("t9", "1", trade_type="REVERSAL")
    )
    kinds = [each.exec_type for each in found]
    assert kinds == [ExecType.NEW, ExecType.TRADE, ExecType.ORDER_STATUS]


@pytest.mark.parametrize(
    ("written", "means"),
    [("0.10000000", "0.1"), ("1E-8", "0.00000001"), ("5", "5"), (D("0.001"), "0.001"), (5, "5")],
)
def test_odd_ways_to_write_a_number_mean_the_same(written: Any, means: str) -> None:
    found = _queried(_order(filled_size=written), _fill("t1", written))
    assert (found[1].last_qty, found[1].cum_qty) == (D(means), D(means))


@pytest.mark.parametrize(
    "changes",
    [
        {"filled_size": "NaN"},
        {"filled_size": "much"},
        {"filled_size": 0.1},
        {"created_time": "yesterday"},
        {"created_time": "2021-05-31T09:59:59"},
    ],
)
def test_what_is_no_number_or_no_instant_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((InvalidAmount, ValueError)):
        _queried(_order(**changes))


def test_a_fill_of_another_order_is_not_taken() -> None:
    with pytest.raises(OutcomeUnknown):
        _queried(_order(filled_size="1"), _fill("t1", "1", order_id="0000-2"))


def test_a_fill_that_was_given_in_quote_is_told_in_base() -> None:
    (trade,) = reports.trades([_fill("t1", "25000", size_in_quote=True)], instrument=CODE)
    assert (trade.qty, trade.exec_id, trade.order_id) == (D("0.5"), "t1", "0000-1")
    assert trade.side is Side.BUY
    assert trade.report is not None
    assert (trade.report.last_px, trade.report.fee) == (D(50_000), D("1.25"))


@pytest.mark.parametrize(
    ("side", "configuration", "is_then"),
    [
        (
            "BUY",
            {"limit_limit_gtd": {"base_size": "5", "limit_price": "7", "end_time": "2027"}},
            (OrdType.LIMIT, D(5), D(7), None),
        ),
        ("SELL", {"market_market_ioc": {"base_size": "5"}}, (OrdType.MARKET, D(5), None, None)),
        (
            "SELL",
            {"stop_limit_stop_limit_gtc": {
                "base_size": "5", "limit_price": "7", "stop_price": "8",
                "stop_direction": "STOP_DIRECTION_STOP_DOWN",
            }},
            (OrdType.STOP_LIMIT, D(5), D(7), D(8)),
        ),
        (
            "SELL",
            {"stop_limit_stop_limit_gtc": {
                "base_size": "5", "limit_price": "7", "stop_price": "6",
                "stop_direction": "STOP_DIRECTION_STOP_UP",
            }},
            (OrdType.LIMIT_IF_TOUCHED, D(5), D(7), D(6)),
        ),
        ("BUY", {"market_market_ioc": {"quote_size": "10"}}, None),
        (
            "SELL",
            {"trigger_bracket_gtc": {
                "base_size": "5", "limit_price": "7", "stop_trigger_price": "6",
            }},
            (OrdType.LIMIT, D(5), D(7), D(6)),
        ),
        ("BUY", {}, None),
    ],
)  # fmt: skip
def test_an_order_that_may_be_anybodys_is_told_as_it_is(
    side: str, configuration: dict[str, Any], is_then: Any
) -> None:
    order = _order(side=side, order_configuration=configuration, client_order_id=None)
    (told,) = reports.open_orders([order])
    assert told.cl_ord_id == ""
    seen = told.seen
    assert (seen and (seen.ord_type, seen.order_qty, seen.price, seen.stop_px)) == is_then


def test_a_balance_is_what_is_available_and_what_is_on_hold_in_all_accounts_of_an_asset() -> None:
    def account(currency: str, available: str, hold: str) -> dict[str, Any]:
        return {
            "currency": currency,
            "available_balance": {"value": available, "currency": currency},
            "hold": {"value": hold, "currency": currency},
        }

    held = [account("BTC", "1.5", "0.5"), account("USD", "1", "0"), account("USDC", "2", "0")]
    empty = account("ETH", "0.00", "0") | {"hold": None}
    assert reports.balances([*held, account("BTC", "1", "0"), empty]) == {
        "BTC": D(3),
        "USD": D(1),
        "USDC": D(2),
    }


def _sample(name: str) -> dict[str, Any]:
    text = (SAMPLES / name).read_text(encoding="utf-8")
    return dict(json.loads(text[text.index("{") :], parse_float=D))


@pytest.mark.skipif(not Path(SAMPLES).exists(), reason="the wire samples are not at hand")
def test_the_documented_answers_are_read() -> None:
    order = _sample("Trading/GetOrder.txt")["order"]
    fill = _sample("Trading/GetUserTrades.txt")["fills"][0]
    told = reports.queried(order, [fill], instrument=CODE)
    assert [each.exec_type for each in told] == [ExecType.NEW, ExecType.TRADE]
    assert (told[1].last_px, told[1].last_qty, told[1].fee) == (D(10_000), D("0.001"), D("1.25"))
    (listed,) = reports.open_orders(_sample("Trading/GetOrders.txt")["orders"])
    assert (listed.cl_ord_id, listed.cum_qty) == ("11111-000000-000000", D("0.001"))
    assert reports.balances(_sample("Account/GetAccounts.txt")["accounts"]) == {"BTC": D("2.46")}
    assert reports.fees(_sample("Account/GetFeeInfo.txt")).highest == D("0.002")
    assert reports.fees(_sample("Account/GetFeeInfo2.txt")).highest == D("0.012")
