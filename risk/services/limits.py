"""Setting limits. A change is a new version and a journal entry; nothing is edited.

1. Tightening is immediate. Loosening, and setting a limit that was missing, asks for a fresh
   one-time password; an account's very first limits do not, nor the shipped value of a limit that
   is newer than the account.
2. Writers of one account's limits take turns (advisory lock on its code).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from compliance.domain import step_up
from compliance.services import journal
from risk.domain import limits
from risk.domain.limits import LimitKey
from risk.models import Limit
from risk.selectors.limits import in_force

__all__ = ["apply_profile", "change", "in_force", "supply_missing"]


def apply_profile(
    *,
    account_code: str,
    profile: str,
    set_by: str,
    now: datetime,
    market_at: datetime,
    verified_at: datetime | None = None,
) -> list[Limit]:
    """Put a shipped profile in force on an account; return the versions written.

    `now` and `verified_at` are wall time. Limits that already have the profile's value are left
    alone. Raises BadInput for an unknown profile, StepUpRequired if it loosens limits in force.
    """
    wanted = limits.profile(profile)
    with transaction.atomic():
        _take_turn(account_code)
        before = in_force(account_code)
        if before and any(_loosens(before, key, value) for key, value in wanted.items()):
            step_up.require(verified_at, now=now, action="loosening a limit")
        return _write(
            account_code, wanted, before, f"profile {profile}", set_by, now=now, market_at=market_at
        )


def supply_missing(
    *, account_code: str, profile: str, set_by: str, now: datetime, market_at: datetime
) -> list[Limit]:
    """Give an account the shipped value of limits that it never had, because there were none when
    it was opened; return the versions written. What was set stays."""
    with transaction.atomic():
        _take_turn(account_code)
        before = in_force(account_code)
        shipped = limits.profile(profile).items()
        wanted = {key: value for key, value in shipped if key not in before}
        why = f"new limit, profile {profile}"
        return _write(account_code, wanted, before, why, set_by, now=now, market_at=market_at)


def change(
    *,
    account_code: str,
    key: LimitKey | str,
    value: Decimal | str,
    purpose: str,
    set_by: str,
    now: datetime,
    market_at: datetime,
    verified_at: datetime | None = None,
) -> Limit | None:
    """Set one limit of an account, in the unit of its table; None if it has that value already.

    `now` and `verified_at` are wall time. Raises BadInput for an unknown key, a bad value or an
    empty purpose, StepUpRequired if it loosens without a fresh one-time password.
    """
    [(known, number)] = limits.read_limits({str(key): value}).items()
    if not purpose.strip():
        raise BadInput("a limit is changed for a stated purpose")
    with transaction.atomic():
        _take_turn(account_code)
        before = in_force(account_code)
        if _loosens(before, known, number):
            step_up.require(verified_at, now=now, action="loosening a limit")
        written = _write(
            account_code,
            {known: number},
            before,
            purpose.strip(),
            set_by,
            now=now,
            market_at=market_at,
        )
    return written[0] if written else None


def _loosens(before: Mapping[LimitKey, Decimal], key: LimitKey, value: Decimal) -> bool:
    # Every limit is breached above its value, and a missing one denies.
    return key not in before or value > before[key]


def _take_turn(account_code: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [account_code])


def _write(
    account_code: str,
    wanted: Mapping[LimitKey, Decimal],
    before: Mapping[LimitKey, Decimal],
    purpose: str,
    set_by: str,
    *,
    now: datetime,
    market_at: datetime,
) -> list[Limit]:
    latest = dict(
        Limit.objects.filter(account_code=account_code)
        .order_by("key", "version")
        .values_list("key", "version")
    )
    rows = [
        Limit(
            account_code=account_code,
            key=key.value,
            version=latest.get(key.value, 0) + 1,
            value=value,
            effective_at=now,
            purpose=purpose,
            set_by=set_by,
        )
        for key, value in wanted.items()
        if before.get(key) != value
    ]
    # Each by itself: the audit log of configuration does not hear of rows written together.
    for row in rows:
        row.save(force_insert=True)
    journal.record([_event(row, before, market_at) for row in rows], now=now)
    return rows


def _event(row: Limit, before: Mapping[LimitKey, Decimal], market_at: datetime) -> Event:
    return Event(
        name=EventName.LIMIT_CHANGED,
        actor=row.set_by,
        object_type="limit",
        object_id=row.account_code,
        market_at=market_at,
        data={
            "key": row.key,
            "version": row.version,
            "before": before.get(LimitKey(row.key)),
            "after": row.value,
            "purpose": row.purpose,
        },
    )
