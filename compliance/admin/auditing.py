"""What auditlog follows of compliance's rows: who holds which account and which roles.

1. Configuration only: records are in the journal, and are never changed.
2. A password leaves no trace here, not even as a hash.
"""

from auditlog.registry import auditlog

from compliance.models import Operator, Person

auditlog.register(
    Operator,
    include_fields=["username", "person", "is_active", "is_staff", "is_superuser"],
    m2m_fields={"groups"},
)
auditlog.register(Person)
