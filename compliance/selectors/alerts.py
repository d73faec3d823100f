"""Reading alerts: what is open comes worst first, then newest."""

from django.db.models import Case, IntegerField, QuerySet, Value, When

from compliance.domain.alert_rules import Severity
from compliance.models import Alert

_WEIGHT = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
    output_field=IntegerField(),
)


def open_alerts(limit: int) -> list[Alert]:
    """Up to `limit` alerts that nobody has acknowledged."""
    return list(_open().alias(weight=_WEIGHT).order_by("-weight", "-last_leaf_index")[:limit])


def open_count() -> int:
    """How many alerts wait for a person."""
    return _open().count()


def _open() -> "QuerySet[Alert]":
    return Alert.objects.filter(acknowledged_at__isnull=True)
