"""BTCTurk's answers, read as reports that settle to the same state in any order."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.env import REPOSITORY
from aitrader.kernel.clock import from_millis
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, OrdStatus, OrdType, Side
from trading.domain.order_state import OrderState
from trading.gateways.btcturk import reports

CODE = "BTCTURK:BTC-TRY"
SAMPLES = REPOSITORY.parent / "shared/data/wire/btcturk/rest_samples"


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "id": 61912740, "price": "20000.00", "amount": "0.3", "quantity": "0.3",
        "stopPrice": "0.00", "pairSymbol": "BTCTRY", "pairSymbolNormalized": "BTC_TRY",
        "type": "buy", "method": "limit", "orderClientId": "ABC", "time": 0,
        "updateTime": 1647883449587, "status": "Untouched", "leftAmount": "0.3000000000000000",
    } | changes  # fmt: skip


def _trade(number: int, amount: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "timestamp": 1663848223334 + number, "amount": amount, "price": "122.00",
        "fee": "-0.06", "tax": "-0.012", "numeratorSymbol": "BTC", "denominatorSymbol": "TRY",
        "orderType": "buy", "orderId": 61912740, "orderClientId": "ABC",
    } | changes  # fmt: skip


def _name(order: reports.Seen) -> str:
    return order.cl_ord_id


def _told(order: dict[str, Any], *trades: dict[str, Any]) -> list[tuple[ExecType, D]]:
    found = reports.told(reports.seen(order), trades, instrument=CODE)
    return [(each.exec_type, each.cum_qty) for each in found]


def test_a_new_order_was_taken_and_no_more() -> None:
    answer = {"id": 9932534, "datetime": 1543996112263, "newOrderClientId": "ABC"}
    report = reports.placed(answer, instrument=CODE, cl_ord_id="ABC")
    assert (report.exec_type, report.order_id, report.cum_qty) == (ExecType.NEW, "9932534", D(0))
    assert report.transact_time == from_millis(1543996112263)


def test_an_answer_about_another_order_is_not_believed() -> None:
    answer = {"id": 9932534, "datetime": 1543996112263, "newOrderClientId": "test"}
    with pytest.raises(OutcomeUnknown, match="another client id"):
        reports.placed(answer, instrument=CODE, cl_ord_id="ABC")


def test_fee_and_tax_are_negative_and_one_fee_that_was_paid() -> None:
    order = _order(status="Closed", leftAmount="0.0")
    found = reports.told(reports.seen(order), [_trade(1, "0.3")], instrument=CODE)
    trade = found[1]
    assert (trade.fee, trade.fee_asset, trade.liquidity) == (D("0.072"), "TRY", Liquidity.TAKER)


@pytest.mark.parametrize("fee", ["fee", "tax"])
def test_a_fee_that_was_received_is_not_guessed(fee: str) -> None:
    trade = _trade(1, "0.3", **{fee: "0.01"})
    with pytest.raises(OutcomeUnknown, match="received"):
        _told(_order(status="Closed", leftAmount="0"), trade)


def test_a_sold_amount_is_negative_and_its_precise_amount_is_the_whole_of_it() -> None:
    order = _order(type="sell", amount="-0.33840811", status="Closed", leftAmount="0.0")
    precise = json.loads("-0.3384081100000000", parse_float=D)
    trade = _trade(1, "-0.3384", preciseAmount=precise, orderType="sell")
    new, sold = reports.told(reports.seen(order), [trade], instrument=CODE)
    assert (new.exec_type, sold.last_qty, sold.cum_qty) == (
        ExecType.NEW, D("0.33840811"), D("0.33840811"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "trades", "told"),
    [
        ({}, [], [(ExecType.NEW, D(0))]),
        ({"status": "untouched"}, [], [(ExecType.NEW, D(0))]),
        (
            {"status": "Partial", "leftAmount": "0.2"},
            [_trade(1, "0.1")],
            [(ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1"))],
        ),
        (
            {"status": "Closed", "leftAmount": "0.0000"},
            [_trade(2, "0.2"), _trade(1, "0.1")],
            [(ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1")), (ExecType.TRADE, D("0.3"))],
        ),
        (
            {"status": "Canceled", "leftAmount": "0.2"},
            [_trade(1, "0.1")],
            [
                (ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1")), (ExecType.CANCELED, D("0.1")),
            ],
        ),
        # The price has slid too far: what is left of a market order is over.
        (
            {"status": "Closed", "leftAmount": "0.2", "method": "market"},
            [_trade(1, "0.1")],
            [(ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1")), (ExecType.EXPIRED, D("0.1"))],
        ),
        # The state is ahead of the list of trades.
        (
            {"status": "Canceled", "leftAmount": "0.1"},
            [_trade(1, "0.1")],
            [
                (ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1")),
                (ExecType.ORDER_STATUS, D("0.2")), (ExecType.CANCELED, D("0.2")),
            ],
        ),
        # The list of trades is ahead of the state.
        (
            {"status": "Untouched"},
            [_trade(1, "0.1")],
            [(ExecType.NEW, D(0)), (ExecType.TRADE, D("0.1"))],
        ),
    ],
)  # fmt: skip
def test_an_order_is_told_with_its_trades(
    changes: dict[str, Any], trades: list[dict[str, Any]], told: list[tuple[ExecType, D]]
) -> None:
    assert _told(_order(**changes), *trades) == told


@pytest.mark.parametrize(
    ("status", "executed"),
    [("Untouched", D(0)), ("Closed", D("0.3")), ("Partial", None), ("Canceled", None)],
)
def test_a_row_without_what_is_left_tells_what_it_can(status: str, executed: D | None) -> None:
    row = _order(status=status)
    del row["leftAmount"]
    assert reports.seen(row).executed == executed


def test_a_cancelled_order_of_which_nobody_says_how_much_traded_has_its_trades() -> None:
    row = _order(status="Canceled")
    del row["leftAmount"]
    assert _told(row, _trade(1, "0.1"))[-1] == (ExecType.CANCELED, D("0.1"))


def test_a_status_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(OutcomeUnknown, match="PENDING"):
        reports.seen(_order(status="Pending"))


def test_a_trade_is_listed_under_the_first_id_of_its_order() -> None:
    rows = [_trade(1, "-0.1", orderId=62), _trade(2, "0.2", orderClientId="other")]
    older = _trade(3, "0.3")
    del older["orderId"], older["orderClientId"]
    found = reports.trades([*rows, older], {"ABC": "61"}, instrument=CODE)
    assert [(each.order_id, each.exec_id, each.qty) for each in found] == [
        ("61", "1", D("0.1")), ("61912740", "2", D("0.2")), ("", "3", D("0.3")),
    ]  # fmt: skip
    sold = reports.trades([_trade(1, "-0.1", orderType="sell")], {}, instrument=CODE)[0]
    assert sold.report is not None
    assert (sold.side, sold.report.last_qty, sold.report.fee) == (
        Side.SELL, D("0.1"), D("0.072"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "ord_type"),
    [
        ("limit", OrdType.LIMIT), ("Limit", OrdType.LIMIT), ("market", OrdType.MARKET),
        ("stopmarket", OrdType.STOP), ("stoplimit", OrdType.STOP_LIMIT),
    ],
)  # fmt: skip
def test_an_order_that_may_be_anybodys_is_told_whole(method: str, ord_type: OrdType) -> None:
    row = _order(method=method, type="Sell", status="Partial", leftAmount="0.1")
    (found,) = reports.open_orders({"bids": [], "asks": [row]}, _name)
    whole = found.seen
    assert whole is not None
    assert (found.cum_qty, whole.ord_type, whole.side) == (D("0.2"), ord_type, Side.SELL)
    assert (whole.order_id, whole.symbol, whole.order_qty) == ("61912740", "BTCTRY", D("0.3"))
    assert (whole.price, whole.stop_px) == (D(20000), None)


def test_an_order_of_a_kind_that_nobody_knows_is_listed_all_the_same() -> None:
    (found,) = reports.open_orders({"bids": [_order(method="iceberg")], "asks": []}, _name)
    assert (found.cl_ord_id, found.seen) == ("ABC", None)


def test_what_a_trade_cost_is_a_share_of_its_notional() -> None:
    rows = [
        _trade(1, "-1", price="100", fee="-0.15", tax="-0.03"),
        _trade(2, "0", fee="0", tax="0"),
    ]
    assert list(reports.fee_rates(rows)) == [D("0.0018")]


def _sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the wire sample {name} is not at hand")
    return json.loads(path.read_text(encoding="utf-8"), parse_float=D)


def test_the_wires_open_orders_are_read() -> None:
    found = reports.open_orders(_sample("private/open_orders/sample.json"), _name)
    assert sorted(each.cum_qty for each in found) == sorted(
        [D(0), D(0), D("0.04971904") - D("0.0412345"), D("0.06140209") - D("0.04909774")]
    )


def test_the_wires_orders_are_read() -> None:
    (row,) = _sample("private/all_orders/sample.json")
    state = OrderState(D("0.001")).sent()
    for report in reports.told(reports.seen(row), [], instrument=CODE):
        state = state.apply(report)
    assert (state.ord_status, state.cum_qty) == (OrdStatus.NEW, D(0))
    placed = reports.placed(
        _sample("private/submit_order/sample.json"), instrument=CODE, cl_ord_id="test"
    )
    assert placed.order_id == "9932534"


def test_the_wires_trades_are_read() -> None:
    rows = _sample("private/user_transactions/trade_sample.json")
    assert [str(each.qty) for each in reports.trades(rows, {}, instrument=CODE)] == ["146.6727"]
    (rate,) = reports.fee_rates(rows)
    assert D("0.0017") < rate < D("0.0019")


def test_the_wires_balances_are_free_and_locked_together() -> None:
    assert reports.balances(_sample("private/account_balance/sample.json")) == {
        "TRY": D("103158.9412490031968651"), "BTC": D("29.6027353"),
    }  # fmt: skip
