"""Keeping the gate's word, and reserving against the day's counters.

1. Lock order: the counter first, then whatever the caller locks (account, order, position).
2. A reservation is committed with the order it belongs to, before anything is sent.
3. What is written comes as statements with their parameters: the caller sends them with his own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection

from risk.domain import gate

_STORE = """
INSERT INTO risk_decision (public_id, intent_id, account_code, approved, verdicts, reasons,
                           decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_COLUMNS = "id, account_code, day, orders, notional"
#: Of an account's code and a day; the columns are those of `Counter`.
LOCK = (
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


@dataclass(slots=True)
class Counter:
    """A locked counter; `notional` in the account's base currency, of a UTC day."""

    pk: int
    account_code: str
    day: date
    orders: int
    notional: Decimal

    def count(self, notional: Decimal) -> None:
        """Count an order, as the row does."""
        self.orders += 1
        self.notional += notional


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said of one intent, in words too (`gate.to_json`), and where an order that it
    allows is counted; `notional` in base currency, 0 for one that only reduces."""

    decision: gate.Decision
    told: Mapping[str, Any]
    counter: Counter
    notional: Decimal

    @property
    def approved(self) -> bool:
        return isinstance(self.decision, gate.Approved)


def counters_for_update(account_code: str, day: date) -> Counter:
    """The account's counter of a UTC day, made if absent, locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account_code, day])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_MAKE, [account_code, day])
            row = cursor.fetchone()
    return Counter(*row)


def insertion(
    verdict: Verdict, *, public_id: str, account_code: str, now: datetime
) -> tuple[str, Sequence[Any]]:
    """Keeps the verdict, given at the instant `now`; returns its key.

    The database refuses a second one on the same intent.
    """
    intent_id, told = verdict.decision.intent.intent_id, verdict.told
    verdicts, reasons = (orjson.dumps(told[key]).decode() for key in ("verdicts", "reasons"))
    return _STORE, [public_id, intent_id, account_code, verdict.approved, verdicts, reasons, now]


def reservation(verdict: Verdict) -> tuple[str, Sequence[Any]]:
    """Counts the order that the verdict allows."""
    return _RESERVE, [verdict.notional, verdict.counter.pk]
