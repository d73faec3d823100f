"""Workers of many accounts at many exchanges: `celery -A tests.services.crowd worker`; and who
listens to the user streams of them all: `python -m tests.services.crowd`.

A desk has one key for each venue that it knows by name. Here every account is at a venue of its
own, which is made known to the registry as another one that speaks the words of one that it knows.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import django

from aitrader import env
from aitrader.celery import app as app

#: In the home folder of the workers: venue code to whose words are spoken there (`speaks`), where
#: it is and who we are there.
FILE = "crowd.json"


def known(there: Mapping[str, Mapping[str, str]]) -> None:
    """Make these venues known to this process."""
    from django.conf import settings

    from trading.gateways import registry

    places: Any = settings.AITRADER_VENUES
    places.update(there)
    registry._ENTRIES.update({code: given["speaks"] for code, given in there.items()})


def listen() -> None:
    """Keep the user stream of every account open, as the process of its feed does."""
    from aitrader.kernel.topics import Task
    from trading.gateways import registry
    from trading.gateways.streams import UserStream
    from trading.models import Feed
    from trading.tasks.waking import wake

    for feed in Feed.objects.select_related("account__venue").order_by("pk"):
        line = registry.connect(feed.account.venue.code, namespace="").line
        assert line is not None
        UserStream(
            line,
            on_news=partial(wake, Task.FOLLOW, feed.account_id),
            on_line=partial(_on_line, feed),
        ).start()
    Event().wait()


def _on_line(feed: Any, up: bool, reason: str) -> None:
    from django.db import connections

    from aitrader.kernel.clock import WALL
    from aitrader.kernel.topics import Task
    from trading.services import feeds
    from trading.tasks.waking import wake

    try:
        feeds.note_line(feed=feed, up=up, reason=reason, now=WALL.now())
    finally:
        connections.close_all()
    if up:
        wake(Task.RECONCILE, feed.account_id)


def _read() -> None:
    path = Path(env.load().home) / FILE
    if path.exists():
        django.setup()
        known(json.loads(path.read_text(encoding="utf-8")))


_read()

if __name__ == "__main__":
    listen()
