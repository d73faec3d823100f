"""Raising alerts from the journal, and acknowledging them.

1. The cursor and the alerts move in one transaction: each entry is judged exactly once, whatever
   is killed in between.
2. Repeats of an open alert raise its count; after an acknowledgement the next one opens anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from compliance.domain import alert_rules
from compliance.domain.alert_rules import Raised
from compliance.domain.roles import Action
from compliance.models import Alert, AlertCursor, Operator
from compliance.selectors.journal import Entry, entries_after
from compliance.services import access, journal

_BATCH = 1000
_RAISE = """
INSERT INTO compliance_alert AS alert (key, rule, severity, title, text, count,
                                       leaf_index, last_leaf_index, raised_at, last_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (key) WHERE acknowledged_at IS NULL DO UPDATE
   SET count = alert.count + excluded.count, severity = excluded.severity,
       title = excluded.title, text = excluded.text,
       last_leaf_index = excluded.last_leaf_index, last_at = excluded.last_at
"""


@dataclass(slots=True)
class _Group:
    """Repeats of one key within a batch; the newest gives the words."""

    newest: Raised
    count: int
    first_leaf: int
    last_leaf: int


def advance(*, now: datetime) -> int:
    """Judge the entries that came since the last call; return how many. `now` is wall time.

    Reads 1,000 at most: call again until it returns 0.
    """
    with transaction.atomic():
        cursor_row = AlertCursor.objects.select_for_update().filter(pk=1).first()
        if cursor_row is None:
            return 0
        entries = entries_after(cursor_row.leaf_index, _BATCH)
        if not entries:
            return 0
        groups = _grouped(entries)
        with connection.cursor() as cursor:
            # In the order of keys, as everybody who locks several must.
            for key in sorted(groups):
                cursor.execute(_RAISE, _parameters(groups[key], now))
        cursor_row.leaf_index = entries[-1].leaf_index
        cursor_row.save(update_fields=["leaf_index"])
    return len(entries)


def acknowledge(*, alert_id: int, operator: Operator, now: datetime, market_at: datetime) -> Alert:
    """Mark an alert as seen by an operator; one that is acknowledged already stays as it is.

    `now` is wall time. Raises NotPermitted without the right, BadInput for an unknown alert.
    """
    access.require(operator, Action.ACKNOWLEDGE_ALERT)
    with transaction.atomic():
        alert = Alert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is None:
            raise BadInput(f"there is no alert {alert_id}")
        if alert.acknowledged_at is not None:
            return alert
        alert.acknowledged_at = now
        alert.acknowledged_by = operator
        alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
        event = Event(
            name=EventName.ALERT_ACKNOWLEDGED,
            actor=f"operator:{operator.username}",
            object_type="alert",
            object_id=str(alert.pk),
            market_at=market_at,
            data={"key": alert.key, "count": alert.count, "last_leaf_index": alert.last_leaf_index},
        )
        journal.record([event], now=now)
    return alert


def _grouped(entries: Iterable[Entry]) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    for entry in entries:
        names = {"object_type": entry.object_type, "object_id": entry.object_id}
        raised = alert_rules.judge(entry.event, entry.data | names | {"actor": entry.actor})
        if raised is None:
            continue
        group = groups.get(raised.key)
        if group is None:
            groups[raised.key] = _Group(raised, 1, entry.leaf_index, entry.leaf_index)
        else:
            group.newest, group.last_leaf = raised, entry.leaf_index
            group.count += 1
    return groups


def _parameters(group: _Group, now: datetime) -> list[str | int | datetime]:
    raised = group.newest
    return [
        raised.key[:160],
        raised.rule,
        raised.severity,
        raised.title[:200],
        raised.text,
        group.count,
        group.first_leaf,
        group.last_leaf,
        now,
        now,
    ]
