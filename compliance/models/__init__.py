"""Rows of the compliance app."""

from compliance.models.alert import Alert, AlertCursor, AlertSeverity
from compliance.models.installation import Installation
from compliance.models.journal import JournalEntry, JournalHead, JournalLeaf
from compliance.models.operator import Operator, Person

__all__ = [
    "Alert",
    "AlertCursor",
    "AlertSeverity",
    "Installation",
    "JournalEntry",
    "JournalHead",
    "JournalLeaf",
    "Operator",
    "Person",
]
