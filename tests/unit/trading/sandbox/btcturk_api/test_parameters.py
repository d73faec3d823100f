"""What a request says, and what it does not."""

from decimal import Decimal

import pytest

from trading.sandbox.btcturk_api.amounts import long_text, scale, text
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.parameters import Parameters


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"quantity":"0.10000000000000001"}', None),
        (b'{"quantity":"0.1000000000000001"}', "0.1000000000000001"),
        (b'{"quantity":0.30000000000000004}', "0.30000000000000004"),
        (b'{"Quantity":5}', "5"),
        (b'{"quantity":".5"}', "0.5"),
        (b'{"quantity":"0.00"}', "0"),
        (b'{"quantity":null}', "0"),
        (b'{"quantity":""}', "0"),
        (b'{"quantity":"NaN"}', None),
        (b'{"quantity":NaN}', None),
        (b'{"quantity":Infinity}', None),
        (b'{"quantity":-1}', None),
        (b'{"quantity":{}}', None),
        (b'{"quantity":false}', None),
    ],
)
def test_a_number_is_exact_or_refused(body: bytes, number: str | None) -> None:
    params = Parameters.of_body(body)
    if number is None:
        with pytest.raises(ApiError):
            params.decimal("quantity")
    else:
        assert (params.decimal("quantity") or Decimal(0)) == Decimal(number)


def test_names_of_a_query_are_read_in_any_case_and_may_come_twice() -> None:
    params = Parameters.of_query("PairSymbol=BTCTRY&type=buy&type=Sell")
    assert params.text("pairSymbol") == "BTCTRY"
    assert params.texts("type") == {"buy", "sell"}
    assert params.integer("orderId") is None


@pytest.mark.parametrize("value", ["x", "1.5", "99999999999999999999", "١"])
def test_what_is_no_whole_number_is_refused(value: str) -> None:
    with pytest.raises(ApiError):
        Parameters.of_query(f"orderId={value}").integer("orderId")


def test_milliseconds_are_no_seconds() -> None:
    with pytest.raises(ApiError):
        Parameters.of_query("startTime=1700000000000").seconds("startTime")
    instant = Parameters.of_query("startTime=1700000000").seconds("startTime")
    assert instant is not None
    assert instant == Parameters.of_query("at=1700000000000").millis("at")


def test_amounts_are_cut_and_nothing_has_no_sign() -> None:
    assert text(Decimal("0.123456789")) == "0.12345678"
    assert text(Decimal("-0.000000001")) == "0.00000000"
    assert text(None, 2) == "0.00"
    assert long_text(Decimal("1E-16")) == "0.0000000000000001"
    assert [scale(Decimal(each)) for each in ("0.01", "1", "10", "0.10")] == [2, 0, 0, 1]
