"""What a request says: query strings and JSON bodies, both read without regard to case.

1. What is not known is left unread, as the venue leaves it; what is known and wrong refuses.
2. A number may come as text or as a JSON number; neither passes through a float.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs

from aitrader.kernel.clock import EPOCH
from trading.sandbox.btcturk_api.errors import ApiError

_DECIMAL = re.compile(r"[0-9]{0,12}(\.[0-9]{1,16})?")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
#: Later than this in seconds since the epoch is no date: somebody sends milliseconds.
_LATEST_SECONDS = 10**11


@dataclass(frozen=True, slots=True)
class Parameters:
    """By lower-case name, every value that was given."""

    given: Mapping[str, Sequence[Any]]

    @classmethod
    def of_query(cls, query: str, **more: str) -> "Parameters":
        """The query string, and what the path names."""
        parsed = parse_qs(query, keep_blank_values=True)
        given = {name.lower(): values for name, values in parsed.items()}
        return cls(given | {name.lower(): [value] for name, value in more.items()})

    @classmethod
    def of_body(cls, body: bytes) -> "Parameters":
        """Raises ApiError for what is no JSON object."""
        try:
            asked = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            raise ApiError("INVALID_MODEL") from None
        if not isinstance(asked, dict):
            raise ApiError("INVALID_MODEL")
        return cls({str(name).lower(): [value] for name, value in asked.items()})

    def text(self, name: str) -> str:
        """Empty if it was not given."""
        values = self.given.get(name.lower()) or [None]
        return "" if values[-1] is None else str(values[-1])

    def texts(self, name: str) -> frozenset[str]:
        """All values in lower case."""
        return frozenset(str(each).lower() for each in self.given.get(name.lower(), ()))

    def integer(self, name: str) -> int | None:
        text = self.text(name)
        if not text:
            return None
        if not _INTEGER.fullmatch(text):
            raise ApiError("INVALID_REQUEST")
        return int(text)

    def decimal(self, name: str) -> Decimal | None:
        """None for nothing and for zero, which the venue takes for nothing."""
        values = self.given.get(name.lower()) or [None]
        value = values[-1]
        if value is None or value == "":
            return None
        if isinstance(value, str) and not _DECIMAL.fullmatch(value):
            raise ApiError("FAILED_ORDER_PARAMETER")
        if isinstance(value, bool) or not isinstance(value, str | Decimal):
            raise ApiError("FAILED_ORDER_PARAMETER")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ApiError("FAILED_ORDER_PARAMETER") from None
        if not number.is_finite() or number < 0:
            raise ApiError("FAILED_ORDER_PARAMETER")
        return number or None

    def seconds(self, name: str) -> datetime | None:
        """An instant in seconds; milliseconds are refused."""
        given = self.integer(name)
        if given is not None and abs(given) >= _LATEST_SECONDS:
            raise ApiError("INVALID_REQUEST")
        return None if given is None else EPOCH + timedelta(seconds=given)

    def millis(self, name: str) -> datetime | None:
        """An instant in milliseconds."""
        given = self.integer(name)
        if given is not None and abs(given) >= 10**14:
            raise ApiError("INVALID_REQUEST")
        return None if given is None else EPOCH + timedelta(milliseconds=given)

    def count(self, name: str, usual: int, most: int) -> int:
        """A number of rows, from one to `most`."""
        given = self.integer(name)
        if given is not None and given < 1:
            raise ApiError("INVALID_REQUEST")
        return min(given or usual, most)
