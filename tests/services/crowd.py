"""Workers of many accounts at many exchanges: `celery -A tests.services.crowd worker`.

A desk has one key for each venue that it knows by name. Here every account is at a venue of its
own, which is made known to the registry as another one that speaks Binance's words.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django

from aitrader import env
from aitrader.celery import app as app

#: In the home folder of the workers: venue code to where it is and who we are there.
FILE = "crowd.json"


def known(there: Mapping[str, Mapping[str, str]]) -> None:
    """Make these venues known to this process."""
    from django.conf import settings

    from trading.gateways import registry

    places: Any = settings.AITRADER_VENUES
    places.update(there)
    registry._ENTRIES.update(dict.fromkeys(there, "binance"))


def _read() -> None:
    path = Path(env.load().home) / FILE
    if path.exists():
        django.setup()
        known(json.loads(path.read_text(encoding="utf-8")))


_read()
