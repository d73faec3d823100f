"""What the services need from the outside, as protocols; gateways implement them.

1. `submit` and `cancel` make one wire attempt and never retry.
2. They raise only NotSent, RejectedByVenue or OutcomeUnknown (kernel/errors.py).
3. `query` is evidence: None means that the venue says it does not know the order.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.domain.bar import Bar
from trading.domain.evidence import CANNOT_ENTER
from trading.domain.execution_report import ExecutionReport, StreamedReport


class ClientIdClass(StrEnum):
    """What a venue promises about a client order id; decides the recovery ladder."""

    IDEMPOTENT = "IDEMPOTENT"
    OPEN_ONLY = "OPEN_ONLY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Capabilities:
    ord_types: frozenset[OrdType]
    times_in_force: frozenset[TimeInForce]
    client_id_class: ClientIdClass
    #: Whether `executions` tells everything; else working orders are followed one by one.
    streams: bool
    #: Types that may rest together so that one cancels the others: each of these sets, and any part
    #: of one. A venue without has none.
    oco: frozenset[frozenset[OrdType]] = frozenset()
    #: Whether a limit order can be refused rather than take.
    post_only: bool = False
    #: How long orders may last that wait for a price and have a limit then; `times_in_force` is of
    #: limit orders, and an order without a limit has none to choose.
    stop_times_in_force: frozenset[TimeInForce] = frozenset({TimeInForce.GTC})
    #: Whether an order that `query` does not find is not there and not on its way either.
    exact_reads: bool = False
    #: How long the venue takes a request in after it was signed.
    recv_window: timedelta = timedelta(seconds=5)
    #: How long after its claim a request may still enter, where its signature is good for long.
    enters_within: timedelta = CANNOT_ENTER

    def holds_together(self, ord_types: Collection[OrdType]) -> bool:
        """Whether one order of each of these types may rest as one group."""
        return any(group.issuperset(ord_types) for group in self.oco)


@dataclass(frozen=True, slots=True)
class Fees:
    """What a venue charges the account, as shares of notional; `tier` is how it came to that, in
    the venue's words or ours."""

    maker: Decimal
    taker: Decimal
    tier: str = ""

    @property
    def highest(self) -> Decimal:
        return max(self.maker, self.taker)


#: Of a venue that takes whatever the desk can ask for.
EVERYTHING = Capabilities(
    ord_types=frozenset(OrdType),
    times_in_force=frozenset(TimeInForce),
    client_id_class=ClientIdClass.IDEMPOTENT,
    streams=True,
    oco=frozenset({frozenset(OrdType)}),
    post_only=True,
    stop_times_in_force=frozenset(TimeInForce),
)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """FIX NewOrderSingle, our subset. Orders of one `oco_group` cancel each other when one fills.

    `trailing_bps` is the distance of a trailing stop below (above) the best price since it rested,
    in basis points; `sent_at` is market time. A GTD order ends by itself at `expire_time`. `body`
    is the request as it was kept before the order is sent (domain/request.py).
    """

    cl_ord_id: str
    instrument: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    time_in_force: TimeInForce
    sent_at: datetime
    price: Decimal | None = None
    stop_px: Decimal | None = None
    trailing_bps: Decimal | None = None
    oco_group: str = ""
    reduce_only: bool = False
    post_only: bool = False
    expire_time: datetime | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """What a venue tells of an order that may not be ours; `symbol` is the venue's name. Orders of
    one `list_id` cancel each other when one fills; without, each fills for itself."""

    order_id: str
    symbol: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    list_id: str = ""

    @property
    def letters(self) -> str:
        """The symbol without what venues put between base and quote."""
        return letters(self.symbol)


def letters(symbol: str) -> str:
    """What of a symbol every venue writes alike."""
    return "".join(each for each in symbol.upper() if each.isalnum())


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that rests at the venue, and how much of it has traded."""

    cl_ord_id: str
    cum_qty: Decimal
    seen: SeenOrder | None = None


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A trade of the account as the venue lists it; `order_id` is the venue's. `report` is the same
    trade as a report whose client id and `cum_qty` are for whoever knows the order to fill in."""

    order_id: str
    exec_id: str
    qty: Decimal
    side: Side | None = None
    report: ExecutionReport | None = None


class Gateway(Protocol):
    """One venue, one signed-in account per call argument."""

    @property
    def venue(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def request(self, orders: Sequence[NewOrder]) -> str:
        """What is sent for an order, or for a group that goes in one call, but for its time and its
        signature (domain/request.py); nobody is called. Raises NotSent or RejectedByVenue for what
        cannot be said."""
        ...

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        """Send one order, by the request that was kept for it if one was; what the venue says of it
        at once, trades included if it tells them."""
        ...

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        """Ask to cancel; RejectedByVenue when the order is no longer open."""
        ...

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        """All the venue knows of an order: its status report and every trade."""
        ...

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        """Reports after a place in the account's stream, oldest first."""
        ...

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        """What rests at the venue now: all of it, or at least what rests on these instruments."""
        ...

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        """Trades of the account from this instant of the venue's time on, however long ago."""
        ...

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        """The client id of the order that has this id at the venue; None when it does not tell."""
        ...

    def balances(self, *, account: str) -> dict[str, Decimal]:
        """Total balance per asset, free and locked together."""
        ...


@runtime_checkable
class GroupGateway(Protocol):
    """What a gateway has besides if its venue takes the orders of an OCO group in one call."""

    def submit_group(
        self, *, account: str, orders: Sequence[NewOrder]
    ) -> Sequence[ExecutionReport]:
        """Send the group in one wire attempt: all of it is taken or none. What `submit` raises is
        said of each order."""
        ...


@runtime_checkable
class QuotedGateway(Protocol):
    """What a gateway has besides if some requests follow from the venue's prices of the moment."""

    def look(self, orders: Sequence[NewOrder]) -> None:
        """Read what the requests of these orders follow from; what could not be read `request` will
        miss."""
        ...


class MatchingEngine(Protocol):
    """The simulated venue's market side, driven by whoever feeds it bars (by instrument code)."""

    def prime(self, instrument: str, bar: Bar) -> None: ...

    def open_phase(self, bars: Mapping[str, Bar]) -> int: ...

    def match_arrivals(self) -> int: ...

    def run_on(self, bars: Mapping[str, Bar]) -> None: ...

    def range_phase(self, bars: Mapping[str, Bar]) -> int: ...

    def fills_nothing(self, bars: Mapping[str, Bar]) -> bool: ...

    def pass_by(self, bars: Mapping[str, Bar]) -> None: ...

    def keep_trailed(self) -> None: ...
