"""FIX words used by every layer, spelt in full.

Source: FIX 5.0 SP2 field definitions (OrdStatus 39, OrdType 40, Side 54, TimeInForce 59,
ExecType 150). Values are stored as text so that a database row can be read without a code book.

1. A member's value equals its name.
2. `Certainty` is ours, not FIX's: it stands beside the status and is never folded into it.
"""

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrdType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    MARKET_IF_TOUCHED = "MARKET_IF_TOUCHED"
    LIMIT_IF_TOUCHED = "LIMIT_IF_TOUCHED"
    TRAILING_STOP = "TRAILING_STOP"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class OrdStatus(StrEnum):
    """PENDING_APPROVAL, DENIED and CREATED are ours: the order has not left the desk."""

    PENDING_APPROVAL = "PENDING_APPROVAL"
    DENIED = "DENIED"
    CREATED = "CREATED"
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


CLOSED = frozenset(
    {OrdStatus.DENIED, OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED}
)
OPEN = frozenset(set(OrdStatus) - CLOSED)
#: Orders that may exist at the venue, or may soon: their exposure is reserved.
WORKING = OPEN - {OrdStatus.PENDING_APPROVAL}


class ExecType(StrEnum):
    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    ORDER_STATUS = "ORDER_STATUS"


class Certainty(StrEnum):
    """How well the desk knows what the venue knows (design: unknown is a state)."""

    CERTAIN = "CERTAIN"
    UNKNOWN = "UNKNOWN"
    FILLS_INCOMPLETE = "FILLS_INCOMPLETE"


class Liquidity(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class AccountKind(StrEnum):
    """SPOT is long only; PERP is linear, one times leverage, settled in the quote asset."""

    SPOT = "SPOT"
    PERP = "PERP"


class Mode(StrEnum):
    PAPER = "PAPER"
    PILOT = "PILOT"
    LIVE = "LIVE"


class PriceSource(StrEnum):
    """Where prices come from: REAL_TIME a venue, SANDBOX what stands in for one."""

    REAL_TIME = "REAL-TIME"
    SANDBOX = "SANDBOX"
    REPLAY = "REPLAY"
    SIMULATED = "SIMULATED"


#: The market's time of these is the wall's.
IN_REAL_TIME = frozenset({PriceSource.REAL_TIME, PriceSource.SANDBOX})


class Origin(StrEnum):
    """Who caused an order."""

    STRATEGY = "STRATEGY"
    PROTECTION = "PROTECTION"
    OPERATOR = "OPERATOR"
    EXTERNAL = "EXTERNAL"
