"""System checks: what must hold before the desk starts, whatever the settings say."""

from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib import admin
from django.core.checks import CheckMessage, Error, Tags, register

from aitrader.databases import forgetful


@register()
def no_eager_tasks(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Eager tasks run inside the caller's transaction: no road of ours works that way."""
    if getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False):
        return [Error("CELERY_TASK_ALWAYS_EAGER is forbidden", id="aitrader.E001")]
    return []


@register(Tags.admin)
def admin_asks_second_factor(
    app_configs: Sequence[AppConfig] | None, **_: object
) -> list[CheckMessage]:
    """The theme's default app replaces the admin site, and with it the second factor."""
    site = admin.site
    # The lazy default site shows the class that it became.
    if not any(base.__name__ == "BackOffice" for base in site.__class__.__mro__):
        return [
            Error(
                f"the admin site is {site.__class__.__qualname__}, not the back office",
                hint="INSTALLED_APPS must name unfold.apps.BasicAppConfig, not unfold",
                id="aitrader.E002",
            )
        ]
    return []


@register(Tags.database)
def commits_last(databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    """An order is committed before it is sent; on a server that may forget that, nothing is."""
    wanted = databases or () if settings.AITRADER_DURABLE else ()
    return [
        Error(f"{alias}: {name} is off, a commit may be lost", id="aitrader.E004")
        for alias in wanted
        for name in forgetful(alias)
    ]


@register(Tags.models)
def app_floors(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:
    """Foreign keys point downward only."""
    floors = ["compliance", "risk", "trading", "mlops", "dashboard"]
    errors: list[CheckMessage] = []
    for height, label in enumerate(floors):
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.get_fields():
                target = getattr(field, "related_model", None)
                if not getattr(field, "concrete", False) or target is None:
                    continue
                below = target._meta.app_label
                if below in floors and floors.index(below) > height:
                    errors.append(
                        Error(
                            f"{model._meta.label}.{field.name} points up to {below}",
                            obj=model,
                            id="aitrader.E003",
                        )
                    )
    return errors
