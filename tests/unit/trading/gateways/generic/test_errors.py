"""What each error of ccxt proves, and what is never told of one."""

from typing import Any

import ccxt
import pytest
from ccxt.base import errors as theirs

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from trading.gateways.generic import errors, profiles
from trading.gateways.generic.errors import PROOFS, Proof
from trading.gateways.generic.wire import Heard

KRAKEN = profiles.of("kraken").codes


def _names(tree: dict[str, Any]) -> set[str]:
    return set(tree) | {name for each in tree.values() for name in _names(each)}


def _heard(body: bytes = b'{"code": -1, "msg": "no"}', status: int = 400, **more: object) -> Heard:
    found = Heard(reached=1, status=status, body=body)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def _kraken(words: str) -> GatewayError:
    """What the words of Kraken prove, through the library's own reading of them."""
    body = f'{{"error": ["{words}"]}}'
    heard = _heard(body.encode(), status=200)
    with pytest.raises(ccxt.BaseError) as raised:
        ccxt.kraken().handle_errors(200, "OK", "", "POST", {}, body, {"error": [words]}, {}, "")
    return errors.translate(raised.value, heard, KRAKEN)


def test_every_class_of_the_library_is_on_the_list() -> None:
    assert _names(theirs.error_hierarchy) == set(PROOFS)


@pytest.mark.parametrize("name", sorted(PROOFS))
def test_only_a_listed_refusal_that_the_venue_answered_is_definite(name: str) -> None:
    error = getattr(ccxt, name)("kraken GET https://venue/path?signature=secret")
    found = errors.translate(error, _heard(), {})
    expected = {
        Proof.REFUSED: RejectedByVenue,
        Proof.NOT_DONE: NotSent,
        Proof.UNKNOWN: OutcomeUnknown,
    }
    assert type(found) is expected[PROOFS[name]]
    assert "secret" not in str(found)


@pytest.mark.parametrize("name", sorted(PROOFS))
@pytest.mark.parametrize(
    "heard",
    [
        Heard(reached=1),
        _heard(status=502),
        _heard(status=503, body=b'{"code": -1016, "msg": "closed"}'),
        _heard(body=b"<html>"),
        _heard(body=b""),
        _heard(body=b'{"code": 1, "code": 2}'),
        _heard(taken=True),
    ],
)
def test_without_a_well_formed_refusal_nothing_is_definite(name: str, heard: Heard) -> None:
    found = errors.translate(getattr(ccxt, name)("GET https://venue?signature=secret"), heard, {})
    assert type(found) is OutcomeUnknown
    assert "secret" not in str(found)


@pytest.mark.parametrize("error", [KeyError("id"), ValueError("x"), ZeroDivisionError()])
def test_what_breaks_in_the_library_is_unknown_once_something_left(error: Exception) -> None:
    assert type(errors.translate(error, _heard(), {})) is OutcomeUnknown
    assert type(errors.translate(error, Heard(reached=1), {})) is OutcomeUnknown


def test_what_fails_before_anything_left_was_not_sent_or_is_refused() -> None:
    nothing = Heard()
    assert type(errors.translate(ccxt.NetworkError("x"), nothing, {})) is NotSent
    assert type(errors.translate(ValueError("x"), nothing, {})) is NotSent
    assert type(errors.translate(ccxt.InvalidOrder("x"), nothing, {})) is RejectedByVenue


@pytest.mark.parametrize(
    "text",
    [
        "Duplicate order sent.",
        "clientOrderId already exists",
        "cl_ord_id is not free",
        "not unique",
    ],
)
def test_a_refusal_that_speaks_of_a_copy_is_no_refusal(text: str) -> None:
    heard = _heard(f'{{"code": -2010, "msg": "{text}"}}'.encode())
    assert type(errors.translate(ccxt.InvalidOrder(text), heard, {})) is OutcomeUnknown


def test_an_order_that_is_not_there_is_gone_and_no_other_refusal_says_so() -> None:
    gone = errors.translate(ccxt.OrderNotFound("x"), _heard(), {})
    other = errors.translate(ccxt.InvalidOrder("x"), _heard(), {})
    assert isinstance(gone, RejectedByVenue)
    assert isinstance(other, RejectedByVenue)
    assert (gone.gone, other.gone) == (True, False)


@pytest.mark.parametrize(
    "words",
    [
        "EOrder:Insufficient funds", "EOrder:Order minimum not met", "EOrder:Cost minimum not met",
        "EOrder:Tick size check failed", "EGeneral:Permission denied", "EAPI:Invalid key",
        "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
        "EService:Market in post_only mode", "EGeneral:Invalid arguments:volume",
    ],
)  # fmt: skip
def test_krakens_refusals_are_definite_and_told_in_its_words(words: str) -> None:
    found = _kraken(words)
    assert isinstance(found, RejectedByVenue)
    assert found.code == words


@pytest.mark.parametrize(
    "words", ["EAPI:Rate limit exceeded", "EAPI:Invalid nonce", "EService: Throttled: 1741500000"]
)
def test_what_kraken_stops_before_the_engine_was_not_done(words: str) -> None:
    assert type(_kraken(words)) is NotSent


@pytest.mark.parametrize(
    "words",
    [
        "EService:Deadline elapsed", "EService:Unavailable", "EService:Busy",
        "EGeneral:Internal error", "EGeneral:Internal error:7", "EOrder:Something new",
        "EGeneral:Invalid arguments:cl_ord_id",
    ],
)  # fmt: skip
def test_what_kraken_leaves_open_is_unknown(words: str) -> None:
    assert type(_kraken(words)) is OutcomeUnknown


def test_a_venue_that_wants_silence_is_known_by_its_status_or_its_words() -> None:
    assert errors.is_blocked(ccxt.ExchangeError("x"), _heard(status=429))
    assert errors.is_blocked(ccxt.DDoSProtection("x"), _heard(status=200))
    assert not errors.is_blocked(ccxt.DDoSProtection("x"), Heard(reached=1))
    assert not errors.is_blocked(ccxt.InvalidOrder("x"), _heard())
    told, untold = _heard(retry_after="120"), _heard(retry_after="soon")
    assert errors.silence_seconds(told, usual=60.0) == 120.0
    assert errors.silence_seconds(untold, usual=60.0) == 60.0


def test_a_refusal_for_the_balance_says_so() -> None:
    poor, other = _kraken("EOrder:Insufficient funds"), _kraken("EOrder:Order minimum not met")
    assert isinstance(poor, RejectedByVenue)
    assert isinstance(other, RejectedByVenue)
    assert (poor.of_balance, other.of_balance) == (True, False)
