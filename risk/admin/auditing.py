"""What auditlog follows of risk's rows: limits, each version as it is put in force."""

from compliance.admin.auditing import follow
from risk.models import Limit

follow(Limit)
