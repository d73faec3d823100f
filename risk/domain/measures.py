"""The numbers that limits are compared with, and the comparison.

1. A measure is (value, scale): the limit allows limit × scale, so nothing is divided and nothing
   rounded before the comparison.
2. What cannot be measured comes back as the Reason that names the missing input.
3. Money is in the account's base currency.
"""

from collections.abc import Callable
from decimal import Decimal

from aitrader.kernel.fix import Side
from aitrader.kernel.money import CONTEXT, ONE, ZERO, plain, stored
from risk.domain.exposure import opening_qty, quantities_after
from risk.domain.limits import LimitKey
from risk.domain.reason import Finding, Passed, Reason, ReasonCode, missing
from risk.domain.snapshot import GateIntent, PositionView, RiskSnapshot

Measured = tuple[Decimal, Decimal] | Reason
Measure = Callable[[GateIntent, RiskSnapshot], Measured]
CheckFunction = Callable[[GateIntent, RiskSnapshot], Finding]


def worst_px(intent: GateIntent, mark: Decimal) -> Decimal:
    """Quote per base that the order may come to: a buyer never pays above his limit, a seller may
    get the market when his limit is below it."""
    if intent.price is None:
        return mark
    return intent.price if intent.side is Side.BUY else max(intent.price, mark)


def _marked(code: str, view: PositionView) -> tuple[Decimal, Decimal] | Reason:
    """(mark, rate) of an instrument."""
    if view.mark is None:
        return missing(ReasonCode.PRICE_MISSING, f"mark price of {code}")
    if view.rate is None:
        return missing(ReasonCode.RATE_MISSING, f"conversion rate of {code}")
    return view.mark, view.rate


def notional(intent: GateIntent, snapshot: RiskSnapshot) -> Decimal | Reason:
    """Size of the order in base currency."""
    marked = _marked(intent.instrument, snapshot.view(intent.instrument))
    if isinstance(marked, Reason):
        return marked
    mark, rate = marked
    return intent.order_qty * worst_px(intent, mark) * rate


def order_notional(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    size = notional(intent, snapshot)
    return size if isinstance(size, Reason) else (size, ONE)


def day_notional(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    size = notional(intent, snapshot)
    if isinstance(size, Reason):
        return size
    if snapshot.notional_today is None:
        return missing(ReasonCode.COUNTER_MISSING, "notional of the day")
    return snapshot.notional_today + size, ONE


def open_positions(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    return Decimal(len(quantities_after(intent, snapshot))), ONE


def open_orders(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    if snapshot.open_orders is None:
        return missing(ReasonCode.COUNTER_MISSING, "number of open orders")
    return Decimal(snapshot.open_orders + 1), ONE


def orders_per_day(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    if snapshot.orders_today is None:
        return missing(ReasonCode.COUNTER_MISSING, "number of orders of the day")
    return Decimal(snapshot.orders_today + 1), ONE


def _positive(value: Decimal | None, what: str) -> Decimal | Reason:
    if value is None:
        return missing(ReasonCode.EQUITY_MISSING, what)
    if value <= 0:
        return Reason(
            ReasonCode.EQUITY_MISSING, limit="0", value=str(value), text=f"{what} is not positive",
            key=what,
        )  # fmt: skip
    return value


def day_loss(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    if snapshot.equity is None:
        return missing(ReasonCode.EQUITY_MISSING, "equity")
    if snapshot.day_start_equity is None:
        return missing(ReasonCode.EQUITY_MISSING, "equity at day start")
    return snapshot.day_start_equity - snapshot.equity, ONE


def drawdown(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    if snapshot.equity is None:
        return missing(ReasonCode.EQUITY_MISSING, "equity")
    peak = _positive(snapshot.peak_equity, "peak equity")
    return peak if isinstance(peak, Reason) else (peak - snapshot.equity, peak)


def _share_of_equity(
    snapshot: RiskSnapshot,
    quantities: dict[str, Decimal],
    weigh: Callable[[str, PositionView], Decimal | Reason],
) -> Measured:
    """(Σ |quantity| × mark × rate × weight, equity)."""
    equity = _positive(snapshot.equity, "equity")
    if isinstance(equity, Reason):
        return equity
    total = ZERO
    for code, qty in sorted(quantities.items()):
        view = snapshot.view(code)
        marked = _marked(code, view)
        if isinstance(marked, Reason):
            return marked
        weight = weigh(code, view)
        if isinstance(weight, Reason):
            return weight
        total += qty * marked[0] * marked[1] * weight
    return total, equity


def _whole(code: str, view: PositionView) -> Decimal | Reason:
    return ONE


def _volatility(code: str, view: PositionView) -> Decimal | Reason:
    if view.volatility is None:
        return missing(ReasonCode.VOLATILITY_MISSING, f"volatility of {code}")
    return view.volatility


def position_share(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    after = quantities_after(intent, snapshot)
    own = {code: qty for code, qty in after.items() if code == intent.instrument}
    return _share_of_equity(snapshot, own, _whole)


def gross_exposure(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    return _share_of_equity(snapshot, quantities_after(intent, snapshot), _whole)


def portfolio_volatility(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    return _share_of_equity(snapshot, quantities_after(intent, snapshot), _volatility)


def collar(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    """Distance from the mark of the price asked, or of the price decided on if none is asked."""
    mark = snapshot.view(intent.instrument).mark
    if mark is None:
        return missing(ReasonCode.PRICE_MISSING, f"mark price of {intent.instrument}")
    px = intent.price if intent.price is not None else intent.reference_px
    return (ZERO if px is None else abs(px - mark)), mark


def divergence(intent: GateIntent, snapshot: RiskSnapshot) -> Measured:
    """Distance of the second source's price from the mark."""
    view = snapshot.view(intent.instrument)
    if view.mark is None or view.second_px is None:
        return missing(ReasonCode.PRICE_MISSING, f"two prices of {intent.instrument}")
    return abs(view.second_px - view.mark), view.mark


def cost(intent: GateIntent, snapshot: RiskSnapshot) -> Decimal | Reason:
    """Quote units that the opening part of the order may take, fee included."""
    view = snapshot.view(intent.instrument)
    if view.mark is None:
        return missing(ReasonCode.PRICE_MISSING, f"mark price of {intent.instrument}")
    if snapshot.fee_rate is None:
        return missing(ReasonCode.BALANCE_MISSING, "fee rate")
    return opening_qty(intent, view) * worst_px(intent, view.mark) * (ONE + snapshot.fee_rate)


#: Limit → the code of its breach, its measure, whether reaching it is a breach already.
_BOUNDS: dict[LimitKey, tuple[ReasonCode, Measure, bool]] = {
    LimitKey.MAX_DAY_LOSS: (ReasonCode.DAY_LOSS, day_loss, True),
    LimitKey.MAX_DRAWDOWN: (ReasonCode.DRAWDOWN, drawdown, True),
    LimitKey.MAX_ORDER_NOTIONAL: (ReasonCode.ORDER_NOTIONAL, order_notional, False),
    LimitKey.MAX_DAY_NOTIONAL: (ReasonCode.DAY_NOTIONAL, day_notional, False),
    LimitKey.MAX_OPEN_POSITIONS: (ReasonCode.OPEN_POSITIONS, open_positions, False),
    LimitKey.MAX_POSITION_SHARE: (ReasonCode.POSITION_SHARE, position_share, False),
    LimitKey.MAX_GROSS_EXPOSURE: (ReasonCode.GROSS_EXPOSURE, gross_exposure, False),
    LimitKey.MAX_PORTFOLIO_VOLATILITY: (
        ReasonCode.PORTFOLIO_VOLATILITY, portfolio_volatility, False,
    ),
    LimitKey.MAX_OPEN_ORDERS: (ReasonCode.OPEN_ORDERS, open_orders, False),
    LimitKey.MAX_ORDERS_PER_DAY: (ReasonCode.ORDERS_PER_DAY, orders_per_day, False),
    LimitKey.PRICE_COLLAR: (ReasonCode.PRICE_COLLAR, collar, False),
    LimitKey.MAX_PRICE_DIVERGENCE: (ReasonCode.PRICE_DIVERGENCE, divergence, False),
}  # fmt: skip

_QUANTIZABLE = 30


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """For showing: 18 decimals while they fit the context, all 50 digits beyond."""
    value = CONTEXT.divide(numerator, denominator)
    return stored(value) if value.adjusted() <= _QUANTIZABLE else value


def within(key: LimitKey) -> CheckFunction:
    """The check that the limit's measure stays within it."""
    code, measure, at_limit_denies = _BOUNDS[key]

    def run(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
        limit = snapshot.limits.get(key)
        if limit is None:
            return missing(ReasonCode.LIMIT_MISSING, key)
        measured = measure(intent, snapshot)
        if isinstance(measured, Reason):
            return measured
        value, scale = measured
        bound = limit * scale
        shown = plain(quotient(value, scale))
        if value < bound or (value == bound and not at_limit_denies):
            return Passed(limit=plain(limit), value=shown)
        text = f"{shown} against a limit of {plain(limit)}"
        return Reason(code, plain(limit), shown, text, key, excess=quotient(value, bound))

    return run
