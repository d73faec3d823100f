"""Donchian breakout: enter on a close outside the channel of the last bars, leave on a close
outside a shorter channel on the other side.

1. The current bar never belongs to a channel it is compared with.
2. Which exit channel matters depends on the side of the last breakout, found in the window itself
   (two more entry channels back), so that the stance needs no memory of positions.
3. When the window shows no breakout, either exit channel asks for FLAT: leaving is the safe side.
"""

from decimal import Decimal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from aitrader.kernel.errors import ParameterOutOfBounds
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ONE
from trading.domain.signal import Stance
from trading.strategies.base import (
    Parameter,
    Parameters,
    Strategy,
    Window,
    bearish,
    exit_parameters,
)


class Donchian(Strategy):
    name = "donchian"
    account_kinds = frozenset({AccountKind.SPOT, AccountKind.PERP})
    parameters = (
        Parameter(
            "entry", Decimal(20), Decimal(2), Decimal(500), True, "Bars in the entry channel."
        ),
        Parameter("exit", Decimal(10), Decimal(1), Decimal(500), True, "Bars in the exit channel."),
        *exit_parameters(stop_loss=ONE, take_profit=Decimal(2), trailing=ONE),
    )

    def cross_check(self, params: Parameters) -> None:
        if params["exit"] > params["entry"]:
            raise ParameterOutOfBounds(
                f"exit={params['exit']} must not be more than entry={params['entry']}"
            )

    def warmup(self, params: Parameters) -> int:
        return 3 * int(params["entry"]) + 1

    def stance(self, window: Window, params: Parameters, kind: AccountKind) -> Stance:
        entry, leave = int(params["entry"]), int(params["exit"])
        # Row i holds bars i .. i + entry - 1 and is compared with the close of bar i + entry.
        closes = window.close[entry:]
        up = closes > sliding_window_view(window.high[:-1], entry).max(axis=1)
        down = closes < sliding_window_view(window.low[:-1], entry).min(axis=1)
        if up[-1]:
            return Stance.LONG
        if down[-1]:
            return bearish(kind)
        breakouts = np.flatnonzero(up | down)
        was_up = not len(breakouts) or bool(up[breakouts[-1]])
        was_down = not len(breakouts) or bool(down[breakouts[-1]])
        close = closes[-1]
        fell_out = was_up and close < window.low[-leave - 1 : -1].min()
        rose_out = was_down and close > window.high[-leave - 1 : -1].max()
        return Stance.FLAT if fell_out or rose_out else Stance.HOLD
