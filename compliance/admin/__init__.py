"""Operators, the journal and alerts in the admin."""
