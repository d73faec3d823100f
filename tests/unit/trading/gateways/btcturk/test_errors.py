"""What each answer of BTCTurk proves about an order that was sent."""

import json
import re
from typing import Any

import pytest

from aitrader.env import REPOSITORY
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways.btcturk import errors
from trading.gateways.btcturk.errors import Answer, Proof

SWAGGER = REPOSITORY.parent / "shared/data/wire/btcturk/btcturk.api.v1.swagger.json"
#: docs.btcturk.com: Errors, Submit an Order, Cancel an Order.
DOCUMENTED = [
    "FAILED_ORDER_PARAMETER", "BALANCE_NOT_ENOUGH", "FAILED_MIN_TOTAL_AMOUNT",
    "STOP_PRICE_GREATER_THAN_MARKET", "STOP_PRICE_LESS_THAN_MARKET",
    "PRICE_MUST_BE_LESS_THAN_MAXPRICE", "FAILED_ORDER_WITH_OPEN_ORDERS", "FAILED_MARKET_ORDER",
    "ORDER_MIN_PRICE_EXCEEDED", "ORDER_MAX_PRICE_EXCEEDED", "NO_ORDER_MATCHES_YOUR_REQUEST",
    "ORDER_COULD_NOT_BE_CANCELED", "ORDER_CANCEL_BLOCKED", "FAILED_LIMIT_ORDER",
    "FAILED_INVALID_PRICE_SCALE", "FAILED_INVALID_QUANTITY_SCALE",
    "FAILED_INVALID_STOP_PRICE_SCALE", "ORDER_METHOD_NOT_SUPPORTED", "ORDER_TYPE_NOT_SUPPORTED",
    "FAILED_STOP_PRICE_GREATER_THAN_BEST_ASK", "FAILED_STOP_PRICE_LESS_THAN_BEST_BID",
    "PRICE_MUST_BE_LESS_THAN_MINPRICE", "MIN_TOTAL", "PARAMETERS_ERROR",
    "BALANCE_NOT_ENOUGH_WITHOUT_OPEN_ORDERS",
]  # fmt: skip
#: The words in the API's own list of codes that speak of an order, its price or its pair.
_OF_ORDERS = re.compile(r"ORDER|PRICE|SCALE|PAIR_|BALANCE_NOT|MIN_TOTAL")
#: They speak of them too, and prove nothing, or are of other things.
_NOT_OF_OURS = {
    "FAILED_SET_ORDER_UNEXPECTED", "KORDER_INSERT_ERROR", "INVALID_OLD_AND_NEW_PRICE_SAME",
}  # fmt: skip


def _answer(status: int, message: object, code: object = 0, **more: Any) -> Answer:
    return Answer(status, {}, {"success": False, "message": message, "code": code, **more})


@pytest.mark.parametrize(
    ("answer", "proves"),
    [
        (_answer(400, "FAILED_MIN_TOTAL_AMOUNT", 1123), RejectedByVenue),
        (_answer(422, "INVALID_MODEL", 1002), RejectedByVenue),
        (_answer(401, "Unauthorized - Invalid API Key", 401), RejectedByVenue),
        # The next call has another stamp.
        (_answer(401, "Unauthorized - Invalid Nonce", 401), NotSent),
        # The secret is not the key's: that does not pass.
        (_answer(401, "Unauthorized - Invalid Signature", 401), RejectedByVenue),
        # A name that nobody knows, and a number that is documented.
        (_answer(400, "Emir girilemedi", 1122), RejectedByVenue),
        (_answer(400, "Emir girilemedi", 4711), OutcomeUnknown),
        (_answer(400, None, None), OutcomeUnknown),
        # The number moved; the name is what counts.
        (_answer(400, "FAILED_SET_ORDER_UNEXPECTED", 1118), OutcomeUnknown),
        (_answer(400, "INTERNAL_ERROR", 1081), OutcomeUnknown),
        (_answer(429, "TOO_MANY_REQUESTS", 429), NotSent),
        (_answer(500, "FAILED_MIN_TOTAL_AMOUNT", 1123), OutcomeUnknown),
        (_answer(503, "SYSTEM_UNDER_MAINTENANCE", 1215), OutcomeUnknown),
        (_answer(504, "TIMEOUT", 1082), OutcomeUnknown),
        (_answer(403, "ACCESS_DENIED", 0), OutcomeUnknown),
        (_answer(200, "FAILED_MIN_TOTAL_AMOUNT", 1123), OutcomeUnknown),
        (Answer(400, {}, None), OutcomeUnknown),
        (Answer(400, {}, []), OutcomeUnknown),
        (Answer(400, {}, {"message": "FAILED_MIN_TOTAL_AMOUNT", "code": 1123}), OutcomeUnknown),
        (Answer(429, {}, None), OutcomeUnknown),
    ],
)
def test_only_a_definite_answer_is_a_refusal(answer: Answer, proves: type[GatewayError]) -> None:
    assert type(errors.translate(answer)) is proves


@pytest.mark.parametrize(
    ("answer", "proves"),
    [
        (_answer(502, "BALANCE_NOT_ENOUGH", 1055), RejectedByVenue),
        (_answer(502, "502 - not enough balance", 502), RejectedByVenue),
        (_answer(400, "not enough balance", 502), RejectedByVenue),
        (_answer(502, "FAILED_MIN_TOTAL_AMOUNT", 1123), OutcomeUnknown),
        (Answer(502, {}, None), OutcomeUnknown),
        (_answer(500, "not enough balance", 502), OutcomeUnknown),
    ],
)
def test_502_for_want_of_balance_is_no_outage(answer: Answer, proves: type[GatewayError]) -> None:
    assert type(errors.translate(answer)) is proves


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_error_is_a_refusal(name: str) -> None:
    refused = errors.translate(_answer(400, name, 1))
    assert isinstance(refused, RejectedByVenue)
    assert refused.code == name


def test_only_an_order_that_is_not_there_is_gone() -> None:
    gone = [_answer(400, "NO_ORDER_MATCHES_YOUR_REQUEST", 1052), _answer(400, "Order not found", 1)]
    told = [errors.translate(each) for each in gone]
    assert [isinstance(each, RejectedByVenue) and each.gone for each in told] == [True, True]
    closed = errors.translate(_answer(400, "ORDER_COULD_NOT_BE_CANCELED", 1051))
    assert isinstance(closed, RejectedByVenue)
    assert not closed.gone


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [({"Retry-After": "55"}, 429, 55.0), ({}, 429, 60.0), ({"Retry-After": "55"}, 503, None)],
)
def test_silence_lasts_as_long_as_the_venue_says(
    headers: dict[str, str], status: int, seconds: float | None
) -> None:
    assert errors.retry_after_seconds(Answer(status, headers, None)) == seconds


def test_a_long_text_of_the_venue_is_cut() -> None:
    refused = errors.translate(_answer(401, "x" * 1000))
    assert len(str(refused)) < 300


def _upper(name: str) -> str:
    """`failedMinTotalAmount` as it is written on the wire."""
    if "_" in name or name[1:].isupper():
        return name.upper()
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


@pytest.mark.skipif(not SWAGGER.exists(), reason="the venue's own list of codes is not at hand")
def test_the_venues_own_list_of_codes_is_covered() -> None:
    told = json.loads(SWAGGER.read_text(encoding="utf-8"))
    model = told["definitions"]["ReturnModel[OrderOutputModel]"]
    names = {_upper(each) for each in model["properties"]["code"]["enum"]}
    ours = {each for each in names if _OF_ORDERS.search(each)} - _NOT_OF_OURS
    assert {
        each for each in ours if errors.NAMES.get(each, Proof.UNKNOWN) is Proof.UNKNOWN
    } == set()
    unsure = {"DB_ERROR", "INTERNAL_ERROR", "TIMEOUT", "UNDEFINED", "SYSTEM_UNDER_MAINTENANCE"}
    assert unsure <= names
    for name in names:
        proof = type(errors.translate(_answer(400, name)))
        assert proof is (
            OutcomeUnknown
            if errors.NAMES.get(name, Proof.UNKNOWN) is Proof.UNKNOWN
            else RejectedByVenue
        )


@pytest.mark.parametrize(
    ("answer", "poor"),
    [
        (_answer(400, "BALANCE_NOT_ENOUGH", 1055), True),
        (_answer(502, "BALANCE_NOT_ENOUGH", 1055), True),
        (_answer(400, "FAILED_MIN_TOTAL_AMOUNT", 1123), False),
    ],
)
def test_a_refusal_for_the_balance_says_so(answer: errors.Answer, poor: bool) -> None:
    found = errors.translate(answer)
    assert isinstance(found, RejectedByVenue)
    assert found.of_balance is poor
