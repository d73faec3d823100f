"""The Celery application."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from aitrader import env

env.choose_settings("aitrader.settings.base")

app = Celery("aitrader")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected is the point: otherwise Celery installs handlers of its own."""
