"""ccxt's client, held to our rules: no float, no line in a log, nothing but the needed calls."""

from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.errors import BadInput
from trading.gateways.generic import library, profiles, strict_json
from trading.gateways.generic.library import Address
from trading.gateways.generic.wire import Wire

SECRET = "c2VjcmV0LW9mLXRoZS1kZXNr"


def _client(exchange: str, rest_url: str = "") -> Any:
    address = Address(exchange, rest_url, SecretStr("key-of-the-desk"), SecretStr(SECRET))
    return library.client(address, Wire((1.0, 1.0)), profiles.of(exchange), paced=True)


def test_an_address_takes_the_place_of_every_origin() -> None:
    found = _client("kraken", "http://127.0.0.1:9/")
    assert set(found.urls["api"].values()) == {
        "http://127.0.0.1:9", "http://127.0.0.1:9/api/v2/help_center/en-us/articles",
    }  # fmt: skip
    assert _client("kraken").urls["api"]["private"] == "https://api.kraken.com"


def test_what_was_ordered_is_what_goes_out() -> None:
    found = _client("kraken")
    found.markets = {"BTC/USD": {"precision": {"price": "0.1", "amount": "0.001"}}}
    assert found.price_to_precision("BTC/USD", "60000.12345") == "60000.12345"
    assert found.amount_to_precision("BTC/USD", "0.00000000001") == "0.00000000001"


def test_numbers_never_become_floats() -> None:
    found = _client("kraken")
    told = found.on_json_response('{"a": 0.1234567890123456789, "b": 12345678901234567890}')
    assert told == {"a": "0.1234567890123456789", "b": 12345678901234567890}
    assert found.parse_number("0.10") == "0.10"


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000, ""])
def test_json_that_cannot_be_believed_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        strict_json.loads(text)


def test_requests_are_counted_across_clients_where_the_venue_counts() -> None:
    one, other = _client("kraken"), _client("kraken")
    found = [client.nonce() for _ in range(50) for client in (one, other)]
    assert found == sorted(set(found))


def test_nothing_more_is_asked_for_than_markets() -> None:
    assert _client("kraken").has["fetchCurrencies"] is False
    assert _client("kraken").enableRateLimit is True


@pytest.mark.parametrize(
    ("exchange", "why"),
    [("nowhere", "no exchange"), ("okx", "password"), ("bitstamp", "fetchClosedOrders")],
)
def test_an_exchange_that_cannot_be_served_is_one_line(exchange: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        library.check_trading(_client(exchange))
    assert "\n" not in str(refused.value)


def test_an_unlisted_exchange_has_the_weakest_profile() -> None:
    found = profiles.of("bitstamp")
    assert (found.client_id_class.value, found.find.value) == ("NONE", "SCAN")
