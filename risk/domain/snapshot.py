"""What the gate reads: the intent and the state of the account at one instant.

1. Everything is here; the gate looks nothing up, so the same two values always give one decision.
2. None means unknown, never zero: the gate denies what needs it.
3. Every amount fits NUMERIC(38,18): zero, or from 10^-18 to below 10^20 in size; anything else
   is refused when built.
4. Open and unknown orders are counted in `reserved_*` and the counters at full size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.errors import BadInput, InvalidAmount
from aitrader.kernel.fix import AccountKind, Origin, Side
from aitrader.kernel.money import ZERO, amount
from risk.domain.limits import LimitKey, check_value, fits
from risk.domain.trading_state import ScopedState


def _finite(what: str, value: Decimal | None) -> None:
    if value is not None and not fits(amount(value, what=what)):
        raise InvalidAmount(f"{what}: {value} does not fit 20 digits and 18 decimals")


def _positive(what: str, value: Decimal | None) -> None:
    _finite(what, value)
    if value is not None and value <= 0:
        raise InvalidAmount(f"{what}: {value} must be positive")


def _not_negative(what: str, value: Decimal | int | None) -> None:
    _finite(what, Decimal(value) if isinstance(value, int) else value)
    if value is not None and value < 0:
        raise InvalidAmount(f"{what}: {value} must not be negative")


def _aware(what: str, instant: datetime | None) -> None:
    if instant is not None and instant.tzinfo is None:
        raise BadInput(f"{what}: naive datetime {instant!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateIntent:
    """An order that someone wants: quantities in the base asset, prices in quote per base.

    `price` is the limit price; None for orders that take the market, stops included.
    `reference_px` is the price it was decided on. `shared_qty` is the same-side quantity already
    reserved by orders that cannot fill beside this one: the other leg of its OCO group, or the
    protection that is cancelled before it is sent. `strategy` is empty for an operator's order.
    Raises InvalidAmount when built from a number that is not one; one that is not positive is left
    to the gate, which denies it.
    """

    intent_id: str
    instrument: str
    side: Side
    order_qty: Decimal
    origin: Origin
    price: Decimal | None = None
    reduce_only: bool = False
    strategy: str = ""
    reference_px: Decimal | None = None
    shared_qty: Decimal = ZERO

    def __post_init__(self) -> None:
        _finite("order_qty", self.order_qty)
        _finite("price", self.price)
        _finite("reference_px", self.reference_px)
        _not_negative("shared_qty", self.shared_qty)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """One instrument as the gate sees it, held or flat.

    `quantity` is signed, in the base asset; `mark` is in quote per base and was true at `mark_at`;
    `rate` converts the quote asset to the account's base currency; `volatility` is annualised
    (0.5 = 50 %); an OCO group is reserved once, not once a leg. Less than `min_qty` cannot be
    sold: it is dust, and counts neither as a position nor as a weight. `second_px` is what a second
    source says, in the same quote, `second_age_seconds` of wall time ago; None where there is none.
    `silent_seconds` is market time beyond the snapshot's, in which nothing was heard of it; `heard`
    says whether its source has told anything since it was opened.
    """

    quantity: Decimal = ZERO
    mark: Decimal | None = None
    mark_at: datetime | None = None
    rate: Decimal | None = None
    volatility: Decimal | None = None
    feed_interval_seconds: int | None = None
    reserved_buy_qty: Decimal = ZERO
    reserved_sell_qty: Decimal = ZERO
    min_qty: Decimal = ZERO
    second_px: Decimal | None = None
    second_age_seconds: Decimal | None = None
    silent_seconds: Decimal = ZERO
    heard: bool = True

    def __post_init__(self) -> None:
        _finite("quantity", self.quantity)
        _positive("second_px", self.second_px)
        _finite("second_age_seconds", self.second_age_seconds)
        _positive("mark", self.mark)
        _positive("rate", self.rate)
        _not_negative("volatility", self.volatility)
        _not_negative("reserved_buy_qty", self.reserved_buy_qty)
        _not_negative("reserved_sell_qty", self.reserved_sell_qty)
        _not_negative("min_qty", self.min_qty)
        _not_negative("silent_seconds", self.silent_seconds)
        _aware("mark_at", self.mark_at)
        if self.feed_interval_seconds is not None and self.feed_interval_seconds <= 0:
            raise BadInput(f"feed interval {self.feed_interval_seconds} s must be positive")

    def reserved(self, side: Side) -> Decimal:
        """Open quantity on that side."""
        return self.reserved_buy_qty if side is Side.BUY else self.reserved_sell_qty


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSnapshot:
    """The account at `now`; money in its base currency unless said otherwise.

    `positions` has a view of every instrument held, reserved or asked about, by canonical code.
    `free` is what is left of each asset after reservations (on PERP: margin left), in that asset.
    `quote_asset` and `bar_extreme`, `instrument_problems` belong to the intent's instrument:
    its quote, whether its last bar is out of bounds, and the venue rules that the order breaks
    (empty: none). `fee_rate` is the share of notional that the venue may charge.
    `notional_today` is what opening orders of the UTC day came to; `strategy_enabled` is read only
    when the intent names a strategy. `duplicate_of` names a like order inside the duplicate window,
    `in_doubt` an order of the intent's instrument and side of which nobody knows what became.
    Raises BadInput when an amount, a limit or an instant is malformed.
    """

    now: datetime
    account_kind: AccountKind
    limits: Mapping[LimitKey, Decimal]
    trading_states: tuple[ScopedState, ...] | None
    positions: Mapping[str, PositionView]
    free: Mapping[str, Decimal]
    quote_asset: str
    fee_rate: Decimal | None
    equity: Decimal | None
    day_start_equity: Decimal | None
    peak_equity: Decimal | None
    open_orders: int | None
    orders_today: int | None
    notional_today: Decimal | None
    bar_extreme: bool | None
    strategy_enabled: bool | None
    instrument_problems: tuple[str, ...] | None
    duplicate_of: str = ""
    in_doubt: str = ""

    def __post_init__(self) -> None:
        _aware("now", self.now)
        for key, value in self.limits.items():
            check_value(key, value)
        for asset, left in self.free.items():
            _finite(f"free {asset}", left)
        _not_negative("fee_rate", self.fee_rate)
        _finite("equity", self.equity)
        _finite("day_start_equity", self.day_start_equity)
        _finite("peak_equity", self.peak_equity)
        _not_negative("open_orders", self.open_orders)
        _not_negative("orders_today", self.orders_today)
        _not_negative("notional_today", self.notional_today)

    def view(self, instrument: str) -> PositionView:
        """The instrument's view; all unknown and flat when the snapshot has none."""
        return self.positions.get(instrument, _UNSEEN)


_UNSEEN = PositionView()
