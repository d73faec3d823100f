"""Taking a lost second factor away, and new recovery codes.

1. A reset concerns a person: devices and recovery codes of all their accounts go, their sessions
   end, and whoever logs in next with the password enrols anew.
2. Somebody else resets, with a fresh one-time password; whoever has the machine itself needs none.
3. A code is shown once and never written anywhere else.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import EventName
from compliance.domain import step_up
from compliance.models import Operator
from compliance.services import access, journal

RECOVERY_CODES = 10
_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Removed:
    """What a reset took away, over all accounts of the person."""

    devices: int
    recovery_codes: int
    sessions: int


def require_reason(reason: str) -> str:
    """The reason as it is written down. Raises BadInput for an empty one."""
    reason = reason.strip()[:_REASON_LENGTH]
    if not reason:
        raise BadInput("a second factor is reset for a stated reason")
    return reason


def reset(
    *,
    operator: Operator,
    by: Operator,
    reason: str,
    verified_at: datetime | None,
    now: datetime,
    market_at: datetime,
) -> Removed:
    """Take away the second factor of an operator's person, who enrols anew at the next log-in.

    `now` and `verified_at` are wall time. Raises NotPermitted for oneself or without the right,
    StepUpRequired without a fresh one-time password, BadInput without a reason.
    """
    access.require_another(operator, by)
    reason = require_reason(reason)
    step_up.require(verified_at, now=now, action="resetting a second factor")
    return _reset(operator, reason, f"operator:{by.username}", now, market_at)


def reset_at_the_machine(*, username: str, reason: str, account: str, now: datetime) -> Removed:
    """The same by whoever works on the machine as `account`. `now` is wall time.

    Raises BadInput for an unknown operator or without a reason.
    """
    reason = require_reason(reason)
    operator = Operator.objects.filter(username=username).first()
    if operator is None:
        raise BadInput(f"there is no operator {username}")
    return _reset(operator, reason, f"shell:{account}", now, now)


def new_recovery_codes(
    *, operator: Operator, verified_at: datetime | None, now: datetime, market_at: datetime
) -> list[str]:
    """Replace the operator's recovery codes and return the new ones; the old ones end.

    `now` and `verified_at` are wall time. Raises StepUpRequired without a fresh one-time password.
    """
    step_up.require(verified_at, now=now, action="making recovery codes")
    with transaction.atomic():
        # Two requests at once would leave two sets.
        Operator.objects.select_for_update().get(pk=operator.pk)
        codes = write_recovery_codes(operator)
        data = {"username": operator.username, "codes": len(codes)}
        actor = f"operator:{operator.username}"
        event = access.event_of(EventName.RECOVERY_CODES_MADE, operator, actor, market_at, data)
        journal.record([event], now=now)
    return codes


def write_recovery_codes(operator: Any) -> list[str]:
    """Replace the operator's recovery codes in the caller's transaction and return the new ones."""
    StaticDevice.objects.filter(user=operator).delete()
    device = StaticDevice.objects.create(user=operator, name="recovery codes", confirmed=True)
    codes = [secrets.token_hex(5) for _index in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def _reset(
    operator: Operator, reason: str, actor: str, now: datetime, market_at: datetime
) -> Removed:
    with transaction.atomic():
        accounts = list(
            Operator.objects.select_for_update(of=("self",), no_key=True)
            .filter(person_id=operator.person_id)
            .order_by("pk")
        )
        found = [_remove(account, now) for account in accounts]
        events = [
            access.event_of(
                EventName.SECOND_FACTOR_RESET,
                account,
                actor,
                market_at,
                {
                    "username": account.username,
                    "reason": reason,
                    "devices": gone.devices,
                    "recovery_codes": gone.recovery_codes,
                    "sessions": gone.sessions,
                },
            )
            for account, gone in zip(accounts, found, strict=True)
        ]
        journal.record(events, now=now)
    return Removed(
        sum(gone.devices for gone in found),
        sum(gone.recovery_codes for gone in found),
        sum(gone.sessions for gone in found),
    )


def _remove(operator: Operator, now: datetime) -> Removed:
    codes = StaticToken.objects.filter(device__user=operator).count()
    StaticDevice.objects.filter(user=operator).delete()
    devices, _each = TOTPDevice.objects.filter(user=operator).delete()
    return Removed(devices, codes, _end_sessions(operator, now))


def _end_sessions(operator: Operator, now: datetime) -> int:
    """A session names its operator only inside; there are as many as people at work."""
    mine = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=now)
        if session.get_decoded().get(SESSION_KEY) == str(operator.pk)
    ]
    Session.objects.filter(pk__in=mine).delete()
    return len(mine)
