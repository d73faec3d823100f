"""Reading the limits in force."""

from decimal import Decimal

from django.db import connection

from risk.domain.limits import LimitKey
from risk.models import Limit

_IN_FORCE = """
SELECT DISTINCT ON (key) key, value FROM risk_limit
 WHERE account_code = %s ORDER BY key, version DESC
"""


def in_force(account_code: str) -> dict[LimitKey, Decimal]:
    """The account's limits, highest version of each; money in its base currency.

    A limit that was never set is absent: the gate denies what needs it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, [account_code])
        return {LimitKey(key): value for key, value in cursor.fetchall()}


def history(account_code: str, key: LimitKey) -> list[Limit]:
    """Every version of one limit, newest first: who set it, when and why."""
    return list(Limit.objects.filter(account_code=account_code, key=key).order_by("-version"))
