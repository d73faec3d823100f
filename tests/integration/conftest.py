"""A home with a cluster that is made and migrated, for processes of their own."""

import subprocess
import sys
from pathlib import Path

import fasteners
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
def installed_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A home whose cluster is made and migrated, and whose ids are those of a headless run.

    It is made once for all workers, and nobody starts it: each works on a copy.
    """
    own = tmp_path_factory.getbasetemp()
    # Closed, it would be opened for the server, which is said.
    own.chmod(0o711)
    folder = (own if worker_id == "master" else own.parent) / "installed"
    with fasteners.InterProcessLock(folder.with_suffix(".lock")):
        if not folder.exists():
            making = folder.with_suffix(".made")
            subprocess.run(
                [sys.executable, "-c", _INSTALL],
                cwd=REPOSITORY,
                env=environment(making),
                check=True,
                timeout=SECONDS,
            )
            making.rename(folder)
    return folder
