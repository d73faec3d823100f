"""The headless command as a process of its own, which may be killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aitrader.env import REPOSITORY

_SECONDS = 110
_PAPER = ("manage.py", "paper")
_LIVE = ("-m", "tests.simulation.live_feed")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; `killed` by SIGKILL, `told` is what it wrote with --json."""

    returncode: int
    stdout: str
    stderr: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def killed(self) -> bool:
        return self.returncode == -signal.SIGKILL


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment (home, server and settings of the tests) with changes."""
    settings = {"DJANGO_SETTINGS_MODULE": "aitrader.settings.test"}
    return {**os.environ, **settings, **(changes or {})}


def run(
    *arguments: str,
    out: Path | None = None,
    live: bool = False,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run to the end, whatever end that is; `live` by the tasks of the live desk."""
    told = () if out is None else ("--json", str(out))
    done = subprocess.run(
        [sys.executable, *(_LIVE if live else _PAPER), *arguments, *told],
        cwd=REPOSITORY,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    found = json.loads(out.read_text()) if out is not None and out.exists() else {}
    return Ended(done.returncode, done.stdout, done.stderr, found)


def run_for(seconds: float, *arguments: str) -> Ended:
    """Run for a while, then kill -9, unless it has ended by itself."""
    with subprocess.Popen(
        [sys.executable, *_PAPER, *arguments],
        cwd=REPOSITORY,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        stdout, stderr = process.communicate(timeout=_SECONDS)
    return Ended(process.returncode, stdout, stderr)
