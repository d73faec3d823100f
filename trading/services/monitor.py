"""What the account is worth, bar by bar, and the baselines that limits are measured from.

1. An equity point per close; the day's first one is the baseline of today's PnL.
2. The peak only rises here. It is compared where it is kept: a withdrawal that another process
   booked has lowered it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from aitrader.kernel.clock import Moment, day_start
from trading.domain.position import PositionState
from trading.selectors import account_state, sql
from trading.selectors.account_state import AccountState
from trading.selectors.desk import Desk

_POINTS = """
WITH risen AS (
    UPDATE trading_account SET peak_equity = %(peak)s
     WHERE id = %(account)s AND peak_equity < %(peak)s)
INSERT INTO trading_equitypoint (account_id, at, equity, cash, unrealised_pnl)
SELECT %(account)s, point.* FROM unnest(
    %(at)s::timestamptz[], %(equity)s::numeric[], %(cash)s::numeric[], %(unrealised_pnl)s::numeric[]
) AS point
ON CONFLICT ON CONSTRAINT trading_equitypoint_at DO NOTHING
"""
_DAY = """
INSERT INTO trading_accountday (account_id, day, start_equity)
VALUES (%s, %s, %s) ON CONFLICT ON CONSTRAINT trading_accountday_once DO NOTHING
"""


class _Point(NamedTuple):
    at: datetime
    equity: Decimal
    cash: Decimal
    unrealised_pnl: Decimal


class Monitor:
    """Values one account; keeps its holdings in memory until told that they changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held: tuple[dict[str, Decimal], dict[int, PositionState]] | None = None
        self._day: date | None = None
        self._points: list[_Point] = []

    def holdings_changed(self) -> None:
        """Read balances and positions again at the next valuation."""
        self._held = None

    def value(self, at: Moment) -> AccountState:
        """Write the equity point of this close and return what it was made of."""
        state = self.note(at)
        self.write()
        return state

    def note(self, at: Moment) -> AccountState:
        """Value the account at this close; the point is kept until `write`."""
        desk = self._desk
        if self._held is None:
            self._held = account_state.holdings(desk.account)
        state = account_state.value(desk.account, desk.instruments, *self._held, desk.marks())
        if state.equity is not None and state.unrealised_pnl is not None:
            self._points.append(_Point(at.market, state.equity, state.cash, state.unrealised_pnl))
        return state

    def write(self) -> None:
        """Write the points that were noted, the baselines of their days and the peak."""
        points, self._points = self._points, []
        if not points:
            return
        account = self._desk.account
        with sql.atomic():
            for point in points:
                day = day_start(point.at).date()
                if day != self._day:
                    sql.execute(_DAY, [account.pk, day, point.equity])
                    self._day = day
            columns = zip(_Point._fields, map(list, zip(*points, strict=True)), strict=True)
            peak = max(point.equity for point in points)
            sql.execute(_POINTS, {"account": account.pk, "peak": peak, **dict(columns)})
