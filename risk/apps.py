"""The risk app."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """Registers ``risk`` with Django."""

    name = "risk"
    default_auto_field = "django.db.models.BigAutoField"
