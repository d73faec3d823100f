"""Saying that an account at a venue is not reconciled any more: nothing is sent for it meanwhile.

1. A venue whose stream tells everything needs no comparison: the simulated one.
2. That it began and that it is over is one journal entry each, whichever process looks.
"""

from datetime import datetime

from django.db import transaction

from aitrader.kernel.events import Event, EventName
from compliance.selectors import journal as entries
from compliance.services import journal
from trading.models import Feed
from trading.selectors import reconciled

_TOLD = (EventName.RECONCILIATION_OVERDUE, EventName.RECONCILIATION_RESUMED)


def note(*, feed: Feed, now: datetime) -> None:
    """Journal that the account of this running feed is overdue, or no longer, if it is news."""
    if _is_overdue(feed, now) == _said(feed):
        return
    with transaction.atomic():
        rows = Feed.objects.select_related("account__venue")
        locked = rows.select_for_update(of=("self",), no_key=True).get(pk=feed.pk)
        overdue = _is_overdue(locked, now)
        # Another process may have said it while this one waited.
        if overdue == _said(feed):
            return
        event = Event(
            name=EventName.RECONCILIATION_OVERDUE if overdue else EventName.RECONCILIATION_RESUMED,
            actor="desk",
            object_type="account",
            object_id=locked.account.code,
            market_at=locked.market_at or now,
            data={"overdue": overdue, "last": locked.account.reconciled_at},
        )
        journal.record([event], now=now)


def _is_overdue(feed: Feed, now: datetime) -> bool:
    account = feed.account
    return reconciled.is_overdue(
        account.reconciled_at, venue=account.venue.code, since=feed.started_at, now=now
    )


def _said(feed: Feed) -> bool:
    told = entries.last_data("account", feed.account.code, _TOLD)
    return told is not None and bool(told["overdue"])
