"""What auditlog follows of risk's rows: limits, each version as it is put in force."""

from auditlog.registry import auditlog

from risk.models import Limit

auditlog.register(Limit)
