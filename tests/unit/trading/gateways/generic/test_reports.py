"""The library's orders, as reports that invent nothing."""

from decimal import Decimal as D
from typing import Any

import ccxt
import pytest

from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, OrdType, Side
from trading.gateways.generic import reports

CODE, NOW = "KRAKEN:BTC-USD", from_millis(1_700_000_000_000)


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "O1", "status": "open", "amount": "2", "filled": "0", "timestamp": 1_700_000_000_123,
    } | changes  # fmt: skip


def _trade(number: str = "T1", **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "amount": "1", "price": "60000.1", "timestamp": 1_700_000_000_500,
        "fee": {"cost": "0.4", "currency": "USD"}, "takerOrMaker": "maker",
    } | changes  # fmt: skip


def _order(row: dict[str, Any]) -> reports.Order:
    return reports.Order(row, cl_ord_id="ABC", instrument=CODE, now=NOW)


def test_an_answer_that_names_only_the_order_is_an_acceptance() -> None:
    (said,) = _order(_row(status=None, filled=None, timestamp=None)).placed()
    assert (said.exec_type, said.order_id, said.transact_time) == (ExecType.NEW, "O1", NOW)


def test_trades_are_told_in_the_order_of_time_with_what_was_paid() -> None:
    early, late = _trade("T9"), _trade("T1", timestamp=1_700_000_000_900)
    new, first, second = _order(_row(status="closed", filled="2")).queried([late, early])
    assert (new.cum_qty, first.exec_id, second.exec_id) == (D(0), "T9", "T1")
    assert (first.cum_qty, second.cum_qty) == (D(1), D(2))
    assert (first.fee, first.fee_asset, first.liquidity) == (D("0.4"), "USD", Liquidity.MAKER)


@pytest.mark.parametrize(
    "lacking",
    [{"id": None}, {"amount": None}, {"price": None}, {"fee": None}, {"fee": {"cost": "1"}}],
)
def test_a_trade_that_lacks_something_is_still_to_come(lacking: dict[str, Any]) -> None:
    found = _order(_row(filled="1")).queried([_trade(**lacking)])
    assert [each.exec_type for each in found] == [ExecType.NEW, ExecType.ORDER_STATUS]
    assert found[1].cum_qty == D(1)


def test_a_fee_below_zero_is_not_written_down_as_another() -> None:
    with pytest.raises(OutcomeUnknown):
        _order(_row(filled="1")).queried([_trade(fee={"cost": "-0.1", "currency": "USD"})])


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("canceled", ExecType.CANCELED),
        ("expired", ExecType.EXPIRED),
        ("rejected", ExecType.REJECTED),
        ("closed", ExecType.EXPIRED),
    ],
)
def test_an_order_that_ended_short_says_how(status: str, ends: ExecType) -> None:
    found = _order(_row(status=status, filled="1")).queried([_trade()])
    assert [each.exec_type for each in found] == [ExecType.NEW, ExecType.TRADE, ends]
    assert found[-1].cum_qty == D(1)


@pytest.mark.parametrize("status", [None, "pending", "new_kind"])
def test_a_status_that_is_not_known_is_not_guessed(status: str | None) -> None:
    with pytest.raises(OutcomeUnknown):
        _order(_row(status=status)).queried([])


def test_an_order_without_an_id_is_no_answer() -> None:
    with pytest.raises(OutcomeUnknown):
        _order(_row(id=None))


def test_a_documented_answer_of_kraken_is_read_without_a_float() -> None:
    library = ccxt.kraken()
    library.number = str
    market = {"id": "ETHUSDT", "symbol": "ETH/USDT", "base": "ETH", "quote": "USDT"}
    library.options["marketsByAltname"] = {"ETHUSDT": market}
    order = library.parse_order(
        {
            "id": "OETZYO-UL524-QJMXCT", "cl_ord_id": "ABC", "status": "canceled",
            "opentm": 1601489313.3898, "closetm": 1601489346.5507,
            "descr": {
                "pair": "ETHUSDT", "type": "buy", "ordertype": "limit", "price": "330.00",
                "price2": "0", "leverage": "none", "close": "",
                "order": "buy 0.02100000 ETHUSDT @ limit 330.00",
            },
            "vol": "0.02100000", "vol_exec": "0.01000000", "cost": "3.30000", "fee": "0.00858",
            "price": "330.00", "misc": "", "oflags": "fciq", "trades": ["TT5UC3-GOIRW-6AZZ6R"],
        }
    )  # fmt: skip
    trade = library.parse_trade(
        {
            "id": "TT5UC3-GOIRW-6AZZ6R", "ordertxid": "OETZYO-UL524-QJMXCT", "pair": "ETHUSDT",
            "time": 1601489320.457, "type": "buy", "ordertype": "limit", "price": "330.00",
            "cost": "3.30000", "fee": "0.00858000", "vol": "0.01000000", "margin": "0.0",
            "misc": "", "trade_id": 68230622, "maker": True,
        }
    )  # fmt: skip
    assert order["trades"][0]["id"] == trade["id"]
    new, filled, ended = _order(order).queried([trade])
    assert (new.order_id, ended.exec_type) == ("OETZYO-UL524-QJMXCT", ExecType.CANCELED)
    assert (filled.last_px, filled.last_qty, filled.fee) == (D(330), D("0.01"), D("0.00858"))
    assert (filled.fee_asset, filled.liquidity) == ("USDT", Liquidity.MAKER)


def test_a_balance_is_what_is_there_of_an_asset() -> None:
    assert reports.balances({"total": {"BTC": "2.50", "USD": "0.0000", "X": None}}) == {
        "BTC": D("2.5")
    }


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"type": "limit"}, OrdType.LIMIT),
        ({"type": "LIMIT_MAKER"}, OrdType.LIMIT),
        ({"type": "market", "stopLossPrice": "59000"}, OrdType.STOP),
        ({"type": "limit", "takeProfitPrice": "61000"}, OrdType.LIMIT_IF_TOUCHED),
        ({"type": "stop_loss_limit", "triggerPrice": "59000"}, OrdType.STOP_LIMIT),
        ({"type": "limit", "triggerPrice": "59000"}, None),
        ({"type": "iceberg"}, None),
        ({"type": None}, None),
        ({"type": "limit", "side": None}, None),
        ({"type": "limit", "amount": None}, None),
    ],
)
def test_an_order_of_other_hands_is_described_only_where_its_kind_is_certain(
    row: dict[str, Any], kind: OrdType | None
) -> None:
    found = reports.seen(_row(side="buy", symbol="BTC/USD", price="60000") | row)
    assert (found.ord_type if found else None) == kind


@pytest.mark.parametrize("lacking", [{"fee": None}, {"timestamp": None}])
def test_a_trade_that_is_not_told_whole_is_listed_without_a_report(lacking: dict[str, Any]) -> None:
    found = reports.listed(_trade(order="O1", side="sell", **lacking), instrument=CODE)
    assert (found.order_id, found.exec_id, found.qty) == ("O1", "T1", D(1))
    assert (found.side, found.report) == (Side.SELL, None)
