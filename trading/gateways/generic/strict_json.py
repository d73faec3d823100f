"""JSON as a venue may write it and we may believe it.

1. Numbers with a point stay text, as they were written: nothing becomes a float.
2. What says one thing twice, or names no number, is not believed: ValueError.
"""

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_constant=_nonsense, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("too deep") from None


def _nonsense(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
