"""Operators, the journal and alerts in the admin."""

# Django imports this package to find them; what other apps registered before us is replaced.
from compliance.admin import operators, records, third_party

__all__ = ["operators", "records", "third_party"]
