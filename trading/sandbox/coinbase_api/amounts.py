"""Numbers, instants and ids as Coinbase writes them.

1. An amount is text without exponent and without trailing zeros; zero is `0`.
2. An instant is RFC 3339 in UTC; on the WebSocket it has nine decimals.
3. An id of the exchange is told as a UUID that carries it; another account's is not guessed.
"""

import hashlib
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from aitrader.kernel.clock import iso
from aitrader.kernel.money import CONTEXT, plain

#: As many decimals as the venue shows of an average price or a fee.
_SHOWN = Decimal(1).scaleb(-16)
_LOW_BITS = 48


def text(amount: Decimal | None) -> str:
    """The shortest text of the amount; nothing is zero."""
    if amount is None:
        return "0"
    return plain(amount.quantize(_SHOWN, rounding=ROUND_DOWN, context=CONTEXT))


def nanos(instant: datetime) -> str:
    """The instant with nine decimals, as the channels tell it."""
    return iso(instant).removesuffix("Z") + "000Z"


def read_instant(given: str) -> datetime:
    """An RFC 3339 instant with up to nine decimals. Raises ValueError."""
    whole, point, part = given.removesuffix("Z").partition(".")
    if point and part.isdigit():
        given = f"{whole}.{part[:6]:0<6}+00:00"
    instant = datetime.fromisoformat(given)
    if instant.tzinfo is None:
        raise ValueError(f"{given} has no zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{given} is out of time") from None


def uuid(kind: str, number: int, seed: int) -> str:
    """The UUID of a numbered thing."""
    mark = hashlib.sha256(f"{kind}|{number}|{seed}".encode()).digest()[:10]
    return str(UUID(bytes=mark + number.to_bytes(_LOW_BITS // 8, "big"), version=4))


def number_of(kind: str, given: str, seed: int) -> int | None:
    """The number that such a UUID carries; None if it carries none."""
    try:
        number = UUID(given).int & ((1 << _LOW_BITS) - 1)
    except ValueError:
        return None
    return number if uuid(kind, number, seed) == given.lower() else None


def named_uuid(kind: str, seed: int, *names: str) -> str:
    """The UUID of a thing that has names and no number."""
    mark = hashlib.sha256("|".join((kind, *names, str(seed))).encode()).digest()[:16]
    return str(UUID(bytes=mark, version=4))
