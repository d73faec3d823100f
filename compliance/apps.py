"""The compliance app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Registers ``compliance`` with Django."""

    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"
