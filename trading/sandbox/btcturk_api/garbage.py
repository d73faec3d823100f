"""Answers that a client must not trust, in BTCTurk's own envelope where it has one.

Source: venues.md 2.3, X2, X26, X30.
"""

import orjson

from trading.sandbox.binance_api import garbage
from trading.sandbox.faults import Garbage, RequestFate


def write(body: object, status: int, fate: RequestFate) -> tuple[bytes, dict[str, str]]:
    """The bytes of an answer and the headers that belong to them."""
    if fate.garbage is Garbage.ERROR_IN_200:
        wrong = {"data": None, "success": False, "message": "INTERNAL_ERROR", "code": 1081}
        return orjson.dumps(wrong), {"Content-Type": "application/json; charset=utf-8"}
    return garbage.write(body, status, fate)
