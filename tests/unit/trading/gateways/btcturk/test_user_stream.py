"""What a message of BTCTurk's feed means for the desk."""

import json
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from trading.gateways.btcturk.user_stream import BtcturkLine
from trading.gateways.streams import Heard


class _Connection:
    def credentials(self) -> dict[str, str]:
        return {"X-PCK": "key", "X-Stamp": "1700000000000", "X-Signature": "signed"}

    def now(self) -> Any:
        return EPOCH


def _line() -> BtcturkLine:
    connection: Any = _Connection()
    line = BtcturkLine("ws://nowhere", connection=connection)
    line.greetings()
    return line


def test_the_login_signs_key_and_nonce() -> None:
    connection: Any = _Connection()
    (greeting,) = BtcturkLine("ws://nowhere", connection=connection).greetings()
    assert json.loads(greeting) == [
        114,
        {
            "type": 114, "publicKey": "key", "timestamp": 0, "nonce": 1700000000000,
            "signature": "signed",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ([991, {"type": 991, "current": "6.0.0", "min": "2.3.0"}], Heard.ALIVE),
        ([114, {"type": 114, "id": 7, "ok": True, "message": None}], Heard.CONFIRMED),
        ([112, {"type": 112, "id": 7, "ok": True, "message": ""}], Heard.CONFIRMED),
        ([114, {"type": 114, "id": 0, "ok": False, "message": "INVALID_SIGNATURE"}], Heard.OVER),
        ([100, {"type": 100, "ok": False, "message": "join|alive:alive"}], Heard.ALIVE),
        ([441, {"type": 441, "id": 1, "amount": "1"}], Heard.NEWS),
        ([423, {"id": 1}], Heard.NEWS),
        ([451, {"type": 451, "id": 1}], Heard.NEWS),
        ([452, {"type": 452, "id": 1}], Heard.NEWS),
        ([453, {"type": 453, "id": 1}], Heard.NEWS),
        ([201, {"type": 201, "userId": 1}], Heard.NEWS),
        ([801, {"type": 801, "ok": True, "message": "SERVER_SHUTDOWN"}], Heard.OVER),
        ([801, {"type": 801, "ok": True, "message": "hello"}], Heard.ALIVE),
        ([402, {"type": 402, "PS": "BTCTRY"}], Heard.NOTHING),
    ],
)
def test_a_message_is_a_hint_and_no_more(message: list[Any], heard: Heard) -> None:
    assert _line().heard(json.dumps(message)) is heard


@pytest.mark.parametrize("message", ["", "{}", "[]", "[441]", "7", '[114, {"type": 114}]'])
def test_a_frame_that_is_none_of_the_venues_is_unreadable(message: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        _line().heard(message)
