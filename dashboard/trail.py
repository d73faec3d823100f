"""Sign-ins in the journal: who came, by which door, and who was turned away.

1. A password or a code is never written, not even a wrong one.
2. Market time is that of the desk on screen; without a desk it is the wall's.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from trading.selectors import desk_view


def market_now(now: datetime) -> datetime:
    """The market clock of the desk on screen, or wall time where there is none."""
    desk = desk_view.desk()
    return desk.market_at if desk is not None and desk.market_at is not None else now


def record(name: EventName, user: Any, **data: object) -> None:
    """Write one sign-in event about an operator."""
    now = WALL.now()
    event = Event(
        name=name,
        actor=f"operator:{user.get_username()}",
        object_type="operator",
        object_id=user.public_id,
        market_at=market_now(now),
        data=data,
    )
    with transaction.atomic():
        journal.record([event], now=now)


def refused(username: str, door: str) -> None:
    """Write that someone was turned away under a name that may not exist."""
    now = WALL.now()
    event = Event(
        name=EventName.OPERATOR_LOGIN_FAILED,
        actor="anonymous",
        object_type="operator",
        object_id=username[:64],
        market_at=market_now(now),
        data={"door": door},
    )
    with transaction.atomic():
        journal.record([event], now=now)
