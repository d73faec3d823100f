"""The one row that names this database, and the rows that must exist before anything is written.

1. A namespace is drawn once, or is the seed of a replay; it never changes afterwards.
"""

import secrets
from datetime import datetime

from django.db import connection, transaction

from aitrader.kernel.errors import BadInput
from compliance.models import AlertCursor, Installation, JournalHead

_known: dict[tuple[str, str, str], str] = {}


def install(*, namespace: str | None, now: datetime) -> str:
    """Name this database, at random unless told, and return the name; a second call is harmless.

    Raises BadInput if it already has another name than the one asked for.
    """
    # A database may have been made anew under an old name.
    _known.pop(_database(), None)
    with transaction.atomic():
        row, _ = Installation.objects.get_or_create(
            id=1,
            defaults={"namespace": namespace or secrets.token_hex(16), "created_at": now},
        )
        JournalHead.objects.get_or_create(id=1)
        AlertCursor.objects.get_or_create(id=1)
    if namespace is not None and row.namespace != namespace:
        raise BadInput(f"this database was installed as {row.namespace}, not as {namespace}")
    return row.namespace


def is_installed() -> bool:
    """Whether the database in use has a name."""
    return Installation.objects.exists()


def namespace() -> str:
    """The namespace of ids in the database in use. Raises BadInput before `install`."""
    # A process may be pointed at another database: a replay makes one of its own.
    key = _database()
    found = _known.get(key)
    if found is None:
        found = Installation.objects.values_list("namespace", flat=True).first()
        if found is None:
            raise BadInput("this database is not installed yet: run manage.py migrate, then start")
        _known[key] = found
    return found


def _database() -> tuple[str, str, str]:
    settings = connection.settings_dict
    return str(settings["HOST"]), str(settings["PORT"]), str(settings["NAME"])
