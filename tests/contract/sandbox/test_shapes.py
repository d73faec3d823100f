"""Every field of the recorded samples is in the sandbox's answers, written in the same way."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sandbox.desk import Desk
from trading.sandbox.binance_api import signing

SAMPLES = Path(__file__).parents[4] / "shared/data/wire/binance"
_HTTP, _USER = "adapter_fixtures/http_json", "adapter_fixtures/user_data_json"


def _sample(name: str) -> Any:
    file = SAMPLES / name
    if not file.exists():
        pytest.skip(f"no recorded sample {name}")
    return json.loads(file.read_text())


def _missing(sample: Any, ours: Any, place: str = "") -> list[str]:
    """Fields that the sample has and we do not, or that are of another kind."""
    if isinstance(sample, list) and isinstance(ours, list) and sample and ours:
        return _missing(sample[0], ours[0], f"{place}[]")
    if not isinstance(sample, dict) or not isinstance(ours, dict):
        either = None in (sample, ours)
        return [] if either or type(sample) is type(ours) else [f"{place}: {ours!r}"]
    absent = [f"{place}.{name}" for name in sample if name not in ours]
    common = (name for name in sample if name in ours)
    return absent + [w for name in common for w in _missing(sample[name], ours[name], name)]


@pytest.mark.parametrize(
    ("sample", "path"),
    [
        ("server_time_response", "time"),
        ("depth_response", "depth?symbol=BTCUSDT"),
        ("trades_response", "trades?symbol=BTCUSDT"),
        ("klines_response", "klines?symbol=BTCUSDT&interval=1m"),
        ("avg_price_response", "avgPrice?symbol=BTCUSDT"),
        ("book_ticker_response", "ticker/bookTicker?symbol=BTCUSDT"),
        ("ticker_price_response", "ticker/price?symbol=BTCUSDT"),
    ],
)
async def test_public_answers_have_the_recorded_fields(desk: Desk, sample: str, path: str) -> None:
    await desk.market()
    await desk.order(price="60000")
    recorded = _sample(f"{_HTTP}/{sample}.json")
    answer = (await desk.send("GET", path)).body
    if isinstance(recorded, list) and isinstance(answer, dict):
        recorded = recorded[0]
    assert _missing(recorded, answer) == []


async def test_private_answers_have_the_recorded_fields(desk: Desk) -> None:
    await desk.market()
    answers = {"new_order_full_response": (await desk.order(price="60000")).body}
    number = (await desk.order()).body["orderId"]
    for name, path in (
        ("order_response", "order"),
        ("open_orders_response", "openOrders"),
        ("all_orders_response", "allOrders"),
        ("account_trades_response", "myTrades"),
        ("account_response", "account"),
    ):
        query = {} if path == "account" else {"symbol": "BTCUSDT"}
        more = {"orderId": number} if path == "order" else {}
        answers[name] = (await desk.ask("GET", path, **query, **more)).body
    ended = await desk.ask("DELETE", "order", symbol="BTCUSDT", orderId=number)
    answers["cancel_order_response"] = ended.body
    for name, answer in answers.items():
        assert _missing(_sample(f"{_HTTP}/{name}.json"), answer) == [], name


async def test_the_account_s_events_have_the_recorded_fields(desk: Desk) -> None:
    async with desk.user_stream() as stream:
        await desk.order()
        report, position = [await stream.receive_json(timeout=5) for _ in range(2)]
        await desk.control("account", account="binance-1", move="deposit", asset="BTC", amount="1")
        update = await stream.receive_json(timeout=5)
    for name, told in (
        ("execution_report_wrapped", report),
        ("account_position_wrapped", position),
        ("balance_update_wrapped", update),
    ):
        assert _missing(_sample(f"{_USER}/{name}.json"), told) == [], name


async def test_symbols_are_described_with_the_recorded_fields(desk: Desk) -> None:
    recorded = _sample("exchange_info_btcusdt_basana.json")
    described = (await desk.send("GET", "exchangeInfo?symbol=BTCUSDT")).body
    assert _missing(recorded, described) == []
    ours = {each["filterType"]: each for each in described["symbols"][0]["filters"]}
    for each in recorded["symbols"][0]["filters"]:
        if each["filterType"] in ours:
            assert _missing(each, ours[each["filterType"]]) == []


def test_the_recorded_signatures_are_right() -> None:
    for vector in _sample("signing_vectors.json"):
        key = signing.Key(vector["api_key"], vector["secret_key"], "any")
        signature = vector["signature"]
        if vector["api"] == "rest":
            payloads: tuple[str, ...] = (
                signing.rest_payload(f"{vector['payload']}&signature={signature}", ""),
            )
        else:
            pairs = dict(part.split("=") for part in vector["payload"].split("&"))
            payloads = signing.socket_payloads({**pairs, "signature": signature})
        signing.check_signature(key, payloads, signature.upper())
