"""Answers that a client must not trust: pages of a gateway, cut JSON, numbers written oddly.

Source: venues.md 2.3, X2, X26, X30.
"""

import gzip
import re
from dataclasses import dataclass

import orjson

from trading.sandbox.faults import Garbage, Outcome, RequestFate

_BOMB_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a venue writes: `amount` finds the whole and the broken part of a decimal in quotes,
    `contradiction` stands first in an object that says the same twice, `error` is a failure that
    comes with 200."""

    amount: "re.Pattern[bytes]"
    contradiction: bytes
    error: bytes


def page(status: int) -> bytes:
    """What a gateway in front of the exchange says when nobody behind it answers."""
    return f"<html><head><title>{status}</title></head><body>{status}</body></html>".encode()


def write(
    body: object, status: int, fate: RequestFate, dialect: Dialect
) -> tuple[bytes, dict[str, str]]:
    """The bytes of an answer and the headers that belong to them."""
    plain = orjson.dumps(body)
    if fate.odd_numbers:
        plain = dialect.amount.sub(_oddly, plain)
    if fate.outcome in {Outcome.HTTP_502, Outcome.HTTP_504}:
        return page(status), {"Content-Type": "text/html"}
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    match fate.garbage:
        case Garbage.HTML:
            return page(status), {"Content-Type": "text/html"}
        case Garbage.TRUNCATED:
            return plain[: max(1, len(plain) // 2)], headers
        case Garbage.EMPTY:
            return b"", headers
        case Garbage.DUPLICATE_KEYS:
            return b"{" + dialect.contradiction + plain.lstrip(b"{"), headers
        case Garbage.ERROR_IN_200:
            return dialect.error, headers
        case Garbage.GZIP_BOMB:
            bomb = gzip.compress(b" " * _BOMB_BYTES + plain)
            return bomb, {**headers, "Content-Encoding": "gzip"}
    return plain, headers


def _oddly(match: "re.Match[bytes]") -> bytes:
    """The same number in another way of writing it."""
    whole, part = match.groups()
    if int(whole) == 0 and int(part) == 0:
        return b'"0E-8"'
    if int(part) == 0:
        return b'"%d.0"' % int(whole)
    return b'"%d.%s00000000000000"' % (int(whole), part)
