"""What can be traded, and the venue's rules for it.

1. `code` is canonical: `VENUE:BASE-QUOTE` for spot, `VENUE:BASE-QUOTE-PERP` for a perpetual.
2. Prices are multiples of `tick`, quantities multiples of `lot`.
"""

from dataclasses import dataclass
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind
from trading.domain import instrument_limits
from trading.domain.instrument_limits import Limits


@dataclass(frozen=True, slots=True)
class Instrument:
    """`min_notional` is in the quote asset; `max_bar_range` is (high - low) / open of a bar that
    may still open a position."""

    code: str
    base: str
    quote: str
    kind: AccountKind
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    min_notional: Decimal
    max_bar_range: Decimal = Decimal("0.5")
    limits: Limits = instrument_limits.NONE


@dataclass(frozen=True, slots=True)
class CodeParts:
    venue: str
    base: str
    quote: str
    kind: AccountKind


def parse_code(code: str) -> CodeParts:
    """Split a canonical code. Raises BadInput if it is not one."""
    venue, colon, pair = code.partition(":")
    parts = pair.split("-")
    kinds = {2: AccountKind.SPOT, 3: AccountKind.PERP}
    well_formed = colon and venue and len(parts) in kinds and all(parts)
    if not well_formed or (len(parts) == 3 and parts[2] != "PERP"):
        raise BadInput(f"instrument {code!r} is not of the form VENUE:BASE-QUOTE[-PERP]")
    return CodeParts(venue=venue, base=parts[0], quote=parts[1], kind=kinds[len(parts)])


def code_of(venue: str, base: str, quote: str, kind: AccountKind) -> str:
    """The canonical code of these parts."""
    suffix = "-PERP" if kind is AccountKind.PERP else ""
    return f"{venue}:{base}-{quote}{suffix}"
