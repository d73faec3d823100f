"""Why an order was denied: stable codes, their meaning and the order in which they are told.

1. A code is never renamed or re-used: the journal and clients keep it for ever.
2. Reasons are told worst first: what stops all trading, what could not be judged, what is never
   allowed, then breached limits by how far they are exceeded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from aitrader.kernel.money import ZERO, plain


class ReasonCode(StrEnum):
    STATE_HALTED = "STATE_HALTED"
    STATE_CANCEL_ONLY = "STATE_CANCEL_ONLY"
    STATE_REDUCING = "STATE_REDUCING"
    STATE_MISSING = "STATE_MISSING"
    STRATEGY_DISABLED = "STRATEGY_DISABLED"
    PRICE_MISSING = "PRICE_MISSING"
    PRICE_STALE = "PRICE_STALE"
    RATE_MISSING = "RATE_MISSING"
    EQUITY_MISSING = "EQUITY_MISSING"
    VOLATILITY_MISSING = "VOLATILITY_MISSING"
    BALANCE_MISSING = "BALANCE_MISSING"
    COUNTER_MISSING = "COUNTER_MISSING"
    LIMIT_MISSING = "LIMIT_MISSING"
    ORDER_IN_DOUBT = "ORDER_IN_DOUBT"
    INSTRUMENT_RULE = "INSTRUMENT_RULE"
    DUPLICATE = "DUPLICATE"
    NOT_REDUCING = "NOT_REDUCING"
    SHORT_NOT_ALLOWED = "SHORT_NOT_ALLOWED"
    BALANCE_INSUFFICIENT = "BALANCE_INSUFFICIENT"
    BAR_OUT_OF_BOUNDS = "BAR_OUT_OF_BOUNDS"
    DAY_LOSS = "DAY_LOSS"
    DRAWDOWN = "DRAWDOWN"
    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    DAY_NOTIONAL = "DAY_NOTIONAL"
    OPEN_POSITIONS = "OPEN_POSITIONS"
    POSITION_SHARE = "POSITION_SHARE"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    PORTFOLIO_VOLATILITY = "PORTFOLIO_VOLATILITY"
    OPEN_ORDERS = "OPEN_ORDERS"
    ORDERS_PER_DAY = "ORDERS_PER_DAY"
    PRICE_COLLAR = "PRICE_COLLAR"
    PRICE_DIVERGENCE = "PRICE_DIVERGENCE"


MEANINGS: Mapping[ReasonCode, str] = MappingProxyType(
    {
        ReasonCode.STATE_HALTED: "A halt covers this order: nothing new is sent",
        ReasonCode.STATE_CANCEL_ONLY: "Only cancels pass in this scope",
        ReasonCode.STATE_REDUCING: "Only orders that exactly reduce a position pass in this scope",
        ReasonCode.STATE_MISSING: "The trading state could not be read",
        ReasonCode.STRATEGY_DISABLED: "The strategy is switched off, or its switch is unknown",
        ReasonCode.PRICE_MISSING: "No mark price, or none for an instrument held",
        ReasonCode.PRICE_STALE: "The mark price is too old, or too far ahead of the clock",
        ReasonCode.RATE_MISSING: "No rate from the quote asset to the base currency",
        ReasonCode.EQUITY_MISSING: "Equity, or what it is compared with, unknown or not positive",
        ReasonCode.VOLATILITY_MISSING: "No volatility for an instrument held or ordered",
        ReasonCode.BALANCE_MISSING: "The free balance or the fee rate is unknown",
        ReasonCode.COUNTER_MISSING: "A count or sum of orders is unknown",
        ReasonCode.LIMIT_MISSING: "The limit has no value; `key` names it",
        ReasonCode.ORDER_IN_DOUBT: "Nobody knows yet what became of an order of the same side",
        ReasonCode.INSTRUMENT_RULE: "A rule of the venue is broken, or the rules are unknown",
        ReasonCode.DUPLICATE: "The same order was sent already, or a like one just now",
        ReasonCode.NOT_REDUCING: "Marked reduce-only, but larger than what is left to close",
        ReasonCode.SHORT_NOT_ALLOWED: "The sale is larger than the holding left to sell",
        ReasonCode.BALANCE_INSUFFICIENT: "Cost with fee is above the free quote balance",
        ReasonCode.BAR_OUT_OF_BOUNDS: "The last bar's range is out of bounds, or unknown",
        ReasonCode.DAY_LOSS: "The day's loss has reached its limit",
        ReasonCode.DRAWDOWN: "The fall from the peak has reached its limit",
        ReasonCode.ORDER_NOTIONAL: "The order is too large",
        ReasonCode.DAY_NOTIONAL: "The day's opening orders would come to too much",
        ReasonCode.OPEN_POSITIONS: "Too many positions would be held",
        ReasonCode.POSITION_SHARE: "The position would be too large a share of equity",
        ReasonCode.GROSS_EXPOSURE: "All positions together would be too large",
        ReasonCode.PORTFOLIO_VOLATILITY: "The account would swing too much",
        ReasonCode.OPEN_ORDERS: "Too many orders would be open",
        ReasonCode.ORDERS_PER_DAY: "Too many orders in the day",
        ReasonCode.PRICE_COLLAR: "The price is too far from the market",
        ReasonCode.PRICE_DIVERGENCE: "A second source has another price: one of them is wrong",
    }
)  # fmt: skip

_RANK = {code: rank for rank, code in enumerate(ReasonCode)}
_FIRST_LIMIT = _RANK[ReasonCode.DAY_LOSS]


@dataclass(frozen=True, slots=True)
class Reason:
    """One denial: the number allowed (`limit`), the number met (`value`), both as plain text.

    `key` names the limit or the missing input; `excess` is value / limit for a breached limit.
    """

    code: ReasonCode
    limit: str
    value: str
    text: str
    key: str = ""
    excess: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Passed:
    """Nothing to object to; limit and value as plain text for the record."""

    limit: str = ""
    value: str = ""


Finding = Passed | Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """One evaluated check. `exempt` says that it passed because the order reduces."""

    check: str
    passed: bool
    limit: str
    value: str
    exempt: bool = False


def missing(code: ReasonCode, what: str) -> Reason:
    """A reason for an input that is unknown."""
    return Reason(code, limit="", value="", text=f"{what} is unknown", key=what)


def worst_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """All of them, sorted."""

    def weight(reason: Reason) -> tuple[int, Decimal, int]:
        rank = _RANK[reason.code]
        return min(rank, _FIRST_LIMIT), -reason.excess, rank

    return tuple(sorted(reasons, key=weight))


def reason_json(reason: Reason) -> dict[str, str]:
    """Text only, for the database and the journal."""
    return {
        "code": reason.code.value,
        "key": reason.key,
        "limit": reason.limit,
        "value": reason.value,
        "excess": plain(reason.excess),
        "text": reason.text,
    }


def table() -> str:
    """The Markdown table of codes in docs/limits.md, worst first."""
    rows = [f"| `{code}` | {MEANINGS[code]} |" for code in ReasonCode]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])
