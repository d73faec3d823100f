"""Answers that a client of Coinbase must not trust.

Source: venues.md 2.3, X2, X26, X30.
"""

import re

from trading.sandbox import garbage
from trading.sandbox.faults import RequestFate

_DIALECT = garbage.Dialect(
    amount=re.compile(rb'"(\d+)\.(\d+)"'),
    contradiction=b'"success":false,',
    error=b'{"error":"unknown","error_details":"unknown error","message":"unknown error"}',
)


def write(body: object, status: int, fate: RequestFate) -> tuple[bytes, dict[str, str]]:
    """The bytes of an answer and the headers that belong to them."""
    return garbage.write(body, status, fate, _DIALECT)
