"""Breaks in the hands of persons: who looks after one, and how one ends that the desk cannot end.

1. What the desk compares ends when the books agree. Where the venue cannot prove an order's fate, a
   person says what became of it (break_words.py).
2. Whatever a person does to a break is journalled with the reason.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from aitrader.kernel.errors import Refused
from aitrader.kernel.events import Event, EventName
from compliance.domain.roles import Action
from compliance.services import access, journal
from trading.models import Feed, ReconBreak
from trading.services import orders

#: Compared with the venue, or followed to their end, by the desk itself.
COMPARED = ("BALANCE", "OPEN_ORDER", "DOUBT")


def take(*, break_id: int, by: Any, now: datetime) -> bool:
    """The operator looks after the break from now on; False when that was so already.

    Raises NotPermitted without the right, Refused for one that is closed.
    """
    access.require(by, Action.HANDLE_BREAK)
    with transaction.atomic():
        found = locked(break_id)
        if found.owner == by.username:
            return False
        before, found.owner = found.owner, by.username
        found.save(update_fields=["owner"])
        _note(EventName.BREAK_TAKEN, found, by, {"before": before}, now)
    return True


def resolve(*, break_id: int, by: Any, resolution: str, now: datetime) -> None:
    """Close a break that a person has looked into.

    Raises NotPermitted without the right, Refused without a reason, for one that is closed, and for
    one that the desk compares by itself.
    """
    access.require(by, Action.HANDLE_BREAK)
    why = orders.require_reason(resolution)
    with transaction.atomic():
        found = locked(break_id)
        if found.kind in COMPARED:
            raise Refused(
                "it ends by itself when the books agree; what the venue cannot prove of an order"
                " or a balance is stated"
            )
        close(found, by=by, resolution=why, said={}, now=now)


def locked(break_id: int) -> ReconBreak:
    """The break, locked. Raises Refused for one that is closed."""
    found = ReconBreak.objects.select_for_update().get(pk=break_id)
    if found.closed_at is not None:
        raise Refused("the break is closed")
    return found


def close(
    found: ReconBreak, *, by: Any, resolution: str, said: dict[str, object], now: datetime
) -> None:
    """Close a locked break by a person's word; what was `said` besides is kept with it."""
    found.closed_at = market_at(found, now)
    found.resolution, found.owner = resolution, found.owner or by.username
    found.evidence = {**found.evidence, **said}
    found.save(update_fields=["closed_at", "resolution", "owner", "evidence"])
    _note(EventName.BREAK_CLOSED, found, by, {"resolution": resolution, **said}, now)


def market_at(found: ReconBreak, now: datetime) -> datetime:
    """The market's time of the account, or the wall's where it has none."""
    feed = Feed.objects.filter(account_id=found.account_id).first()
    return now if feed is None or feed.market_at is None else feed.market_at


def _note(
    name: EventName, found: ReconBreak, by: Any, data: dict[str, object], now: datetime
) -> None:
    event = Event(
        name=name,
        actor=f"operator:{by.username}",
        object_type="break",
        object_id=found.public_id,
        market_at=market_at(found, now),
        data={"kind": found.kind, "object": found.object_id, **data},
    )
    journal.record([event], now=now)
