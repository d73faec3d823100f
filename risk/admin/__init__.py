"""Limits, decisions and trading states in the admin."""

# Django imports this package to find them.
from risk.admin import limits, records, trading_states

__all__ = ["limits", "records", "trading_states"]
