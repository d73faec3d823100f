"""Binance's answers, read as reports that settle to the same state in any order."""

from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity
from trading.gateways.binance import reports

CODE = "BINANCE:BTC-USDT"


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "ABC", "transactTime": 1507725176595,
        "updateTime": 1507725176595, "executedQty": "0.00000000", "status": "NEW", "fills": [],
    } | changes  # fmt: skip


def _fill(trade_id: int, qty: str) -> dict[str, Any]:
    return {
        "price": "4000.00000000", "qty": qty, "commission": "0.00400000",
        "commissionAsset": "BNB", "tradeId": trade_id,
    }  # fmt: skip


def test_an_order_that_filled_at_once_is_told_with_its_trades() -> None:
    answer = _order(
        status="FILLED", executedQty="5.00000000", fills=[_fill(57, "1"), _fill(56, "4")]
    )
    new, first, second = reports.placed(answer, instrument=CODE)
    assert (new.exec_type, new.cum_qty, new.order_id) == (ExecType.NEW, D(0), "28")
    assert (first.exec_id, first.last_qty, first.cum_qty) == ("57", D(1), D(1))
    assert (second.exec_id, second.last_qty, second.cum_qty) == ("56", D(4), D(5))
    assert (first.fee, first.fee_asset, first.liquidity) == (D("0.004"), "BNB", Liquidity.TAKER)


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("EXPIRED", ExecType.EXPIRED),
        ("EXPIRED_IN_MATCH", ExecType.EXPIRED),
        ("CANCELED", ExecType.CANCELED),
        ("REJECTED", ExecType.REJECTED),
    ],
)
def test_an_order_that_ended_says_how(status: str, ends: ExecType) -> None:
    answer = _order(status=status, executedQty="1.00000000", fills=[_fill(57, "1")])
    assert [each.exec_type for each in reports.placed(answer, instrument=CODE)] == [
        ExecType.NEW, ExecType.TRADE, ends,
    ]  # fmt: skip


def test_a_status_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(OutcomeUnknown, match="PENDING_SOMETHING"):
        reports.placed(_order(status="PENDING_SOMETHING"), instrument=CODE)


def test_a_state_that_is_ahead_of_its_trades_asks_for_them_again() -> None:
    trade = _fill(0, "1") | {"id": 57, "time": 1507725176700, "isMaker": True}
    answer = _order(status="CANCELED", executedQty="3.00000000")
    found = reports.queried(answer, [trade], instrument=CODE)
    kinds = [(each.exec_type, each.cum_qty) for each in found]
    assert kinds == [
        (ExecType.NEW, D(0)), (ExecType.TRADE, D(1)),
        (ExecType.ORDER_STATUS, D(3)), (ExecType.CANCELED, D(3)),
    ]  # fmt: skip
    assert found[1].liquidity is Liquidity.MAKER


def test_a_cancel_names_the_order_it_ended() -> None:
    answer = _order(status="CANCELED", clientOrderId="cancel-1", origClientOrderId="ABC")
    report = reports.cancelled(answer, instrument=CODE)
    assert (report.cl_ord_id, report.exec_type) == ("ABC", ExecType.CANCELED)


def test_a_balance_is_what_is_free_and_what_is_locked() -> None:
    held = {
        "balances": [
            {"asset": "BTC", "free": "1.5", "locked": "0.5"},
            {"asset": "LTC", "free": "0.00000000", "locked": "0.00000000"},
        ]
    }
    assert reports.balances(held) == {"BTC": D(2)}


@pytest.mark.parametrize(
    ("changed", "together"),
    [
        ({"orderListId": 12}, "12"),
        ({"orderListId": -1}, ""),
        ({"orderListId": 12, "status": "PENDING_NEW"}, ""),
        ({}, ""),
    ],
)
def test_only_orders_of_which_one_fills_are_of_one_list(
    changed: dict[str, Any], together: str
) -> None:
    resting = _order(
        type="LIMIT", side="SELL", price="1", stopPrice="0.00000000", origQty="1", **changed
    )
    (found,) = reports.open_orders([resting])
    assert found.seen is not None
    assert found.seen.list_id == together
