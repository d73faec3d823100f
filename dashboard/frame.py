"""The strip that stands on every page: mode, source, trading state, who is looking.

1. Mode and source come from the rows of the desk, never from a setting.
2. A trading state that cannot be read is shown as unknown, not as enabled.
3. A restriction is shown with who put it in force, when, and why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render

from aitrader.kernel.clock import WALL
from dashboard import permits, shortcuts, submissions
from risk.domain.trading_state import UNRESTRICTED, Scope, ScopedState, TradingState
from risk.selectors import states
from risk.selectors.states import Restriction
from trading.selectors import desk_view
from trading.selectors.desk_view import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    desk: Desk | None
    now: datetime
    states: list[ScopedState]
    restriction: Restriction | None
    unknown: bool

    @property
    def market_at(self) -> datetime:
        """The market clock, or wall time before the first bar."""
        return self.desk.market_at if self.desk and self.desk.market_at else self.now

    @property
    def effective(self) -> ScopedState | None:
        """The state that governs the desk on screen; None when it cannot be read."""
        if self.unknown:
            return None
        return self.restriction.scoped if self.restriction else UNRESTRICTED

    @property
    def halted(self) -> bool:
        return self.restriction is not None

    @property
    def halted_by(self) -> str:
        """The operator's name, or the part of the desk that put the restriction in force."""
        return self.restriction.changed_by.removeprefix("operator:") if self.restriction else ""

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
        found, unknown = states.restrictions(), False
    except DatabaseError:
        found, unknown = (), True
    scopes = _scopes(desk)
    # The severest comes first.
    governing = [each for each in found if (each.scoped.scope, each.scoped.code) in scopes]
    return Frame(
        desk=desk,
        now=now,
        states=[each.scoped for each in found],
        restriction=next(iter(governing), None),
        unknown=unknown,
    )


def _scopes(desk: Desk | None) -> set[tuple[Scope, str]]:
    everywhere = (Scope.GLOBAL, "")
    if desk is None:
        return {everywhere}
    return {everywhere, (Scope.VENUE, desk.venue), (Scope.ACCOUNT, desk.account_code)}


def context(request: HttpRequest, **extra: Any) -> dict[str, Any]:
    """What every page and fragment needs, with the page's own."""
    return {
        "frame": extra.pop("frame", None) or frame(),
        "may": permits.of(request.user),
        "new_key": submissions.new_key,
        "shortcuts": shortcuts.on(request),
        **extra,
    }


def render(request: HttpRequest, template: str, status: int = 200, **extra: Any) -> HttpResponse:
    """Render a page or a fragment inside the frame's context."""
    return django_render(request, template, context(request, **extra), status=status)
