"""Reading the limits in force."""

from collections.abc import Iterable
from decimal import Decimal

from django.db import connection

from risk.domain.limits import LimitKey
from risk.models import Limit

#: Key and value of each limit of account `code`.
IN_FORCE = """
SELECT DISTINCT ON (key) key, value FROM risk_limit
 WHERE account_code = %(code)s ORDER BY key, version DESC
"""


def in_force(account_code: str) -> dict[LimitKey, Decimal]:
    """The account's limits, highest version of each; money in its base currency.

    A limit that was never set is absent: the gate denies what needs it.
    """
    with connection.cursor() as cursor:
        cursor.execute(IN_FORCE, {"code": account_code})
        return read(cursor.fetchall())


def read(rows: Iterable[tuple[str, Decimal]]) -> dict[LimitKey, Decimal]:
    """Rows of `IN_FORCE`."""
    return {LimitKey(key): value for key, value in rows}


def history(account_code: str, key: LimitKey) -> list[Limit]:
    """Every version of one limit, newest first: who set it, when and why."""
    return list(Limit.objects.filter(account_code=account_code, key=key).order_by("-version"))
