"""One sequence of bytes for one value."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.fix import Side
from compliance.domain.canonical import body_of, canonical, join, leaf

NOON = datetime(2026, 11, 20, 12, 0, 0, 250, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (-7, "-7"),
        ("", '""'),
        ('a"\\\n\x01', '"a\\"\\\\\\n\\u0001"'),
        ("ß→ 的", '"ß→ 的"'),
        ("e\u0301", '"\u00e9"'),
        ("</script>", '"</script>"'),
        (Decimal("1.500"), '"1.5"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("-0.00"), '"0"'),
        (Decimal("0.000000000000000001"), '"0.000000000000000001"'),
        (NOON, '"2026-11-20T12:00:00.000250Z"'),
        (NOON.astimezone(timezone(timedelta(hours=3))), '"2026-11-20T12:00:00.000250Z"'),
        (Side.BUY, '"BUY"'),
        ([1, (2, [])], "[1,[2,[]]]"),
        ({"b": 1, "a": {"d": None, "c": "x"}}, '{"a":{"c":"x","d":null},"b":1}'),
        (MappingProxyType({Side.SELL: 1}), '{"SELL":1}'),
        ({"e\u0301": 1, "z": 2, "Z": 3, "": 4}, '{"":4,"Z":3,"z":2,"\u00e9":1}'),
    ],
)
def test_bytes_of(value: Any, expected: str) -> None:
    assert canonical(value).decode() == expected


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), b"x", {1, 2}, {1: 2}, {None: 1}, object(), [{"deep": [0.5]}], NOON.date()],
)
def test_refuses_types_of_several_spellings(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("Infinity"),
        2**53,
        -(2**53),
        "\ud800",
        datetime(2026, 11, 20),  # noqa: DTZ001  # naive on purpose
        {"\u00e9": 1, "e\u0301": 2},
    ],
)
def test_refuses_values_without_a_form(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(UTC)),
)
_KEYS = st.text(st.characters(codec="ascii"))
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner), max_leaves=20
)


@given(_VALUES)
def test_reading_and_writing_again_gives_the_same_bytes(value: Any) -> None:
    once = canonical(value)
    assert canonical(orjson.loads(once)) == once


@given(st.dictionaries(_KEYS, _LEAVES))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(_VALUES, _VALUES)
def test_the_body_comes_back_whatever_the_wall_says(body: Any, wall: Any) -> None:
    halves = canonical({"data": body}), canonical({"host": wall})
    payload = join(*halves)
    assert body_of(payload) == halves[0]
    assert orjson.loads(payload).keys() == {"body", "wall"}


def test_a_host_cannot_pretend_to_be_the_end_of_the_body() -> None:
    body, wall = canonical({"a": 1}), canonical({"host": '},"wall":{'})
    assert body_of(join(body, wall)) == body


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"body":{}}', b'{"wall":{},"body":{}}'])
def test_other_bytes_are_no_payload(payload: bytes) -> None:
    with pytest.raises(ValueError):
        body_of(payload)


def test_leaf_hash_is_that_of_rfc_6962() -> None:
    # The empty leaf, as in the RFC 6962 reference vectors.
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf(b"").hex() == empty
    assert leaf(b"ab") == hashlib.sha256(b"\x00ab").digest() != hashlib.sha256(b"ab").digest()
