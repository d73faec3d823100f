"""Keeping the gate's word, and reserving against the day's counters.

1. Lock order: the counter first, then whatever the caller locks (account, order, position).
2. A reservation is committed with the order it belongs to, before anything is sent.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import orjson
from django.db import connection

from risk.domain import gate

_STORE = """
INSERT INTO risk_decision (public_id, intent_id, account_code, approved, verdicts, reasons,
                           decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_COLUMNS = "id, account_code, day, orders, notional"
_LOCK = (
    f"SELECT {_COLUMNS} FROM risk_limitcounter WHERE account_code = %s AND day = %s"
    " FOR NO KEY UPDATE"
)
# DO UPDATE, for DO NOTHING would return no row when someone else made it meanwhile.
_MAKE = f"""
INSERT INTO risk_limitcounter (account_code, day, orders, notional) VALUES (%s, %s, 0, 0)
ON CONFLICT (account_code, day) DO UPDATE SET orders = risk_limitcounter.orders
RETURNING {_COLUMNS}
"""
_RESERVE = """
UPDATE risk_limitcounter SET orders = orders + 1, notional = notional + %s WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision's row: what an order names as the verdict it relies on."""

    pk: int
    approved: bool


@dataclass(slots=True)
class Counter:
    """A locked counter; `notional` in the account's base currency, of a UTC day."""

    pk: int
    account_code: str
    day: date
    orders: int
    notional: Decimal


def store(
    *,
    public_id: str,
    intent_id: str,
    account_code: str,
    decision: gate.Decision,
    now: datetime,
) -> Stored:
    """Insert the decision on one intent; `now` is the instant it was decided at.

    Raises IntegrityError if the intent was decided before.
    """
    told = gate.to_json(decision)
    approved = isinstance(decision, gate.Approved)
    verdicts, reasons = (orjson.dumps(told[key]).decode() for key in ("verdicts", "reasons"))
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE, [public_id, intent_id, account_code, approved, verdicts, reasons, now]
        )
        return Stored(cursor.fetchone()[0], approved)


def counters_for_update(account_code: str, day: date) -> Counter:
    """The account's counter of a UTC day, made if absent, locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [account_code, day])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_MAKE, [account_code, day])
            row = cursor.fetchone()
    return Counter(*row)


def reserve(*, counter: Counter, notional: Decimal) -> None:
    """Count one order against a locked counter; `notional` in base currency, 0 if it reduces."""
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [notional, counter.pk])
    counter.orders += 1
    counter.notional += notional
