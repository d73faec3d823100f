"""What the account is worth, bar by bar, and the baselines that limits are measured from.

1. An equity point per close; the day's first one is the baseline of today's PnL.
2. The peak only rises.
"""

from datetime import date
from decimal import Decimal

from django.db import connection

from aitrader.kernel.clock import Moment, day_start
from trading.domain.position import PositionState
from trading.models import Account
from trading.selectors import account_state, sql
from trading.selectors.account_state import AccountState
from trading.selectors.desk import Desk

_POINT = """
INSERT INTO trading_equitypoint (account_id, at, equity, cash, unrealised_pnl)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT ON CONSTRAINT trading_equitypoint_at DO NOTHING
"""
_DAY = """
INSERT INTO trading_accountday (account_id, day, start_equity)
VALUES (%s, %s, %s) ON CONFLICT ON CONSTRAINT trading_accountday_once DO NOTHING
"""


class Monitor:
    """Values one account; keeps its holdings in memory until told that they changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held: tuple[dict[str, Decimal], dict[int, PositionState]] | None = None
        self._day: date | None = None

    def holdings_changed(self) -> None:
        """Read balances and positions again at the next valuation."""
        self._held = None

    def value(self, at: Moment) -> AccountState:
        """Write the equity point of this close and return what it was made of."""
        desk = self._desk
        if self._held is None:
            self._held = account_state.holdings(desk.account)
        state = account_state.value(desk.account, desk.instruments, *self._held, desk.marks())
        if state.equity is None or state.unrealised_pnl is None:
            return state
        with sql.atomic(), connection.cursor() as cursor:
            day = day_start(at.market).date()
            if day != self._day:
                cursor.execute(_DAY, [desk.account.pk, day, state.equity])
                self._day = day
            cursor.execute(
                _POINT,
                [desk.account.pk, at.market, state.equity, state.cash, state.unrealised_pnl],
            )
            if state.equity > desk.account.peak_equity:
                Account.objects.filter(pk=desk.account.pk, peak_equity__lt=state.equity).update(
                    peak_equity=state.equity
                )
                desk.account.peak_equity = state.equity
        return state
