"""Configuration and records of trading in the admin."""

# Django imports this package to find them.
from trading.admin import configuration, orders, records

__all__ = ["configuration", "orders", "records"]
