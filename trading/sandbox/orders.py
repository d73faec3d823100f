"""What is asked of the sandbox exchange and what it keeps: orders, fills, order lists.

1. Everything here is immutable: a change makes a new value, so a stale read is an older value.
2. Quantities are in the base asset, prices in quote per base, basis points in 1/10,000.
3. FIX words: a stop-loss is STOP, a take-profit MARKET_IF_TOUCHED, with a limit STOP_LIMIT and
   LIMIT_IF_TOUCHED; LIMIT_MAKER is a LIMIT with `post_only`.
4. `cum_qty` is the sum of the order's fills that were not busted.

Venue document: venues.md 2.1 (Binance spot order types, self-trade prevention, order lists).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aitrader.kernel.fix import CLOSED, Liquidity, OrdStatus, OrdType, Side, TimeInForce
from aitrader.kernel.money import ZERO

STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})
TARGETS = frozenset({OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED})
#: Wait for a price before they reach the book.
CONTINGENT = STOPS | TARGETS
#: Carry a limit price.
PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})


class SelfTrade(StrEnum):
    """What happens when an order would meet one of its own account; the taker's word counts."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    #: Both lose the quantity that would have met; whichever has none left expires.
    DECREMENT = "DECREMENT"


class Ending(StrEnum):
    """Why an order is closed or was cut short."""

    FILLED = "FILLED"
    REQUESTED = "REQUESTED"
    REPLACED = "REPLACED"
    LIST = "LIST"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    IMMEDIATE = "IMMEDIATE"
    FILL_OR_KILL = "FILL_OR_KILL"
    EXPIRE_AT = "EXPIRE_AT"
    SELF_TRADE = "SELF_TRADE"
    BALANCE = "BALANCE"
    WOULD_TAKE = "WOULD_TAKE"
    EXCHANGE = "EXCHANGE"
    BUSTED = "BUSTED"
    #: A leg in waiting that was not allowed when its turn came.
    REFUSED = "REFUSED"


class ListKind(StrEnum):
    """OCO: above, below. OTO: working, pending. OTOCO (a bracket): working, above, below."""

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A request. Either `order_qty` (base) or, for MARKET, `quote_qty` (quote); `trailing_bps`
    belongs to a contingent order, whose `stop_px` then only starts the tracking; `expire_at` to
    GTD. A LIMIT with a `bracket_px` is a bracket: it rests at its price until a trade meets that
    other price, and goes as a stop-limit then. Without `cl_ord_id` the exchange chooses one."""

    account: str
    instrument: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal | None = None
    quote_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: datetime | None = None
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.NONE
    cl_ord_id: str = ""
    bracket_px: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order as of `transact_time`. `order_qty` is zero for a MARKET order by `quote_qty`
    until it has filled. `working` says that it is in the book or was: an untriggered stop and a
    leg in waiting are not. `cum_quote` is in the quote asset. `version` rises by one a change."""

    order_id: int
    cl_ord_id: str
    request: NewOrder
    order_qty: Decimal
    leaves_qty: Decimal
    created_at: datetime
    transact_time: datetime
    ord_status: OrdStatus = OrdStatus.NEW
    cum_qty: Decimal = ZERO
    cum_quote: Decimal = ZERO
    prevented_qty: Decimal = ZERO
    working: bool = True
    working_at: datetime | None = None
    #: The best price a trailing stop has seen since it tracks; None while it does not track.
    best_px: Decimal | None = None
    #: The price at which a buyer's money is held: the limit, or where a stop was expected to fill.
    hold_px: Decimal | None = None
    list_id: int | None = None
    ending: Ending | None = None
    #: The client id of the request that cancelled or replaced it, if that had one.
    cancel_cl_ord_id: str = ""
    version: int = 1

    @property
    def account(self) -> str:
        return self.request.account

    @property
    def instrument(self) -> str:
        return self.request.instrument

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def ord_type(self) -> OrdType:
        return self.request.ord_type

    @property
    def price(self) -> Decimal | None:
        return self.request.price

    @property
    def is_open(self) -> bool:
        return self.ord_status not in CLOSED

    @property
    def avg_px(self) -> Decimal:
        """Quote per base over all fills, unrounded; zero without a fill."""
        return self.cum_quote / self.cum_qty if self.cum_qty else ZERO


@dataclass(frozen=True, slots=True)
class Fill:
    """One account's side of a trade. `fee` ≥ 0 is in `fee_asset`; `quote_qty` = last_px × last_qty.
    A trade of an account with itself makes two fills of one `trade_id`."""

    trade_id: int
    order_id: int
    cl_ord_id: str
    account: str
    instrument: str
    side: Side
    last_px: Decimal
    last_qty: Decimal
    quote_qty: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    transact_time: datetime
    list_id: int | None = None
    busted: bool = False


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade as the market sees it; `trade_id` counts from 1 for each instrument."""

    trade_id: int
    instrument: str
    px: Decimal
    qty: Decimal
    buyer_is_maker: bool
    buy_order_id: int
    sell_order_id: int
    transact_time: datetime
    busted: bool = False


@dataclass(frozen=True, slots=True)
class NewList:
    """A request for orders that depend on each other; the legs in the order that `ListKind` says.
    All legs name the same account and instrument."""

    kind: ListKind
    legs: tuple[NewOrder, ...]
    list_cl_ord_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderList:
    """`open` until every leg is closed. `order_ids` are in the order of the request's legs."""

    list_id: int
    list_cl_ord_id: str
    kind: ListKind
    account: str
    instrument: str
    order_ids: tuple[int, ...]
    transact_time: datetime
    open: bool = True
