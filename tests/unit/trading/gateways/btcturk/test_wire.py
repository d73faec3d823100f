"""Documented answers of BTCTurk, and the facts of its feed, read to the last digit."""

import json
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel import clock
from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import NotSent, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, Side
from tests.unit.trading.gateways import wire
from trading.gateways.btcturk import errors, listing, reports
from trading.gateways.btcturk.candles import Candles
from trading.gateways.btcturk.errors import Answer
from trading.gateways.btcturk.quotes import Quotes
from trading.gateways.btcturk.user_stream import BtcturkLine
from trading.gateways.streams import Heard

CODE = "BTCTURK:XLM-TRY"
SAMPLES = "btcturk/rest_samples"
FACTS = "btcturk/ws_models_facts.json"


def _digits(number: D | None) -> str:
    return format(number or D(0), "f")


class _Venue:
    """Answers one thing, signs nothing."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def public(self, path: str, asked: Any = None, *, quick: bool) -> Any:
        return self._told

    def credentials(self) -> dict[str, str]:
        return {"X-PCK": "key", "X-Stamp": "1700000000000", "X-Signature": "signed"}

    def now(self) -> Any:
        return EPOCH


def test_every_pair_has_the_steps_and_least_amounts_of_its_rules() -> None:
    told = wire.read(f"{SAMPLES}/public/exchange_info/sample.json")
    venue: Any = _Venue(told)
    pairs = [
        each
        for each in told["symbols"]
        if each["status"] == "TRADING" and not each["commissionFromNumerator"]
    ]
    assert len(pairs) >= 3
    for pair in pairs:
        found = listing.instruments(venue, [pair["name"]], venue="BTCTURK")[pair["name"]]
        (rules,) = pair["filters"]
        scale, lot = (D(1).scaleb(-pair[each]) for each in ("denominatorScale", "numeratorScale"))
        assert (found.tick, found.lot) == (max(D(rules["tickSize"]), scale), lot)
        assert found.min_notional == D(rules["minExchangeValue"])
        assert (found.limits.min_px, found.limits.max_px, found.limits.max_qty) == (
            D(rules["minPrice"]),
            D(rules["maxPrice"]),
            None,
        )
        assert (found.base, found.quote) == (pair["numerator"], pair["denominator"])


def test_every_resting_order_is_told_whole() -> None:
    told = wire.read(f"{SAMPLES}/private/open_orders/sample.json")
    rows = [*told["bids"], *told["asks"]]
    found = reports.open_orders(told, lambda each: each.cl_ord_id)
    assert len(found) == len(rows) == 4
    for row, order in zip(rows, found, strict=True):
        seen = order.seen
        assert seen
        assert order.cum_qty == D(row["quantity"]) - D(row["leftAmount"])
        assert (_digits(seen.order_qty), _digits(seen.price)) == (row["quantity"], row["price"])
        assert (seen.side, seen.ord_type, seen.stop_px) == (
            Side(row["type"].upper()),
            OrdType.LIMIT,
            None,
        )


def test_an_order_of_the_list_of_all_is_told_as_taken() -> None:
    (row,) = wire.read(f"{SAMPLES}/private/all_orders/sample.json")
    (report,) = reports.told(reports.seen(row), [], instrument=CODE)
    assert (report.exec_type, report.order_id, report.cl_ord_id) == (
        ExecType.NEW,
        str(row["id"]),
        row["orderClientId"],
    )
    ended = reports.told(reports.seen(row | {"status": "Closed"}), [], instrument=CODE)
    assert _digits(ended[-1].cum_qty) == row["amount"]


def test_a_trade_of_either_side_keeps_its_digits_and_its_fee_is_what_was_paid() -> None:
    (row,) = wire.read(f"{SAMPLES}/private/user_transactions/trade_sample.json")
    sold = row | {"orderType": "sell", "amount": f"-{row['amount']}"}
    for trade, side in ((row, Side.BUY), (sold, Side.SELL)):
        (found,) = reports.trades([trade], {}, instrument=CODE)
        report = found.report
        assert report
        assert (found.order_id, found.exec_id, found.side) == ("5111697972", "552887776", side)
        assert (_digits(report.last_px), _digits(report.last_qty)) == ("3.267", "146.6727")
        assert (report.fee, report.fee_asset) == (D("0.86252142"), "TRY")


def test_the_best_ask_keeps_its_digits() -> None:
    venue: Any = _Venue(wire.read(f"{SAMPLES}/public/order_book/sample.json"))
    quotes = Quotes(venue, venue="BTCTURK")
    # What it lists is not told.
    with pytest.raises(NotSent, match="the rules of BTCUSDT are not known"):
        quotes.look("BTCUSDT")
    assert quotes.best_ask("BTCUSDT") == D(36401)


def test_an_ask_that_nobody_looked_at_or_long_ago_prices_no_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue: Any = _Venue(wire.read(f"{SAMPLES}/public/order_book/sample.json"))
    quotes = Quotes(venue, venue="BTCTURK")
    with pytest.raises(NotSent, match="no ask of BTCUSDT is known"):
        quotes.best_ask("BTCUSDT")
    with pytest.raises(NotSent):
        quotes.look("BTCUSDT")
    looked_at = clock.monotonic()
    monkeypatch.setattr("trading.gateways.btcturk.quotes.monotonic", lambda: looked_at + 3.5)
    with pytest.raises(NotSent, match="no ask of BTCUSDT is known"):
        quotes.best_ask("BTCUSDT")


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"asks": [["36401", "1"]]},
        {"bids": [], "asks": []},
        {"bids": [], "asks": [["36401", "0"]]},
        {"bids": [["36401", "1"]], "asks": [["36401", "1"]]},
        {"bids": [], "asks": [["much", "1"]]},
    ],
)
def test_a_book_that_cannot_be_believed_prices_no_order(told: Any) -> None:
    venue: Any = _Venue(told)
    with pytest.raises(NotSent, match="no ask of BTCUSDT is known"):
        Quotes(venue, venue="BTCTURK").look("BTCUSDT")


_OF_THE_ACCOUNT = {201, 441, 451, 452, 453}
_LOGINS = {112, 114}


def test_every_model_of_the_feed_is_understood() -> None:
    models = wire.read(FACTS)["models"]
    assert {str(each) for each in _OF_THE_ACCOUNT | _LOGINS} <= set(models)
    for number in map(int, models):
        venue: Any = _Venue(None)
        line = BtcturkLine("ws://none", connection=venue)
        line.greetings()
        heard = line.heard(json.dumps([number, {"type": number, "ok": True, "message": "hello"}]))
        if number in _OF_THE_ACCOUNT:
            assert heard is Heard.NEWS
        elif number in _LOGINS:
            assert heard is Heard.CONFIRMED
        else:
            assert heard in (Heard.ALIVE, Heard.NOTHING)


def test_a_candle_of_the_feed_has_the_fields_of_its_model_and_keeps_its_digits() -> None:
    fields = wire.read(FACTS)["models"]["428"]["fields"]
    assert fields == ["type", "D(s)", "P", "R", "O", "H", "L", "C", "V"]
    venue: Any = _Venue(None)
    minute = timedelta(minutes=1)
    candles = Candles(venue, "ws://none", {"BTCTURK:BTC-TRY": "BTCTRY"}, minute, history_bars=1)
    numbers = '"O":100.10,"H":"100.20","L":99.90000001,"C":100.0,"V":0.00000001'
    found = candles._read(f'[428,{{"type":428,"D":1700000040,"P":"BTCTRY","R":"1",{numbers}}}]')
    assert found
    bar = found[1]
    assert [_digits(each) for each in (bar.open, bar.high, bar.low, bar.close, bar.volume)] == [
        "100.10", "100.20", "99.90000001", "100.0", "0.00000001",
    ]  # fmt: skip


def test_every_error_of_an_order_is_a_refusal() -> None:
    names = wire.read(FACTS)["rest_order_errors"]
    assert len(names) >= 5
    for name in names:
        body = {"success": False, "message": name, "code": 1}
        assert isinstance(errors.translate(Answer(400, {}, body)), RejectedByVenue), name
