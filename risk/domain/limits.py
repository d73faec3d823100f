"""The limits of an account: one table from which profiles, screens and docs/limits.md are made.

1. Money is in the account's base currency; a day is a UTC day.
2. A limit is a positive number; there is no word for "unlimited", and a missing limit denies.
3. A limit is breached above its value; MAX_DAY_LOSS and MAX_DRAWDOWN already at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import amount, plain


class LimitKey(StrEnum):
    MAX_ORDER_NOTIONAL = "MAX_ORDER_NOTIONAL"
    MAX_DAY_NOTIONAL = "MAX_DAY_NOTIONAL"
    MAX_OPEN_POSITIONS = "MAX_OPEN_POSITIONS"
    MAX_DAY_LOSS = "MAX_DAY_LOSS"
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    MAX_POSITION_SHARE = "MAX_POSITION_SHARE"
    MAX_GROSS_EXPOSURE = "MAX_GROSS_EXPOSURE"
    MAX_PORTFOLIO_VOLATILITY = "MAX_PORTFOLIO_VOLATILITY"
    MAX_OPEN_ORDERS = "MAX_OPEN_ORDERS"
    MAX_ORDERS_PER_DAY = "MAX_ORDERS_PER_DAY"
    PRICE_COLLAR = "PRICE_COLLAR"
    MAX_PRICE_AGE = "MAX_PRICE_AGE"
    MAX_PRICE_DIVERGENCE = "MAX_PRICE_DIVERGENCE"


class Unit(StrEnum):
    MONEY = "base currency"
    SHARE = "share"
    COUNT = "count"
    INTERVALS = "feed intervals"


class Profile(StrEnum):
    CAUTIOUS = "cautious"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """One row of the table; `window` is the time the value is taken over, `formula` its meaning."""

    key: LimitKey
    unit: Unit
    window: str
    day_boundary: str
    formula: str
    default_cautious: Decimal
    default_demo: Decimal
    about: str

    def default(self, profile: Profile) -> Decimal:
        return self.default_cautious if profile is Profile.CAUTIOUS else self.default_demo


_DAY = ("UTC day", "00:00 UTC")
_NOW = ("at the order", "none")


def _spec(
    key: LimitKey,
    unit: Unit,
    window: tuple[str, str],
    formula: str,
    defaults: tuple[str, str],
    about: str,
) -> LimitSpec:
    cautious, demo = (Decimal(text) for text in defaults)
    return LimitSpec(key, unit, window[0], window[1], formula, cautious, demo, about)


_SPECS = (
    _spec(
        LimitKey.MAX_ORDER_NOTIONAL, Unit.MONEY, _NOW, "order_qty × price × rate",
        ("100", "25000"), "Size of one order",
    ),
    _spec(
        LimitKey.MAX_DAY_NOTIONAL, Unit.MONEY, _DAY,
        "Σ notional of the day's opening orders, this one included",
        ("500", "50000000"), "Turnover that opens risk in a day",
    ),
    _spec(
        LimitKey.MAX_OPEN_POSITIONS, Unit.COUNT, _NOW,
        "instruments with a position or an open order, this one included",
        ("3", "10"), "Positions held at once",
    ),
    _spec(
        LimitKey.MAX_DAY_LOSS, Unit.MONEY, _DAY,
        "equity at day start − equity (realised, unrealised and fees)",
        ("100", "5000"), "Loss of a day at which nothing more is opened",
    ),
    _spec(
        LimitKey.MAX_DRAWDOWN, Unit.SHARE, ("since the account opened", "none"),
        "(peak equity − equity) / peak equity",
        ("0.1", "0.5"), "Fall from the peak at which nothing more is opened",
    ),
    _spec(
        LimitKey.MAX_POSITION_SHARE, Unit.SHARE, _NOW,
        "worst position after the order × mark price × rate / equity",
        ("0.2", "0.4"), "Weight of one instrument",
    ),
    _spec(
        LimitKey.MAX_GROSS_EXPOSURE, Unit.SHARE, _NOW,
        "Σ worst position × mark price × rate / equity, after the order",
        ("0.6", "2"), "Weight of all instruments, long and short added",
    ),
    _spec(
        LimitKey.MAX_PORTFOLIO_VOLATILITY, Unit.SHARE, _NOW,
        "Σ weight × annualised volatility, after the order (correlation taken as one)",
        ("0.25", "2"), "Yearly swing of the account",
    ),
    _spec(
        LimitKey.MAX_OPEN_ORDERS, Unit.COUNT, _NOW, "open orders, this one included",
        ("12", "200"), "Orders that may rest at once",
    ),
    _spec(
        LimitKey.MAX_ORDERS_PER_DAY, Unit.COUNT, _DAY, "orders of the day, this one included",
        ("50", "100000"), "Orders in a day",
    ),
    _spec(
        LimitKey.PRICE_COLLAR, Unit.SHARE, _NOW,
        "|order price − mark price| / mark price (unpriced: the price it was decided on)",
        ("0.02", "0.05"), "Distance of an order from the market",
    ),
    _spec(
        LimitKey.MAX_PRICE_AGE, Unit.INTERVALS, _NOW,
        "(now − instant of the mark price) / interval of the feed",
        ("2", "2"), "Age beyond which a price is stale",
    ),
    _spec(
        LimitKey.MAX_PRICE_DIVERGENCE, Unit.SHARE, _NOW,
        "|second source's price − mark price| / mark price, while both are fresh",
        ("0.02", "0.02"), "Distance between two sources of one price",
    ),
)  # fmt: skip

SPECS: Mapping[LimitKey, LimitSpec] = MappingProxyType({spec.key: spec for spec in _SPECS})


def fits(number: Decimal) -> bool:
    """Whether the size of a number suits NUMERIC(38,18), so that no text of it grows huge."""
    return number == 0 or -18 <= number.adjusted() < 20


def profile(name: str) -> dict[LimitKey, Decimal]:
    """The shipped limits of a profile. Raises BadInput for an unknown name."""
    try:
        chosen = Profile(name)
    except ValueError:
        known = ", ".join(Profile)
        raise BadInput(f"limit profile {name!r} is not one of {known}") from None
    return {key: spec.default(chosen) for key, spec in SPECS.items()}


def check_value(key: LimitKey, value: object) -> Decimal:
    """Read one limit. Raises BadInput unless it is a positive number fit for its unit."""
    number = amount(value, what=f"limit {key}")
    if not fits(number):
        raise BadInput(f"limit {key}: {number} does not fit 20 digits and 18 decimals")
    if number <= 0:
        raise BadInput(f"limit {key}: {plain(number)} must be positive")
    if SPECS[key].unit is Unit.COUNT and number != number.to_integral_value():
        raise BadInput(f"limit {key}: {plain(number)} must be a whole number")
    return number


def read_limits(raw: Mapping[str, object]) -> dict[LimitKey, Decimal]:
    """Limits from stored or posted values. Raises BadInput for an unknown key or a bad value.

    A key that is absent stays absent: the gate denies what needs it.
    """
    known = {key.value for key in LimitKey}
    for key in raw:
        if key not in known:
            raise BadInput(f"limit {key!r} does not exist")
    return {LimitKey(key): check_value(LimitKey(key), value) for key, value in raw.items()}


def table() -> str:
    """The Markdown table of docs/limits.md."""
    lines = [
        "| key | what it bounds | formula | unit | window | day boundary | cautious | demo |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for spec in SPECS.values():
        formula = spec.formula.replace("|", "\\|")
        cells = (
            f"`{spec.key}`", spec.about, formula, spec.unit, spec.window, spec.day_boundary,
            plain(spec.default_cautious), plain(spec.default_demo),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
