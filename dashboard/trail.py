"""Sign-ins in the journal: who came, by which door, and who was turned away.

1. A password or a code is never written, not even a wrong one.
2. A stranger cannot make the journal grow without end: a name's log-ins are written until it is
   locked, an address's until `MOST_OF_AN_ADDRESS` are refused, and each end is one entry.
3. Market time is that of the desk on screen; without a desk it is the wall's.
"""

from datetime import datetime, timedelta
from typing import Any

from axes.helpers import get_cool_off, get_failure_limit
from axes.models import AccessAttempt
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from trading.selectors import desk_view

#: Refused log-ins of one address, under whatever names, that are written before it is quiet.
MOST_OF_AN_ADDRESS = 50


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


def refused(request: HttpRequest, username: str, door: str) -> None:
    """Write that someone was turned away under a name that may not exist.

    Nothing is written once the name or the address is locked: the entry that said so stands.
    """
    of_address = _of_address(request)
    of_name = getattr(request, "axes_failures_since_start", None) or 0
    limit = get_failure_limit(request, {"username": username})
    if of_address > MOST_OF_AN_ADDRESS:
        return
    if of_address == MOST_OF_AN_ADDRESS:
        data: dict[str, object] = {"what": "one address", "failures": of_address}
        _write_refusal(EventName.OPERATOR_LOCKED, username, door, data)
    elif of_name == limit:
        data = {"what": "one name", "failures": of_name}
        _write_refusal(EventName.OPERATOR_LOCKED, username, door, data)
    elif of_name < limit:
        _write_refusal(EventName.OPERATOR_LOGIN_FAILED, username, door, {})


def _of_address(request: HttpRequest) -> int:
    """Refused log-ins of the request's address while a lock would last."""
    since = WALL.now() - (get_cool_off(request) or timedelta(0))
    found = AccessAttempt.objects.filter(
        ip_address=getattr(request, "axes_ip_address", None), attempt_time__gt=since
    ).aggregate(total=Sum("failures_since_start"))
    return int(found["total"] or 0)


def _write_refusal(name: EventName, username: str, door: str, data: dict[str, object]) -> None:
    now = WALL.now()
    event = Event(
        name=name,
        actor="anonymous",
        object_type="operator",
        object_id=username[:64],
        market_at=market_now(now),
        data={"door": door, **data},
    )
    with transaction.atomic():
        journal.record([event], now=now)
