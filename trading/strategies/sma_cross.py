"""Moving-average cross: hold the side on which the fast average of closes lies.

1. LONG while the fast average is above the slow one, SHORT (PERP) or FLAT (SPOT) while below.
2. Equal averages say nothing: HOLD.
"""

from decimal import Decimal

from aitrader.kernel.errors import ParameterOutOfBounds
from aitrader.kernel.fix import AccountKind
from trading.domain.signal import Stance
from trading.strategies.base import (
    EXIT_PARAMETERS,
    Parameter,
    Parameters,
    Strategy,
    Window,
    bearish,
)


class SmaCross(Strategy):
    name = "sma_cross"
    account_kinds = frozenset({AccountKind.SPOT, AccountKind.PERP})
    parameters = (
        Parameter("fast", Decimal(5), Decimal(1), Decimal(500), True, "Bars in the fast average."),
        Parameter(
            "slow", Decimal(20), Decimal(2), Decimal(1000), True, "Bars in the slow average."
        ),
        *EXIT_PARAMETERS,
    )

    def cross_check(self, params: Parameters) -> None:
        if params["fast"] >= params["slow"]:
            raise ParameterOutOfBounds(
                f"fast={params['fast']} must be less than slow={params['slow']}"
            )

    def warmup(self, params: Parameters) -> int:
        return int(params["slow"])

    def stance(self, window: Window, params: Parameters, kind: AccountKind) -> Stance:
        fast = window.close[-int(params["fast"]) :].mean()
        slow = window.close[-int(params["slow"]) :].mean()
        if fast == slow:
            return Stance.HOLD
        return Stance.LONG if fast > slow else bearish(kind)
