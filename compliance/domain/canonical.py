"""One sequence of bytes for one value, so that a hash of it means something.

1. JSON in the manner of RFC 8785: keys sorted, no spaces, UTF-8, text normalised to NFC.
2. Decimals and instants are text, each with one spelling; a float has several and is refused.
3. A journal payload is `{"body":…,"wall":…}`: the body is what happened, the wall is when, where
   and by which build it was written down. Only bodies enter a digest.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from unicodedata import normalize

import orjson

from aitrader.kernel.clock import iso
from aitrader.kernel.money import plain

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_BODY = b'{"body":'
# No text can contain these bytes: inside a JSON string the quotes would be escaped.
_WALL = b',"wall":'


def canonical(value: Any) -> bytes:
    """The canonical bytes of text, int, bool, None, Decimal, datetime, lists and dicts of these.

    Raises TypeError for any other type (float and bytes among them) and for a key that is not
    text; ValueError for a number that is not finite, an integer beyond 53 bits, a naive datetime,
    text that is not Unicode, or two keys that are one after normalisation.
    """
    reduced = _plain(value)
    try:
        return orjson.dumps(reduced, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"no canonical form: {error}") from None


def join(body: bytes, wall: bytes) -> bytes:
    """The payload of a journal entry from the canonical bytes of its two halves."""
    return b"".join((_BODY, body, _WALL, wall, b"}"))


def body_of(payload: bytes) -> bytes:
    """The canonical bytes of the body. Raises ValueError if the payload is not one of ours."""
    end = payload.rfind(_WALL)
    if end < 0 or not payload.startswith(_BODY):
        raise ValueError("not a journal payload")
    return payload[len(_BODY) : end]


def leaf(payload: bytes) -> bytes:
    """The RFC 6962 leaf hash, 32 bytes: SHA-256(0x00 ‖ payload)."""
    return hashlib.sha256(b"\x00" + payload).digest()


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int or kind is bool or value is None:
        return value
    if kind is Decimal:
        return _decimal(value)
    if kind is datetime:
        return iso(value)
    return _composed(value)


def _composed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    # What is left are subclasses: the enums of the kernel, and safe strings.
    for base in (str, int, Decimal, datetime):
        if isinstance(value, base):
            return _plain(_as_base(base, value))
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def _as_base(base: type, value: Any) -> Any:
    if base is str:
        return str.__str__(value)
    return int(value) if base is int else Decimal(value) if base is Decimal else iso(value)


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"key {key!r} is not text")
        result[_text(str.__str__(key))] = _plain(item)
    if len(result) != len(value):
        raise ValueError("two keys are one after normalisation")
    return result


def _text(value: str) -> str:
    return value if value.isascii() else normalize("NFC", value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not finite")
    return plain(value)
