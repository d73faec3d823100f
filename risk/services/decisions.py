"""Keeping the gate's word, and reserving against the day's counters.

1. Lock order: the counter first, then whatever the caller locks (account, order, position).
2. A reservation is committed with the order it belongs to, before anything is sent.
"""

from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import F

from risk.domain import gate
from risk.models import Decision, LimitCounter

_COLUMNS = "id, account_code, day, orders, notional"
_LOCK = f"SELECT {_COLUMNS} FROM risk_limitcounter WHERE account_code = %s AND day = %s FOR UPDATE"
# DO UPDATE, for DO NOTHING would return no row when someone else made it meanwhile.
_MAKE = f"""
INSERT INTO risk_limitcounter (account_code, day, orders, notional) VALUES (%s, %s, 0, 0)
ON CONFLICT (account_code, day) DO UPDATE SET orders = risk_limitcounter.orders
RETURNING {_COLUMNS}
"""


def store(
    *,
    public_id: str,
    intent_id: str,
    account_code: str,
    decision: gate.Decision,
    now: datetime,
) -> Decision:
    """Insert the decision on one intent; `now` is the instant it was decided at.

    Raises IntegrityError if the intent was decided before.
    """
    told = gate.to_json(decision)
    return Decision.objects.create(
        public_id=public_id,
        intent_id=intent_id,
        account_code=account_code,
        approved=isinstance(decision, gate.Approved),
        verdicts=told["verdicts"],
        reasons=told["reasons"],
        decided_at=now,
    )


def counters_for_update(account_code: str, day: date) -> LimitCounter:
    """The account's counter of a UTC day, made if absent, locked until the transaction ends."""
    with connection.cursor() as cursor:
        for statement in (_LOCK, _MAKE):
            cursor.execute(statement, [account_code, day])
            row = cursor.fetchone()
            if row is not None:
                break
        names = [column.name for column in cursor.description]
    return LimitCounter.from_db(connection.alias, names, row)


def reserve(*, counter: LimitCounter, notional: Decimal) -> None:
    """Count one order against a locked counter; `notional` in base currency, 0 if it reduces."""
    LimitCounter.objects.filter(pk=counter.pk).update(
        orders=F("orders") + 1, notional=F("notional") + notional
    )
    counter.orders += 1
    counter.notional += notional
