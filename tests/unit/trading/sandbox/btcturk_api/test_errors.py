"""Every refusal of the exchange has a word that BTCTurk knows."""

import pytest

from aitrader.kernel.fix import OrdType, Side
from trading.sandbox.btcturk_api import errors
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Refusal, Refused


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("reason", list(Refusal))
def test_every_refusal_is_a_400_with_a_word_and_its_code(reason: Refusal, side: Side) -> None:
    for kind in (OrdType.LIMIT, OrdType.MARKET):
        request = NewOrder("btcturk-1", "BTCTRY", side, kind)
        for flag in (False, True):
            error = errors.refused(Refused(reason), request, in_orders=flag, low=flag)
            assert (error.status, error.code) == (400, errors.CODES[error.message])
            assert error.body()["success"] is False


def test_codes_are_of_one_word_each() -> None:
    assert len(set(errors.CODES.values())) == len(errors.CODES)


def test_too_many_requests_tell_how_long_to_wait() -> None:
    error = errors.too_many(300, "1m", "account", 53)
    assert error.retry_after_seconds == 53
    assert error.body()["details"] == "Quota exceeded. Maximum allowed: 300 per 1m."
