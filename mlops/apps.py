"""The mlops app."""

from django.apps import AppConfig


class MlopsConfig(AppConfig):
    """Registers ``mlops`` with Django."""

    name = "mlops"
    default_auto_field = "django.db.models.BigAutoField"
