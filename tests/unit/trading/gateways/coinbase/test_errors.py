"""What each answer of Coinbase proves about an order that was sent."""

from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways.coinbase import errors, reasons
from trading.gateways.coinbase.errors import Unanswered

# As the venue documents them (Create Order: new_order_failure_reason).
DOCUMENTED_FOR_ORDERS = """
UNKNOWN_FAILURE_REASON UNSUPPORTED_ORDER_CONFIGURATION INVALID_SIDE INVALID_PRODUCT_ID
INVALID_SIZE_PRECISION INVALID_PRICE_PRECISION INSUFFICIENT_FUND INVALID_LEDGER_BALANCE
ORDER_ENTRY_DISABLED INELIGIBLE_PAIR INVALID_LIMIT_PRICE_POST_ONLY INVALID_LIMIT_PRICE
INVALID_NO_LIQUIDITY INVALID_REQUEST COMMANDER_REJECTED_NEW_ORDER INSUFFICIENT_FUNDS IN_LIQUIDATION
INVALID_MARGIN_TYPE INVALID_LEVERAGE UNTRADABLE_PRODUCT INVALID_FCM_TRADING_SESSION
GEOFENCING_RESTRICTION QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET INVALID_BRACKET_PRICES
MISSING_MARKET_TRADE_DATA INVALID_BRACKET_LIMIT_PRICE INVALID_BRACKET_STOP_TRIGGER_PRICE
BRACKET_LIMIT_PRICE_OUT_OF_BOUNDS STOP_TRIGGER_PRICE_OUT_OF_BOUNDS BRACKET_ORDER_NOT_SUPPORTED
FOK_DISABLED FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS POST_ONLY_NOT_ALLOWED_WITH_FOK
UBO_HIGH_LEVERAGE_QUANTITY_BREACHED END_TIME_TOO_FAR_IN_FUTURE LIMIT_PRICE_TOO_FAR_FROM_MARKET
OPEN_BRACKET_ORDERS FUTURES_AFTER_HOUR_INVALID_ORDER_TYPE FUTURES_AFTER_HOUR_INVALID_TIME_IN_FORCE
INVALID_ATTACHED_TAKE_PROFIT_PRICE INVALID_ATTACHED_STOP_LOSS_PRICE
INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION
INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS INVALID_ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS
DUPLICATE_CLIENT_ORDER_ID PRODUCT_TRADING_HALTED
"""
# Of them, what says nothing, and what says that an order of this client order id exists.
PROVE_NOTHING = {"UNKNOWN_FAILURE_REASON", "DUPLICATE_CLIENT_ORDER_ID"}
DOCUMENTED_FOR_PREVIEWS = """
PREVIEW_MISSING_COMMISSION_RATE PREVIEW_INVALID_SIDE PREVIEW_INVALID_ORDER_CONFIG
PREVIEW_INVALID_PRODUCT_ID PREVIEW_INVALID_SIZE_PRECISION PREVIEW_INVALID_PRICE_PRECISION
PREVIEW_MISSING_PRODUCT_PRICE_BOOK PREVIEW_INVALID_LEDGER_BALANCE
PREVIEW_INSUFFICIENT_LEDGER_BALANCE PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY
PREVIEW_INVALID_LIMIT_PRICE PREVIEW_INVALID_NO_LIQUIDITY PREVIEW_INSUFFICIENT_FUND
PREVIEW_INVALID_COMMISSION_CONFIGURATION PREVIEW_INVALID_STOP_PRICE
PREVIEW_INVALID_BASE_SIZE_TOO_LARGE PREVIEW_INVALID_BASE_SIZE_TOO_SMALL
PREVIEW_INVALID_QUOTE_SIZE_PRECISION PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE
PREVIEW_INVALID_PRICE_TOO_LARGE PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL
PREVIEW_INSUFFICIENT_FUNDS_FOR_FUTURES PREVIEW_BREACHED_PRICE_LIMIT
PREVIEW_BREACHED_ACCOUNT_POSITION_LIMIT PREVIEW_BREACHED_COMPANY_POSITION_LIMIT
PREVIEW_INVALID_MARGIN_HEALTH PREVIEW_UNTRADABLE_FCM_ACCOUNT_STATUS PREVIEW_IN_LIQUIDATION
PREVIEW_INVALID_MARGIN_TYPE PREVIEW_INVALID_LEVERAGE PREVIEW_UNTRADABLE_PRODUCT
PREVIEW_INVALID_FCM_TRADING_SESSION PREVIEW_NOT_ALLOWED_BY_MARKET_STATE
PREVIEW_BREACHED_OPEN_INTEREST_LIMIT PREVIEW_GEOFENCING_RESTRICTION PREVIEW_INVALID_END_TIME
PREVIEW_OPPOSITE_MARGIN_TYPE_EXISTS PREVIEW_QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET
PREVIEW_INVALID_BRACKET_PRICES PREVIEW_MISSING_MARKET_TRADE_DATA
PREVIEW_INVALID_BRACKET_LIMIT_PRICE PREVIEW_INVALID_BRACKET_STOP_TRIGGER_PRICE
PREVIEW_BRACKET_LIMIT_PRICE_OUT_OF_BOUNDS PREVIEW_STOP_TRIGGER_PRICE_OUT_OF_BOUNDS
PREVIEW_BRACKET_ORDER_NOT_SUPPORTED PREVIEW_INVALID_STOP_PRICE_PRECISION
PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE
PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE
PREVIEW_FOK_DISABLED PREVIEW_FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS
PREVIEW_POST_ONLY_NOT_ALLOWED_WITH_FOK PREVIEW_UBO_HIGH_LEVERAGE_QUANTITY_BREACHED
PREVIEW_ECOSYSTEM_LEVERAGE_UTILIZATION_BREACHED PREVIEW_CLOSE_ONLY_FAILURE
PREVIEW_UBO_HIGH_LEVERAGE_NOTIONAL_BREACHED PREVIEW_END_TIME_TOO_FAR_IN_FUTURE
PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET PREVIEW_FUTURES_AFTER_HOUR_INVALID_ORDER_TYPE
PREVIEW_FUTURES_AFTER_HOUR_INVALID_TIME_IN_FORCE PREVIEW_INVALID_ATTACHED_TAKE_PROFIT_PRICE
PREVIEW_INVALID_ATTACHED_STOP_LOSS_PRICE PREVIEW_INVALID_BRACKET_ORDER_SIDE
PREVIEW_BRACKET_ORDER_SIZE_EXCEEDS_POSITION PREVIEW_ORDER_SIZE_EXCEEDS_BRACKETED_POSITION
PREVIEW_INVALID_LIMIT_PRICE_PRECISION PREVIEW_INVALID_STOP_TRIGGER_PRICE_PRECISION
"""
# Whether the order is gone, for every documented reason against a cancel (Cancel Orders).
CANCELS = {
    "UNKNOWN_CANCEL_FAILURE_REASON": None,
    "INVALID_CANCEL_REQUEST": False,
    "UNKNOWN_CANCEL_ORDER": True,
    "COMMANDER_REJECTED_CANCEL_ORDER": False,
    "DUPLICATE_CANCEL_REQUEST": None,
    "INVALID_CANCEL_PRODUCT_ID": False,
    "INVALID_CANCEL_FCM_TRADING_SESSION": False,
    "NOT_ALLOWED_TO_CANCEL": False,
    "ORDER_IS_FULLY_FILLED": True,
    "ORDER_IS_BEING_REPLACED": False,
}


def _refused(**told: str) -> GatewayError:
    return errors.order_refused({"success": False, "error_response": told})


@pytest.mark.parametrize("reason", DOCUMENTED_FOR_ORDERS.split())
@pytest.mark.parametrize("field", ["new_order_failure_reason", "error"])
def test_every_documented_reason_against_an_order_is_in_the_table(field: str, reason: str) -> None:
    proves = OutcomeUnknown if reason in PROVE_NOTHING else RejectedByVenue
    assert type(_refused(**{field: reason})) is proves


@pytest.mark.parametrize("reason", DOCUMENTED_FOR_PREVIEWS.split())
def test_an_order_that_failed_the_preview_was_not_placed(reason: str) -> None:
    told = _refused(error="UNKNOWN_FAILURE_REASON", preview_failure_reason=reason)
    assert isinstance(told, RejectedByVenue)
    assert told.code == reason


@pytest.mark.parametrize(("reason", "gone"), CANCELS.items())
def test_every_documented_reason_against_a_cancel_is_in_the_table(
    reason: str, gone: bool | None
) -> None:
    told = errors.cancel_refused({"success": False, "failure_reason": reason})
    if gone is None:
        assert type(told) is OutcomeUnknown
    else:
        assert isinstance(told, RejectedByVenue)
        assert (told.code, told.gone) == (reason, gone)


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False},
        {"success": False, "error_response": None},
        {"success": False, "error_response": "no"},
        {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "error_response": {}},
        {"success": False, "error_response": {"error": "INVALID_SOMETHING_NEW"}},
        {
            "success": False,
            "error_response": {
                "error": "INVALID_SIDE",
                "preview_failure_reason": "PREVIEW_SOMETHING_NEW",
            },
        },
        {
            "success": False,
            "error_response": {"preview_failure_reason": "PREVIEW_RISK_PROXY_FAILURE"},
        },
    ],
)
def test_a_reason_that_is_missing_or_not_known_proves_nothing(answer: dict[str, Any]) -> None:
    assert type(errors.order_refused(answer)) is OutcomeUnknown


def test_a_reason_that_is_not_set_does_not_hide_one_that_is() -> None:
    told = _refused(
        new_order_failure_reason="UNKNOWN_FAILURE_REASON",
        error="INSUFFICIENT_FUND",
        message="Insufficient balance in source account",
    )
    assert isinstance(told, RejectedByVenue)
    assert (told.code, told.text) == ("INSUFFICIENT_FUND", "Insufficient balance in source account")


def _http(status: int, error: str = "", retry_after: str = "") -> Unanswered:
    return Unanswered(status, {"error": error, "message": ""} if error else None, retry_after)


@pytest.mark.parametrize(
    ("error", "proves"),
    [
        (_http(400, "INVALID_ARGUMENT"), RejectedByVenue),
        (_http(400, "SOMETHING_NEW"), OutcomeUnknown),
        (_http(400), OutcomeUnknown),
        (_http(401), RejectedByVenue),
        (_http(403, "PERMISSION_DENIED"), RejectedByVenue),
        (_http(403), OutcomeUnknown),
        (_http(404, "NOT_FOUND"), RejectedByVenue),
        (_http(404), OutcomeUnknown),
        (_http(409, "ALREADY_EXISTS"), OutcomeUnknown),
        (_http(429), NotSent),
        (_http(429, "rate_limit_exceeded"), NotSent),
        (_http(499, "CANCELLED"), OutcomeUnknown),
        (_http(500, "INTERNAL"), OutcomeUnknown),
        (_http(500, "INVALID_ARGUMENT"), OutcomeUnknown),
        (_http(502), OutcomeUnknown),
        (_http(503, "UNAVAILABLE"), OutcomeUnknown),
        (_http(504, "DEADLINE_EXCEEDED"), OutcomeUnknown),
        (_http(302), OutcomeUnknown),
        (requests.exceptions.ReadTimeout(), OutcomeUnknown),
        (requests.exceptions.ContentDecodingError("too long"), OutcomeUnknown),
        (requests.exceptions.JSONDecodeError("", "", 0), OutcomeUnknown),
        (requests.exceptions.SSLError("certificate"), OutcomeUnknown),
        (KeyError("order_id"), OutcomeUnknown),
        (NotSent("the key cannot sign"), NotSent),
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


def test_silence_lasts_as_long_as_the_venue_says_and_half_a_minute_when_it_does_not() -> None:
    told = [errors.silence_seconds(_http(429, retry_after=each)) for each in ("120", "", "soon")]
    assert told == [120.0, 30.0, 30.0]
    assert errors.silence_seconds(_http(503, retry_after="120")) == 0.0


def test_no_reason_is_both_a_refusal_and_unset() -> None:
    assert not reasons.UNSET & (reasons.NEW_ORDER.keys() | reasons.CANCEL.keys())
    assert not reasons.GONE - reasons.CANCEL.keys()


@pytest.mark.parametrize(
    ("reason", "poor"),
    [
        ("INSUFFICIENT_FUND", True),
        ("PREVIEW_INSUFFICIENT_LEDGER_BALANCE", True),
        ("INVALID_LIMIT_PRICE", False),
    ],
)
def test_a_refusal_for_the_balance_says_so(reason: str, poor: bool) -> None:
    answer = {"success": False, "error_response": {"error": reason}}
    found = errors.order_refused(answer)
    assert isinstance(found, RejectedByVenue)
    assert found.of_balance is poor


def test_every_reason_of_the_balance_is_a_reason_against_a_new_order() -> None:
    assert reasons.NEW_ORDER.keys() >= reasons.OF_BALANCE
