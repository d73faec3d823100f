"""What each answer of Binance proves about an order that was sent."""

import csv
import json
from pathlib import Path

import pytest
import requests
from binance.exceptions import BinanceAPIException, BinanceRequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from aitrader.env import REPOSITORY
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways.binance import errors

DOCUMENTED = REPOSITORY.parent / "shared/data/wire/binance/error_codes.csv"


def _answer(status: int, body: object, headers: dict[str, str] | None = None) -> Exception:
    text = body if isinstance(body, str) else json.dumps(body)
    response = requests.Response()
    response.status_code = status
    response._content = text.encode()
    response.headers.update(headers or {})
    return BinanceAPIException(response, status, text)


def _coded(status: int, code: int, text: str = "") -> Exception:
    return _answer(status, {"code": code, "msg": text})


@pytest.mark.parametrize(
    ("error", "proves"),
    [
        (_coded(400, -1013, "Filter failure: LOT_SIZE"), RejectedByVenue),
        (_coded(400, -1021), NotSent),
        (_coded(400, -2010, "Account has insufficient balance"), RejectedByVenue),
        (_coded(401, -2015), RejectedByVenue),
        (_coded(400, -2010, "Duplicate order sent."), OutcomeUnknown),
        (_coded(429, -1003), NotSent),
        (_coded(418, -1003), NotSent),
        (_coded(400, -1007), OutcomeUnknown),
        (_coded(504, -1007), OutcomeUnknown),
        (_coded(500, -1013), OutcomeUnknown),
        (_coded(503, -1008), OutcomeUnknown),
        (_coded(400, -987654), OutcomeUnknown),
        (_answer(403, "<html>blocked</html>"), OutcomeUnknown),
        (_answer(502, "<html>Bad Gateway</html>"), OutcomeUnknown),
        (_answer(400, {"code": "-1013"}), OutcomeUnknown),
        (BinanceRequestException("truncated"), OutcomeUnknown),
        (requests.exceptions.ReadTimeout(), OutcomeUnknown),
        (requests.exceptions.ContentDecodingError("too long"), OutcomeUnknown),
        (KeyError("orderId"), OutcomeUnknown),
    ],
)
def test_only_a_definite_answer_is_a_refusal(error: Exception, proves: type[GatewayError]) -> None:
    assert type(errors.translate(error)) is proves


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    unmade = NewConnectionError(None, "refused")  # type: ignore[arg-type]  # no pool is looked at
    failed = MaxRetryError(None, "/", unmade)  # type: ignore[arg-type]  # no pool is looked at
    assert type(errors.translate(requests.exceptions.ConnectionError(failed))) is NotSent


def test_a_connection_that_broke_may_have_sent_everything() -> None:
    broke = requests.exceptions.ConnectionError(ProtocolError("Connection aborted."))
    assert type(errors.translate(broke)) is OutcomeUnknown


def test_a_refusal_carries_the_code_and_the_words_of_the_venue() -> None:
    refused = errors.translate(_coded(400, -1013, "Filter failure: LOT_SIZE"))
    assert isinstance(refused, RejectedByVenue)
    assert (refused.code, refused.text) == ("-1013", "Filter failure: LOT_SIZE")


def test_silence_lasts_as_long_as_the_venue_says_and_a_minute_when_it_does_not() -> None:
    told = _answer(418, {"code": -1003, "msg": ""}, {"Retry-After": "120"})
    untold = _answer(429, {"code": -1003, "msg": ""})
    assert isinstance(told, BinanceAPIException)
    assert isinstance(untold, BinanceAPIException)
    assert (errors.retry_after_seconds(told), errors.retry_after_seconds(untold)) == (120.0, 60.0)


@pytest.mark.skipif(not Path(DOCUMENTED).exists(), reason="the list of codes is not at hand")
def test_every_documented_code_is_in_the_table() -> None:
    with DOCUMENTED.open(encoding="utf-8") as file:
        documented = {int(row["code"]) for row in csv.DictReader(file)}
    assert documented - errors.CODES.keys() == set()


def test_a_refusal_for_the_balance_says_so_and_no_other_refusal_does() -> None:
    poor = errors.translate(_coded(400, -2010, "Account has insufficient balance for it."))
    closed = errors.translate(_coded(400, -2010, "Market is closed."))
    assert isinstance(poor, RejectedByVenue)
    assert isinstance(closed, RejectedByVenue)
    assert (poor.of_balance, closed.of_balance) == (True, False)
