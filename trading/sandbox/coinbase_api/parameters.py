"""The query and the body of one request, read one by one. What nobody reads is ignored.

Source: docs.cdp.coinbase.com, Advanced Trade API, the parameters of each endpoint.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from aitrader.kernel.clock import from_millis
from trading.sandbox.coinbase_api import errors
from trading.sandbox.coinbase_api.amounts import read_instant

Json = dict[str, Any]


class Query:
    """A query string, in which a name may stand several times."""

    def __init__(self, given: Sequence[tuple[str, str]], longest_page: int | None = None) -> None:
        self._given: dict[str, list[str]] = {}
        for name, value in given:
            self._given.setdefault(name, []).append(value)
        #: Fewer rows than the documented most, where a plan wants short pages.
        self._longest_page = longest_page

    def text(self, name: str) -> str | None:
        """The value, if it was sent and is not empty."""
        found = self._given.get(name)
        return found[0] or None if found else None

    def each(self, *names: str) -> set[str]:
        """Every value under these names."""
        return {value for name in names for value in self._given.get(name, ()) if value}

    def integer(self, name: str) -> int | None:
        """Raises ApiError 400 for anything but digits."""
        value = self.text(name)
        if value is None:
            return None
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            raise errors.invalid(f"{name} is no number")
        return int(value)

    def limit(self, *, default: int, most: int) -> int:
        """How many rows to answer with."""
        asked = self.integer("limit") or default
        rows = min(asked, most)
        return rows if self._longest_page is None else min(rows, self._longest_page)

    def instant(self, name: str) -> datetime | None:
        """An RFC 3339 instant."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return read_instant(value)
        except ValueError:
            raise errors.invalid(f"{name} is no instant") from None

    def seconds(self, name: str) -> datetime | None:
        """An instant in whole seconds since the epoch."""
        value = self.integer(name)
        try:
            return None if value is None else from_millis(1_000 * value)
        except OverflowError:
            raise errors.invalid(f"{name} is no instant") from None


def read_body(raw: bytes) -> Json:
    """A JSON object. Raises ApiError 400."""
    try:
        body = orjson.loads(raw)
    except ValueError:
        raise errors.invalid("the body is no JSON") from None
    if not isinstance(body, dict):
        raise errors.invalid("the body is no object")
    return body


def required(body: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises ApiError 400."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.invalid(f"{name} is required")
    return value
