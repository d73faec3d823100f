"""One sequence of bytes for one value, so that a hash of it means something.

1. JSON in the manner of RFC 8785: keys sorted, no spaces, UTF-8, text normalised to NFC.
2. Decimals and instants are text, each with one spelling; a float has several and is refused.
3. A journal payload is `{"body":…,"wall":…}`: the body is what happened, the wall is when, where
   and by which build it was written down. Only bodies enter a digest.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType
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


# Entries of one transaction share their instants, and spelling one costs as much as all the rest.
_instant = lru_cache(maxsize=32)(iso)


def _plain(value: Any) -> Any:
    reduce = _BY_TYPE.get(type(value), _subclass)
    return reduce(value)


def _text(value: str) -> str:
    return value if value.isascii() else normalize("NFC", value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not finite")
    return plain(value)


def _list(value: Iterable[Any]) -> list[Any]:
    return [_plain(item) for item in value]


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        # Nearly all there is, and most of what writing an event costs.
        if type(key) is type(item) is str and key.isascii() and item.isascii():
            result[key] = item
            continue
        if not isinstance(key, str):
            raise TypeError(f"key {key!r} is not text")
        result[_text(str.__str__(key))] = _plain(item)
    if len(result) != len(value):
        raise ValueError("two keys are one after normalisation")
    return result


def _same(value: Any) -> Any:
    return value


_BY_TYPE: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    Decimal: _decimal,
    datetime: _instant,
    dict: _object,
    list: _list,
    tuple: _list,
    int: _same,
    bool: _same,
    NoneType: _same,
}


def _subclass(value: Any) -> Any:
    """What is of no type above but of its kind: the enums of the kernel, read-only mappings."""
    if isinstance(value, str):
        return _text(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, Mapping):
        return _object(value)
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")
