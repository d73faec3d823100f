"""Answers have the fields of the venue's own samples, in the same types."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sandbox_btcturk.desk import Desk

SAMPLES = Path(__file__).parents[4] / "shared/data/wire/btcturk/rest_samples"
#: A text of digits, whatever the digits are.
_TEXT, _NUMBER = "text", "number"


def _sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"../shared/data/wire/btcturk/rest_samples/{name} is not here")
    return json.loads(path.read_text(encoding="utf-8"))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _NUMBER
    return type(value).__name__


def _kinds(row: dict[str, Any]) -> dict[str, str]:
    return {name: _kind(value) for name, value in row.items() if value is not None}


def _agrees(told: dict[str, Any], sample: dict[str, Any]) -> None:
    """Every field of the sample is there and of its type."""
    ours, theirs = _kinds(told), _kinds(sample)
    assert {name: ours.get(name) for name in theirs} == theirs


async def test_a_new_order(desk: Desk) -> None:
    _agrees(await desk.placed(), _sample("private/submit_order/sample.json"))


async def test_open_orders(desk: Desk) -> None:
    await desk.placed()
    await desk.placed(orderType="sell", price="70000")
    told = await desk.get("v1/openOrders")
    sample = _sample("private/open_orders/sample.json")
    assert set(told) == set(sample)
    for side in ("asks", "bids"):
        assert set(told[side][0]) == set(sample[side][0])
        _agrees(told[side][0], sample[side][0])


async def test_all_orders(desk: Desk) -> None:
    await desk.placed()
    (row,) = await desk.all_orders()
    _agrees(row, _sample("private/all_orders/sample.json")[0])


async def test_trades_of_an_account(desk: Desk) -> None:
    await desk.market()
    await desk.buy_for("6000")
    (row,) = await desk.trades()
    _agrees(row, _sample("private/user_transactions/trade_sample.json")[0])


async def test_balances(desk: Desk) -> None:
    _agrees(await desk.balance("TRY"), _sample("private/account_balance/sample.json")[0])


async def test_a_ticker(desk: Desk) -> None:
    (row,) = await desk.get("v2/ticker", pairSymbol="BTCTRY")
    sample = _sample("public/ticker/sample.json")
    assert set(row) == set(sample)
    _agrees(row, sample)


async def test_a_book_and_the_trades_of_the_market(desk: Desk) -> None:
    await desk.trade_at("60000")
    await desk.market()
    book = await desk.get("v2/orderbook", pairSymbol="BTCTRY")
    sample = _sample("public/order_book/sample.json")
    _agrees(book, sample)
    assert [_kind(each) for each in book["bids"][0]] == [_TEXT, _TEXT]
    (row,) = await desk.get("v2/trades", pairSymbol="BTCTRY")
    listed = _sample("public/trades/sample.json")[0]
    assert set(row) == set(listed)
    _agrees(row, listed)


async def test_the_pairs(desk: Desk) -> None:
    told = await desk.get("v2/server/exchangeinfo")
    sample = _sample("public/exchange_info/sample.json")
    _agrees(told, sample)
    _agrees(told["symbols"][0], sample["symbols"][0])
    assert set(told["symbols"][0]["filters"][0]) == set(sample["symbols"][0]["filters"][0])
