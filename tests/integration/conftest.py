"""A home with a cluster that is made and migrated, for processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from aitrader.env import REPOSITORY
from tests.integration.desks import SECONDS, environment

_INSTALL = """
import django
from aitrader import databases, env
env.choose_settings("aitrader.settings.base")
django.setup()
from aitrader.embedded import postgres
from aitrader.kernel.clock import WALL
from compliance.services import installation
postgres.start()
databases.migrate()
installation.install(namespace="seed-1", now=WALL.now())
"""


@pytest.fixture(scope="session")
def installed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cluster is made and migrated, and whose ids are those of a headless run."""
    folder = tmp_path_factory.mktemp("run") / "home"
    subprocess.run(
        [sys.executable, "-c", _INSTALL],
        cwd=REPOSITORY,
        env=environment(folder),
        check=True,
        timeout=SECONDS,
    )
    return folder
