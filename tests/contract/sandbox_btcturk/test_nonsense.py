"""Whatever is sent, the answer is one of the exchange's own."""

import random
from typing import Any

import pytest

from tests.contract.sandbox_btcturk.conftest import Start
from tests.contract.sandbox_btcturk.desk import Desk
from trading.sandbox.btcturk_api.rest import PATHS, SINGLE

_VALUES: tuple[Any, ...] = (
    *("", "0", "-1", "1", "0.00000001", "9" * 20, "1e9", "NaN", "Infinity", "ö", "'", "\x1f"),
    *("BTCTRY", "btc_try", "buy", "sell", "limit", "market", "stopmarket", "true", "[]", "60000"),
)
_ODD: tuple[Any, ...] = (None, True, [], {}, [1], 0, -1, 1e300, 10**30)
_NAMES = (
    *("pairSymbol", "orderType", "orderMethod", "quantity", "price", "stopPrice", "id", "limit"),
    *("newOrderClientId", "orderId", "startTime", "endTime", "page", "type", "symbol", "last"),
    *("startDate", "endDate"),
)


def _draw(dice: random.Random, *, odd: bool) -> dict[str, Any]:
    usual = {"pairSymbol": "BTCTRY", "orderType": "buy", "orderMethod": "limit"}
    if dice.random() < 0.5:
        usual |= {"quantity": "0.01", "price": "50000"}
    values = _VALUES + _ODD if odd else _VALUES
    return usual | {name: dice.choice(values) for name in dice.sample(_NAMES, dice.randrange(5))}


@pytest.mark.parametrize("seed", range(3))
async def test_every_nonsense_is_answered_in_the_venue_s_form(desk: Desk, seed: int) -> None:
    await desk.market()
    dice = random.Random(seed)
    for step in range(150):
        if step % 10 == 0:
            # The limits of a second do not hide what lies behind them.
            desk.offset_ms += 1_500
            await desk.control("clock", offset_seconds=desk.offset_ms / 1_000)
        method, path = dice.choice(list(PATHS))
        if path == SINGLE:
            path = f"v1/order/{dice.choice(['1000', '0', '-5', '9' * 30])}"
        params = _draw(dice, odd=method == "POST")
        answer = await desk.ask(method, path, **params)
        assert answer.status in {200, 400, 429}, (method, path, params, answer.body)
        assert "success" in answer.body or "serverTime" in answer.body


async def test_a_market_of_its_own_trades_in_lira(start: Start) -> None:
    desk = await start(market=True)
    (ticker,) = await desk.get("v2/ticker", pairSymbol="BTCTRY")
    assert 1_000_000 < ticker["bid"] < ticker["ask"] < 5_000_000
    bought = await desk.buy_for("100000")
    assert bought.status == 200
    (row,) = await desk.all_orders()
    assert row["status"] == "Closed"
