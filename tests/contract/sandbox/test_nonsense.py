"""Whatever is sent, the answer is one of the exchange's own."""

import random

import orjson
import pytest

from tests.contract.sandbox.desk import Desk
from trading.sandbox.binance_api.operations import METHODS, PATHS

_VALUES = (
    *("", "0", "-1", "1", "0.00000001", "99999999999999999999", "1e9", "NaN", "Infinity", "ö", "'"),
    *("BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "STOP_LOSS", "GTC", "FOK", "1m", "true", "[]"),
)
_NAMES = (
    *("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice"),
    *("orderId", "origClientOrderId", "newClientOrderId", "startTime", "endTime", "limit"),
    *("fromId", "interval", "recvWindow", "trailingDelta", "symbols", "cancelReplaceMode"),
    *("aboveType", "belowType", "orderListId", "cancelOrderId", "newOrderRespType"),
)

_ODD: tuple[object, ...] = (
    *([], 1, None, {"method": 5}, {"id": 3}),
    *({"method": "time", "params": [1]}, {"method": "SUBSCRIBE", "params": 7}),
)


def _draw(dice: random.Random) -> dict[str, str]:
    usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    if dice.random() < 0.5:
        usual |= {"quantity": "0.01", "price": "50000"}
    names = dice.sample(_NAMES, dice.randrange(4))
    return usual | {name: dice.choice(_VALUES) for name in names}


@pytest.mark.parametrize("seed", range(3))
async def test_rest_answers_every_nonsense_with_a_code(desk: Desk, seed: int) -> None:
    await desk.market()
    dice = random.Random(seed)
    paths = list(PATHS)
    for _ in range(150):
        (method, path), params = dice.choice(paths), _draw(dice)
        answer = await desk.ask(method, path, **params)
        assert answer.status in {200, 400, 409, 429, 418}, (method, path, params, answer.body)
        if answer.status != 200:
            assert answer.body["code"] < 0


async def test_the_websocket_api_answers_every_nonsense(desk: Desk) -> None:
    dice = random.Random(1)
    async with desk.listen("ws-api/v3") as socket:
        for _ in range(100):
            answer = await desk.call(socket, dice.choice(list(METHODS)), **_draw(dice))
            assert answer["status"] in {200, 400, 409, 429, 418}
        for odd in _ODD:
            await socket.send_str(orjson.dumps(odd).decode())
            assert (await socket.receive_json(timeout=5))["status"] in {400, 404}


async def test_a_stream_answers_every_nonsense(desk: Desk) -> None:
    async with desk.listen("ws") as socket:
        for odd in _ODD:
            await socket.send_str(orjson.dumps(odd).decode())
            assert "error" in await socket.receive_json(timeout=5)
