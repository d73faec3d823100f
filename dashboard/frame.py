"""The strip that stands on every page: mode, source, trading state, who is looking.

1. Mode and source come from the rows of the desk, never from a setting.
2. A trading state that cannot be read is shown as unknown, not as enabled.
3. A restriction is shown with who put it in force, when, and why. One of a strategy or instrument
   leaves the rest trading, and is shown as what it is: never as enabled.
"""

from collections.abc import Iterable
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
from trading.selectors import desk_view, runs
from trading.selectors.desk_view import Desk
from trading.selectors.freshness import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    desk: Desk | None
    now: datetime
    states: list[ScopedState]
    governing: list[Restriction]
    unknown: bool

    @property
    def restriction(self) -> Restriction | None:
        """The severest that concerns the desk on screen; one of the whole desk goes first."""
        return min(self.governing, key=_partial, default=None)

    @property
    def partial(self) -> bool:
        """Whether only parts of the desk are restricted."""
        return self.restriction is not None and _partial(self.restriction)

    @property
    def others(self) -> list[ScopedState]:
        """What else restricts the desk on screen."""
        return [each.scoped for each in self.governing if each is not self.restriction]

    @property
    def market_at(self) -> datetime:
        """The market clock, or wall time before the first bar."""
        return self.desk.market_at if self.desk and self.desk.market_at else self.now

    @property
    def effective(self) -> ScopedState | None:
        """The state that governs the desk on screen as a whole; None when it cannot be read."""
        if self.unknown:
            return None
        whole = self.restriction and not self.partial
        return self.restriction.scoped if self.restriction and whole else UNRESTRICTED

    @property
    def restricted(self) -> ScopedState | None:
        """What the strip names: the restriction of the desk, or of a part of it."""
        return self.restriction.scoped if self.restriction else None

    @property
    def halted(self) -> bool:
        return self.restriction is not None and not self.partial

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
    def silent(self) -> list[Price]:
        """The instruments of the desk on screen that have gone silent (one query)."""
        return [] if self.desk is None else self.desk.silent(self.now)

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
    # The severest comes first.
    scopes = _scopes(desk, found)
    governing = [each for each in found if (each.scoped.scope, each.scoped.code) in scopes]
    return Frame(
        desk=desk,
        now=now,
        states=[each.scoped for each in found],
        governing=governing,
        unknown=unknown,
    )


_PARTS = {Scope.STRATEGY, Scope.INSTRUMENT}


def _partial(restriction: Restriction) -> bool:
    return restriction.scoped.scope in _PARTS


def _scopes(desk: Desk | None, found: Iterable[Restriction]) -> set[tuple[Scope, str]]:
    everywhere = (Scope.GLOBAL, "")
    if desk is None:
        return {everywhere}
    scopes = {everywhere, (Scope.VENUE, desk.venue), (Scope.ACCOUNT, desk.account_code)}
    if any(_partial(each) for each in found):
        strategies, instruments = runs.scopes_of(desk.account_id)
        scopes |= {(Scope.STRATEGY, code) for code in strategies}
        scopes |= {(Scope.INSTRUMENT, code) for code in instruments}
    return scopes


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
