"""The trading app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Registers ``trading`` with Django."""

    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"
