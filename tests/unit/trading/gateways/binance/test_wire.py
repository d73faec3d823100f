"""Recorded and documented answers of Binance, read to the last digit."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import OutcomeUnknown, VenueAway
from aitrader.kernel.fix import ExecType
from tests.unit.trading.gateways import wire
from trading.domain.bar import Bar
from trading.gateways.binance import listing, reports
from trading.gateways.binance.history import BinanceHistory
from trading.gateways.binance.klines import Klines
from trading.gateways.binance.user_stream import BinanceLine
from trading.gateways.streams import Heard

CODE = "BINANCE:BTC-USDT"
SAMPLES = "binance/rest_ws_samples"
RECORDED = "binance/gct_http_recordings.json.gz"
FIXTURES = "binance/adapter_fixtures"
MINUTE = timedelta(minutes=1)


class _Venue:
    """A connection whose client answers one thing."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def call(self, ask: Any) -> Any:
        return self._told


def _rules(told: Any, *symbols: str) -> Any:
    venue: Any = _Venue(told)
    return listing.instruments(venue, symbols, venue="BINANCE")


def _answered(route: str, method: str) -> list[Any]:
    """Everything that was recorded of a route, the newest rules and the oldest answers."""
    return [each["data"] for each in wire.read(RECORDED)["routes"][f"/api/v3/{route}"][method]]


def _everything() -> Iterator[dict[str, Any]]:
    for folder in ("Endpoints/Spot/Trading", "Socket/Spot/Trading"):
        for name, told in wire.answers(f"{SAMPLES}/{folder}"):
            # Margin is another account with answers of its own.
            yield from wire.objects([] if "Margin" in name else told)
    for name in ("all_orders", "order", "open_orders", "new_order_full", "cancel_order"):
        yield from wire.objects(wire.read(f"{FIXTURES}/http_json/{name}_response.json"))
    for route, method in (("order", "GET"), ("order", "DELETE"), ("openOrders", "GET")):
        yield from wire.objects(_answered(route, method))
    yield from wire.objects(_answered("allOrders", "GET"))


def _digits(number: D) -> str:
    """As it was written, zeros too."""
    return format(number, "f")


def _orders() -> list[dict[str, Any]]:
    fields = {"orderId", "clientOrderId", "status", "executedQty", "origQty", "type"}
    return [each for each in _everything() if fields <= set(each)]


def test_every_order_is_read_with_what_it_has_traded() -> None:
    seen = {"placed": 0, "cancelled": 0, "queried": 0}
    for order in _orders():
        executed = D(order["executedQty"])
        if "origClientOrderId" in order and order["status"] == "CANCELED":
            report = reports.cancelled(order, instrument=CODE)
            assert (report.cl_ord_id, report.exec_type, report.cum_qty) == (
                order["origClientOrderId"],
                ExecType.CANCELED,
                executed,
            )
            seen["cancelled"] += 1
        elif "updateTime" in order and "time" in order:
            found = reports.queried(order, [], instrument=CODE)
            assert max(each.cum_qty for each in found) == executed
            (resting,) = reports.open_orders([order])
            assert resting.seen
            assert (resting.cum_qty, resting.seen.order_qty) == (executed, D(order["origQty"]))
            assert (resting.seen.price or 0) == D(order["price"])
            assert (resting.seen.stop_px or 0) == D(order["stopPrice"])
            seen["queried"] += 1
        elif "transactTime" in order:
            found = reports.placed(order, instrument=CODE)
            assert found[0].exec_type is ExecType.NEW
            assert found[0].order_id == str(order["orderId"])
            seen["placed"] += 1
    assert all(count >= 5 for count in seen.values()), seen


def test_every_fill_of_a_new_order_keeps_its_digits() -> None:
    fills = 0
    for order in _orders():
        if "transactTime" not in order:
            continue
        told = order.get("fills") or []
        found = [
            each
            for each in reports.placed(order, instrument=CODE)
            if each.exec_type is ExecType.TRADE
        ]
        assert [
            (
                each.exec_id,
                _digits(each.last_px),
                _digits(each.last_qty),
                _digits(each.fee),
                each.fee_asset,
            )
            for each in found
        ] == [
            (str(f["tradeId"]), f["price"], f["qty"], f["commission"], f["commissionAsset"])
            for f in told
        ]
        assert not found or found[-1].cum_qty == sum(D(each["qty"]) for each in told)
        fills += len(found)
    assert fills >= 10


def test_every_trade_of_the_account_keeps_its_digits() -> None:
    fields = {"id", "orderId", "qty", "price", "commission", "commissionAsset", "isMaker"}
    fixture = wire.read(f"{FIXTURES}/http_json/account_trades_response.json")
    rows = [each for each in [*_everything(), *fixture] if fields <= set(each)]
    assert len(rows) >= 3
    for row in rows:
        (found,) = reports.trades([row], instrument=CODE)
        assert found.report
        assert (found.order_id, found.exec_id) == (str(row["orderId"]), str(row["id"]))
        assert (
            _digits(found.report.last_px),
            _digits(found.report.last_qty),
            _digits(found.report.fee),
        ) == (
            row["price"],
            row["qty"],
            row["commission"],
        )
        assert (found.side == "BUY", found.report.liquidity == "MAKER") == (
            row["isBuyer"],
            row["isMaker"],
        )


def test_balances_and_rates_are_the_accounts() -> None:
    account = wire.read(f"{FIXTURES}/http_json/account_response.json")
    assert reports.balances(account) == {
        "BTC": D("4723846.89208129"),
        "LTC": D("4763368.68006011"),
    }
    assert reports.fees(account).highest == D("0.0015")
    (recorded,) = _answered("account", "GET")
    held = {
        each["asset"]: D(each["free"]) + D(each["locked"])
        for each in recorded["balances"]
        if D(each["free"]) + D(each["locked"])
    }
    assert reports.balances(recorded) == held


def _filters(symbol: dict[str, Any]) -> dict[str, Any]:
    return {each["filterType"]: each for each in symbol["filters"]}


def test_every_listed_symbol_has_the_steps_and_least_amounts_of_its_filters() -> None:
    (recorded,) = _answered("exchangeInfo", "GET")
    older = wire.read("binance/exchange_info_btcusdt_basana.json")
    captured = wire.path("../streams/cryptofeed_capture/BINANCE.0.gz")
    line = gzip.decompress(captured.read_bytes()).decode().split("\n", 1)[0]
    everything = json.loads(line[line.index("{") :])
    checked = 0
    for told in (recorded, older, everything):
        trading = [each for each in told["symbols"] if each["status"] == "TRADING"]
        found = _rules(told, *(each["symbol"] for each in trading))
        for symbol in trading:
            rules, instrument = _filters(symbol), found[symbol["symbol"]]
            least = rules.get("NOTIONAL") or rules["MIN_NOTIONAL"]
            assert (
                instrument.tick,
                instrument.lot,
                instrument.min_qty,
                instrument.min_notional,
                instrument.code,
            ) == (
                D(rules["PRICE_FILTER"]["tickSize"]),
                D(rules["LOT_SIZE"]["stepSize"]),
                D(rules["LOT_SIZE"]["minQty"]),
                D(least["minNotional"]),
                f"BINANCE:{symbol['baseAsset']}-{symbol['quoteAsset']}",
            )
            checked += 1
    assert checked > 1_000


def _symbol(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    } | changes  # fmt: skip


def test_a_filter_that_nobody_knows_changes_nothing() -> None:
    plain = _symbol()
    more = _symbol(filters=[*plain["filters"], {"filterType": "MOON_PHASE", "phase": [{}]}])
    assert _rules({"symbols": [more]}, "BTCUSDT") == _rules({"symbols": [plain]}, "BTCUSDT")


def test_a_symbol_may_be_written_in_any_script() -> None:
    told = {"symbols": [_symbol(symbol="币安人生USDT", baseAsset="币安人生")]}
    assert _rules(told, "币安人生USDT")["币安人生USDT"].code == "BINANCE:币安人生-USDT"


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"symbols": [{}]},
        {"symbols": [_symbol(filters=[])]},
        {"symbols": [_symbol(filters=[{}])]},
        {"symbols": [_symbol(filters=None)]},
    ],
)
def test_rules_that_cannot_be_read_are_no_rules(told: Any) -> None:
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        _rules(told, "BTCUSDT")


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY", "SOMETHING_NEW", None])
def test_a_symbol_that_does_not_trade_is_refused(status: str | None) -> None:
    with pytest.raises(VenueAway, match="does not trade"):
        _rules({"symbols": [_symbol(status=status)]}, "BTCUSDT")


def _numbers(bar: Bar) -> tuple[str, ...]:
    return tuple(_digits(each) for each in (bar.open, bar.high, bar.low, bar.close, bar.volume))


def _klines() -> list[Any]:
    pages = _answered("klines", "GET")
    pages += [told for name, told in wire.answers(f"{SAMPLES}/Endpoints/Spot/ExchangeData")
              if name in ("GetKlines", "GetUiKlines")]  # fmt: skip
    pages += [wire.read(f"{FIXTURES}/http_json/klines_response.json")]
    return pages


def test_every_kline_keeps_its_digits() -> None:
    connection: Any = _Venue(None)
    wall: Any = None
    live = Klines(connection, "ws://none", {CODE: "BTCUSDT"}, MINUTE, history_bars=1, wall=wall)
    past = BinanceHistory(connection, "BTCUSDT", MINUTE)
    checked = 0
    for rows in _klines():
        told = [tuple(row[1:6]) for row in rows]
        assert [_numbers(bar) for bar in live._rows(rows)] == told
        assert [_numbers(bar) for bar in past._bars(rows)] == told
        checked += len(rows)
    assert checked > 3_000


def test_a_kline_of_the_stream_keeps_its_digits() -> None:
    connection: Any = _Venue(None)
    wall: Any = None
    symbols = {name: name for name in ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")}
    live = Klines(connection, "ws://none", symbols, MINUTE, history_bars=1, wall=wall)
    lines = gzip.decompress(
        wire.path("../streams/cryptofeed_capture/BINANCE.ws.1.0.gz").read_bytes()
    )
    checked = 0
    for line in lines.decode().splitlines():
        if "{" not in line:
            continue
        frame = line[line.index("{") :]
        told = json.loads(frame)["data"]
        found = live._read(frame)
        if told.get("e") != "kline" or told["s"] not in symbols.values():
            assert found is None
            continue
        assert found
        assert _numbers(found[1]) == tuple(told["k"][name] for name in "ohlcv")
        assert found[2] is told["k"]["x"]
        checked += 1
    assert checked


def _line() -> BinanceLine:
    nothing: Any = None
    return BinanceLine(
        "ws://none", api_key=nothing, api_secret=nothing, connection=nothing, wall=nothing
    )


def _events() -> list[dict[str, Any]]:
    told = [each for _, each in wire.answers(f"{SAMPLES}/Subscriptions/Spot/Account")]
    found = [each["event"] for each in told if "event" in each]
    for file in sorted(wire.path(f"{FIXTURES}/user_data_json").glob("*.json")):
        body = json.loads(file.read_text(encoding="utf-8"))
        found.append(body.get("event", body))
    lines = wire.path("binance/gct_ws_frames.jsonl").read_text(encoding="utf-8")
    frames = [json.loads(each)["data"] for each in lines.splitlines() if each.strip()]
    return found + [each for each in frames if each["e"] in _ACCOUNT]


_ACCOUNT = {"executionReport", "listStatus", "outboundAccountPosition", "balanceUpdate"}
_EXECUTIONS = (
    "NEW",
    "CANCELED",
    "REPLACED",
    "REJECTED",
    "TRADE",
    "EXPIRED",
    "TRADE_PREVENTION",
    "SOMETHING_NEW",
)


def _heard(event: Any) -> Heard:
    return _line().heard(json.dumps({"subscriptionId": 0, "event": event}))


def test_every_event_of_an_account_is_news_but_positions_which_come_beside_one() -> None:
    events = _events()
    assert {each["e"] for each in events} == _ACCOUNT
    assert len(events) >= 15
    for event in events:
        beside = event["e"] == "outboundAccountPosition"
        assert _heard(event) is (Heard.ALIVE if beside else Heard.NEWS)


@pytest.mark.parametrize("execution", _EXECUTIONS)
def test_an_execution_report_of_any_kind_is_news(execution: str) -> None:
    event = wire.read(f"{FIXTURES}/user_data_json/execution_report_trade.json")
    assert (
        _heard(event | {"x": execution, "X": execution, "N": None, "s": "币安人生USDT"})
        is Heard.NEWS
    )


@pytest.mark.parametrize("kind", ["USER_LIABILITY_CHANGE", "somethingNew", "", None])
def test_an_event_that_nobody_knows_is_a_sign_of_life(kind: Any) -> None:
    assert _heard({"e": kind, "E": 1}) is Heard.ALIVE


def test_a_frame_of_another_stream_is_nothing() -> None:
    for _, told in wire.answers(f"{SAMPLES}/Subscriptions/Spot/ExchangeData"):
        assert _line().heard(json.dumps(told, default=str)) is Heard.NOTHING
