"""What a strategy is: a pure function of a fixed-length window, with declared parameters.

1. `stance` depends on its arguments alone; the desk and a research kernel call the same function.
2. A window ends with the last finished bar, and its length is what `warmup` declares, so a
   strategy cannot look ahead nor further back than it said.
3. Every parameter has bounds; `resolve` is the only door to a set of parameters.
4. Floats live inside windows and strategies only; no float becomes a price, quantity or amount.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from aitrader.kernel.errors import InvalidAmount, ParameterOutOfBounds
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE, ZERO, amount, plain
from trading.domain.bar import Bar
from trading.domain.signal import Stance

Floats = NDArray[np.float64]
Parameters = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Equal-length arrays, oldest bar first; prices in quote per base, volume in base."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> "Window":
        """The window of these bars."""
        rows = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]
        columns = np.array(rows, dtype=np.float64).reshape(len(rows), 5).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a strategy, with inclusive bounds; `about` is shown beside its field."""

    name: str
    default: Decimal
    lower: Decimal
    upper: Decimal
    integer: bool
    about: str

    def read(self, value: object) -> Decimal:
        """The value as a Decimal. Raises ParameterOutOfBounds naming the value and the bounds."""
        try:
            # JSON gives floats for decimals; their shortest text is what was written.
            number = amount(repr(value) if isinstance(value, float) else value)
        except InvalidAmount:
            raise ParameterOutOfBounds(f"{self.name}={value!r} is not a number") from None
        if self.integer and number != number.to_integral_value():
            raise ParameterOutOfBounds(f"{self.name}={plain(number)} is not a whole number")
        if not self.lower <= number <= self.upper:
            bounds = f"{plain(self.lower)} to {plain(self.upper)}"
            raise ParameterOutOfBounds(f"{self.name}={plain(number)} is outside {bounds}")
        return number


def exit_parameters(
    *, stop_loss: Decimal, take_profit: Decimal, trailing: Decimal
) -> tuple[Parameter, ...]:
    """The exits every strategy has, in percent of the entry price; 0 turns one off."""
    return (
        Parameter(
            "stop_loss_pct", stop_loss, ZERO, Decimal(50), False,
            "Close at a loss of this percentage of the entry price; 0 is off.",
        ),
        Parameter(
            "take_profit_pct", take_profit, ZERO, Decimal(90), False,
            "Close at a profit of this percentage of the entry price; 0 is off.",
        ),
        Parameter(
            "trailing_pct", trailing, ZERO, Decimal(50), False,
            "Close when the price falls back this percentage from its best; 0 is off.",
        ),
    )  # fmt: skip


EXIT_PARAMETERS = exit_parameters(stop_loss=ONE, take_profit=Decimal(2), trailing=ZERO)


def resolve(parameters: Sequence[Parameter], given: Mapping[str, object]) -> dict[str, Decimal]:
    """All parameters by name, defaults filled in, in declared order.

    Raises ParameterOutOfBounds for an unknown name or a value outside its bounds.
    """
    known = {parameter.name for parameter in parameters}
    unknown = sorted(set(given) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise ParameterOutOfBounds(f"unknown parameter {unknown[0]!r}; known are {names}")
    return {
        parameter.name: parameter.read(given.get(parameter.name, parameter.default))
        for parameter in parameters
    }


class Strategy(ABC):
    """`parameters` includes the exit parameters; subclasses hold no state."""

    name: str
    parameters: tuple[Parameter, ...]
    account_kinds: frozenset[AccountKind]

    def resolve(self, given: Mapping[str, object]) -> dict[str, Decimal]:
        """Like the function `resolve`, and checks the parameters against each other."""
        try:
            params = resolve(self.parameters, given)
            self.cross_check(params)
        except ParameterOutOfBounds as error:
            raise ParameterOutOfBounds(f"{self.name}: {error}") from None
        return params

    def cross_check(self, params: Parameters) -> None:  # noqa: B027  # optional
        """Raise ParameterOutOfBounds for values that do not go together."""

    @abstractmethod
    def warmup(self, params: Parameters) -> int:
        """Bars a window must have: no more and no fewer are passed to `stance`."""

    @abstractmethod
    def stance(self, window: Window, params: Parameters, kind: AccountKind) -> Stance:
        """What to hold after the window's last bar; SHORT only on PERP."""


def bearish(kind: AccountKind) -> Stance:
    """What a falling market asks for: SHORT where that is possible, else FLAT."""
    return Stance.SHORT if kind is AccountKind.PERP else Stance.FLAT
