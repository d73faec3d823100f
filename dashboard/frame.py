"""The strip that stands on every page: mode, source, trading state, who is looking.

1. Mode and source come from the rows of the desk, never from a setting.
2. A trading state that cannot be read is shown as unknown, not as enabled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render

from aitrader.kernel.clock import WALL
from dashboard import permits, submissions
from risk.domain.trading_state import Scope, ScopedState, TradingState
from risk.selectors import states
from trading.selectors import desk_view
from trading.selectors.desk_view import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    desk: Desk | None
    now: datetime
    states: list[ScopedState]
    effective: ScopedState | None
    unknown: bool

    @property
    def market_at(self) -> datetime:
        """The market clock, or wall time before the first bar."""
        return self.desk.market_at if self.desk and self.desk.market_at else self.now

    @property
    def halted(self) -> bool:
        return self.effective is not None and self.effective.state is not TradingState.ACTIVE

    @property
    def halted_everywhere(self) -> bool:
        """Whether there is nothing left to halt."""
        return any(
            each.scope is Scope.GLOBAL and each.state is TradingState.HALTED for each in self.states
        )

    @property
    def stale(self) -> bool:
        return self.desk is not None and self.desk.stale(self.now)

    @property
    def ended(self) -> bool:
        return self.desk is not None and not self.desk.running

    @property
    def feed_age(self) -> timedelta | None:
        return self.desk.age(self.now) if self.desk else None


def frame() -> Frame:
    """What the strip shows now."""
    now = WALL.now()
    desk = desk_view.desk()
    try:
        found = list(states.current())
        effective, unknown = states.effective(_scopes(desk)), False
    except DatabaseError:
        found, effective, unknown = [], None, True
    return Frame(desk=desk, now=now, states=found, effective=effective, unknown=unknown)


def _scopes(desk: Desk | None) -> list[tuple[Scope, str]]:
    if desk is None:
        return []
    return [(Scope.VENUE, desk.venue), (Scope.ACCOUNT, desk.account_code)]


def context(request: HttpRequest, **extra: Any) -> dict[str, Any]:
    """What every page and fragment needs, with the page's own."""
    return {
        "frame": extra.pop("frame", None) or frame(),
        "may": permits.of(request.user),
        "new_key": submissions.new_key,
        **extra,
    }


def render(request: HttpRequest, template: str, status: int = 200, **extra: Any) -> HttpResponse:
    """Render a page or a fragment inside the frame's context."""
    return django_render(request, template, context(request, **extra), status=status)
