"""A fresh one-time password: what loosening and release ask for, measured on the wall clock."""

from datetime import datetime, timedelta

from aitrader.kernel.errors import StepUpRequired

FRESH_FOR = timedelta(minutes=5)
# Two machines of one desk may disagree by so much about what time it is.
_SKEW = timedelta(seconds=5)


def is_fresh(verified_at: datetime | None, *, now: datetime) -> bool:
    """Whether a one-time password given at `verified_at` still counts at wall time `now`."""
    return verified_at is not None and -_SKEW <= now - verified_at <= FRESH_FOR


def require(verified_at: datetime | None, *, now: datetime, action: str) -> None:
    """Raise StepUpRequired unless a one-time password was given within five minutes."""
    if not is_fresh(verified_at, now=now):
        raise StepUpRequired(f"{action} asks for a fresh one-time password")
