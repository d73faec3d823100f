"""The dashboard app."""

import pkgutil
from importlib import import_module

from django.apps import AppConfig

#: Packages whose modules register on the admin site.
ADMINS = ("compliance.admin", "risk.admin", "trading.admin")


class DashboardConfig(AppConfig):
    """Registers ``dashboard`` with Django."""

    name = "dashboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the admins: Django looks into packages no deeper than their first file.

        By now other packages have registered theirs, which compliance replaces.
        """
        for name in ADMINS:
            package = import_module(name)
            for each in pkgutil.iter_modules(package.__path__):
                import_module(f"{name}.{each.name}")
