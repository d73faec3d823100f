"""The composition itself as an app, and the admin site it puts in Django's place."""

import gc

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig

from aitrader.kernel import crash, money

# What is imported lives as long as the process: looking through it again and again for garbage
# took a fifth of a start. The last of the apps to get ready ends this.
gc.disable()


class AitraderConfig(AppConfig):
    """Holds the commands `run`, `paper` and `migrate`, and the system checks."""

    name = "aitrader"

    def ready(self) -> None:
        from aitrader import checks  # noqa: F401  # registers on import

        # Before any worker thread: Python's 28 digits would round stored amounts of 38.
        money.use_everywhere()
        if settings.AITRADER_CRASHPOINT:
            crash.arm(settings.AITRADER_CRASHPOINT)
        gc.freeze()
        gc.enable()


class AdminSiteConfig(AdminConfig):
    """Django's admin with our site, which asks for a second factor."""

    default_site = "dashboard.backoffice.BackOffice"
