"""A fresh one-time password for one dangerous action.

1. A step-up counts while compliance says it is fresh, and for one action: taking it spends it.
2. It lives in the session, so it never outlives a log-out.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from aitrader.kernel.errors import StepUpRequired
from compliance.domain.step_up import is_fresh
from dashboard import second_factor

_KEY = "step_up_at"


def give(request: HttpRequest, code: str, *, now: datetime) -> None:
    """Verify a code and remember when. Raises StepUpRequired with a text fit to show."""
    outcome = second_factor.verify(request.user, code)
    if isinstance(outcome, second_factor.NotVerified):
        raise StepUpRequired(outcome.why)
    request.session[_KEY] = now.isoformat()


def take(request: HttpRequest, *, now: datetime) -> datetime | None:
    """The instant of a step-up that still counts, spent by this call; None without one."""
    stored: Any = request.session.pop(_KEY, None)
    if stored is None:
        return None
    verified_at = datetime.fromisoformat(stored)
    return verified_at if is_fresh(verified_at, now=now) else None
