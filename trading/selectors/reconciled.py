"""How long ago an account was found to agree with its venue."""

from datetime import datetime, timedelta

#: Nothing is sent for an account that has not been compared with its venue for so long.
GREEN_FOR = timedelta(minutes=3)
#: Tells everything by itself: there is nothing to compare with.
_SIMULATED = "SIM"


def is_overdue(
    reconciled_at: datetime | None, *, venue: str, since: datetime, now: datetime
) -> bool:
    """Whether the last agreement, or the start `since` when there was none, is too long ago."""
    return venue != _SIMULATED and now - max(reconciled_at or since, since) > GREEN_FOR
