"""Who signs what with which stamp."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from pydantic import SecretStr

from aitrader.env import REPOSITORY
from aitrader.kernel.clock import WALL, to_millis
from aitrader.kernel.errors import BadInput
from trading.gateways import clock_check
from trading.gateways.btcturk import connection
from trading.gateways.btcturk.connection import Address, Connection, Stamps, signature

VECTORS = REPOSITORY.parent / "shared/data/wire/btcturk/signing_vectors.json"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_key_and_stamp_are_signed_with_the_decoded_secret() -> None:
    # printf %s key1700000000000 | openssl dgst -sha256 -hmac secret -binary | base64
    assert signature("key", "c2VjcmV0", 1700000000000) == (
        "DrFe0Jwm1Rtlw95KLCGUUPWDWSSyZuL+NLsCSbK+Iwk="
    )


@pytest.mark.skipif(not VECTORS.exists(), reason="the signing vectors are not at hand")
def test_the_signing_vectors_hold() -> None:
    for each in json.loads(VECTORS.read_text(encoding="utf-8")):
        signed = signature(each["public_key"], each["private_key"], each["stamp"])
        assert signed == each["signature"]


def test_a_secret_that_is_not_base64_is_said_without_saying_it() -> None:
    with pytest.raises(BadInput) as error:
        signature("key", "not base64!", 1)
    assert "not base64!" not in str(error.value)


def test_stamps_rise_when_the_clock_stands_still_or_steps_back() -> None:
    stamps = Stamps()
    told = [stamps.next(NOON), stamps.next(NOON), stamps.next(NOON - timedelta(seconds=3))]
    assert told == [to_millis(NOON), to_millis(NOON) + 1, to_millis(NOON) + 2]
    assert stamps.next(NOON + timedelta(seconds=1)) == to_millis(NOON) + 1000


def test_no_two_threads_have_the_same_stamp() -> None:
    stamps = Stamps()
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda _: [stamps.next(NOON) for _ in range(500)], range(16)))
    assert all(row == sorted(row) for row in rows)
    assert len({stamp for row in rows for stamp in row}) == 16 * 500


def _connection(key: str) -> Connection:
    address = Address("http://nowhere", "http://charts", SecretStr(key), SecretStr("c2VjcmV0"))
    return Connection(address, wall=WALL)


def test_connections_of_one_key_share_its_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_check.ClockCheck, "check", lambda check: None)
    one, same, other = _connection("one"), _connection("one"), _connection("other")
    stamps = [int(each.credentials()["X-Stamp"]) for each in (one, same, one, same)]
    assert stamps == sorted(set(stamps))
    assert other.credentials()["X-PCK"] == "other"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"success": true', b'{"a": 1, "a": 2}', b'{"a": NaN}', b"[" * 100_000],
)
def test_what_is_no_clean_json_is_no_answer(body: bytes) -> None:
    response = requests.Response()
    response._content = body
    assert connection.read(response) is None


def test_a_number_with_a_point_is_no_float() -> None:
    response = requests.Response()
    response._content = b'{"preciseAmount": -0.3384081100000000}'
    assert str(connection.read(response)["preciseAmount"]) == "-0.3384081100000000"
