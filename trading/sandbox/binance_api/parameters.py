"""The parameters of one request, read one by one.

1. Every parameter is read at most as the type that its endpoint gives it.
2. A parameter that nobody read refuses the request (-1104).

Source: binance-spot-api-docs, errors.md, "11xx"; the legal ranges are what the exchange reports.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from urllib.parse import parse_qsl

from aitrader.kernel.clock import from_millis
from trading.sandbox.binance_api import errors
from trading.sandbox.binance_api.errors import ApiError

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
_MICROSECONDS_FROM = 10**15
_CLIENT_ID = r"^[a-zA-Z0-9-_\.:/]{1,36}$"
_SYMBOL = r"^[\w\-._&&[^a-z]]{1,50}$"


class Parameters:
    """What one request sent, by name, and which of it has been read."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        #: Fewer rows than the documented most, where a plan wants short pages.
        self.longest_page: int | None = None
        self._read: set[str] = set()

    @classmethod
    def of_request(cls, query: str, body: str) -> "Parameters":
        """From a query string and a form body; where both name one, the query string counts.
        Raises ApiError -1101 for a name that one of them carries twice."""
        found: dict[str, str] = {}
        for text in (query, body):
            pairs = parse_qsl(text, keep_blank_values=True)
            if len({name for name, _ in pairs}) < len(pairs):
                raise errors.duplicated()
            for name, value in pairs:
                found.setdefault(name, value)
        return cls(found)

    @classmethod
    def of_json(cls, params: Mapping[str, object]) -> "Parameters":
        """From a WebSocket request, where numbers and booleans may stand bare."""
        return cls({name: _plain(value) for name, value in params.items() if value is not None})

    def text(self, name: str) -> str | None:
        """The value, if it was sent. Raises ApiError -1105 for an empty one."""
        self._read.add(name)
        value = self.given.get(name)
        if value == "":
            raise errors.empty(name)
        return value

    def required(self, name: str) -> str:
        value = self.given.get(name)
        if not value:
            raise errors.mandatory(name)
        self._read.add(name)
        return value

    def choice(self, name: str, allowed: Iterable[str], error: ApiError) -> str | None:
        value = self.text(name)
        if value is not None and value not in tuple(allowed):
            raise error
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(_INTEGER, value):
            raise errors.illegal_characters(name, _INTEGER)
        return int(value)

    def instant(self, name: str) -> datetime | None:
        """A point in time, in milliseconds or microseconds."""
        stamp = self.integer(name)
        if stamp is None:
            return None
        try:
            return from_millis(stamp if stamp < _MICROSECONDS_FROM else stamp // 1_000)
        except OverflowError:
            raise errors.invalid(name) from None

    def required_integer(self, name: str) -> int:
        self.required(name)
        value = self.integer(name)
        if value is None:
            raise errors.mandatory(name)
        return value

    def decimal(self, name: str, *, places: int = 8) -> Decimal | None:
        """An amount. Raises ApiError -1100 for anything but digits, -1111 for too many of them."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(_DECIMAL, value):
            raise errors.illegal_characters(name, _DECIMAL)
        number = Decimal(value)
        if number != round(number, places):
            raise errors.too_precise(name)
        return number

    def boolean(self, name: str) -> bool | None:
        value = self.choice(name, ("true", "false"), errors.invalid(name))
        return None if value is None else value == "true"

    def limit(self, *, default: int = 500, most: int = 1_000) -> int:
        """How many rows to answer with; more than the most is cut to the most."""
        asked = self.integer("limit")
        if asked == 0:
            raise errors.invalid("limit")
        rows = default if asked is None else min(asked, most)
        return rows if self.longest_page is None else min(rows, self.longest_page)

    def client_id(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not re.fullmatch(_CLIENT_ID, value):
            raise errors.illegal_characters(name, _CLIENT_ID)
        return value

    def symbol(self, name: str = "symbol") -> str:
        """The symbol that was named, whether it exists or not."""
        value = self.required(name)
        if not re.fullmatch(r"[A-Z0-9\-._]{1,50}", value):
            raise errors.illegal_characters(name, _SYMBOL)
        return value

    def refuse(self, *names: str) -> None:
        """Raises ApiError -1106 if one of the names was sent."""
        for name in names:
            if name in self.given:
                raise errors.not_required(name)

    def finish(self, *ignored: str) -> None:
        """Raises ApiError -1104 for whatever nobody asked about."""
        self._read.update(ignored)
        left = [name for name in self.given if name not in self._read]
        if left:
            raise errors.unread(len(self.given) - len(left), len(self.given))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
