"""The Celery application."""

import pkgutil
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import Celery
from celery.signals import import_modules, setup_logging, task_prerun, worker_init
from django.apps import apps
from django.db import close_old_connections

from aitrader import env

env.choose_settings("aitrader.settings.base")

app = Celery("aitrader")
app.config_from_object("django.conf:settings", namespace="CELERY")
# For every thread: else a thread's first call makes an app that speaks to AMQP on localhost.
app.set_default()


@import_modules.connect
def find_tasks(**_: Any) -> None:
    """Import `<app>/tasks/*.py`: Celery's own discovery stops at the package."""
    for config in apps.get_app_configs():
        name = f"{config.name}.tasks"
        if find_spec(name) is None:
            continue
        for module in pkgutil.iter_modules(getattr(import_module(name), "__path__", [])):
            import_module(f"{name}.{module.name}")


@task_prerun.connect
def keep_what_is_alive(**_: Any) -> None:
    """A thread keeps its session with the database until it is old or was lost."""
    close_old_connections()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected is the point: otherwise Celery installs handlers of its own."""


@worker_init.connect
def refuse_a_server_that_forgets(**_: Any) -> None:
    """Raises ImproperlyConfigured: workers send orders."""
    # Settings are chosen by now.
    from aitrader import databases

    databases.require_durable()
