"""The desk's tasks without a broker: a call runs the task at once, in this thread.

With `lose` set every call is lost, and the next sweep is all there is.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from aitrader import databases
from aitrader.celery import app


class Calls:
    """Runs what is sent, or the sweep in its place; keeps the names."""

    def __init__(self) -> None:
        self.lose = False
        self.names: list[str] = []

    def send_task(self, name: str, kwargs: dict[str, Any] | None = None, **_: object) -> None:
        self.names.append(name)
        if self.lose:
            app.tasks["trading.sweep"]()
        else:
            app.tasks[name](**(kwargs or {}))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    app.loader.import_default_modules()
    made = Calls()
    monkeypatch.setattr(app, "send_task", made.send_task)
    app.set_current()
    return made


@pytest.fixture
def second_database(fresh_database: str, template_database: str) -> Iterator[str]:
    """Another one, for a second run of the same market."""
    name = f"{fresh_database}_b"
    databases.create(name, template=template_database)
    yield name
    databases.drop(name)
