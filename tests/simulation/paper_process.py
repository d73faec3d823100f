"""The headless command as a process of its own, which may be killed and started again."""

import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aitrader.env import REPOSITORY

_SECONDS = 110
_PAPER = ("manage.py", "paper")
_FORKS = ("-m", "tests.simulation.forks")


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
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run to the end, whatever end that is."""
    told = () if out is None else ("--json", str(out))
    done = subprocess.run(
        [sys.executable, *_PAPER, *arguments, *told],
        cwd=REPOSITORY,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    found = json.loads(out.read_text()) if out is not None and out.exists() else {}
    return Ended(done.returncode, done.stdout, done.stderr, found)


def fork(*arguments: str, out: Path | None = None, live: bool = False, dies_at: str = "") -> Ended:
    """The same without a start of Python (see `forks`); `live` by the tasks of the live desk.

    The process dies at the crash point `dies_at`, if one is given.
    """
    told = () if out is None else ("--json", str(out))
    asked = {"arguments": [*arguments, *told], "live": live, "dies_at": dies_at}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code = _forks().run({**asked, "folder": name, "seconds": _SECONDS})
        out_text, error_text = (
            (folder / each).read_text(encoding="utf-8") for each in ("stdout", "stderr")
        )
    found = json.loads(out.read_text()) if out is not None and out.exists() else {}
    return Ended(code, out_text, error_text, found)


class _Forks:
    """The process from which others are forked, one after the other."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._process = subprocess.Popen(
            [sys.executable, *_FORKS],
            cwd=REPOSITORY,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._end)

    def run(self, asked: Mapping[str, Any]) -> int:
        """How the process ended: its exit code, or less than nothing by a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        number = next(self._numbers)
        self._process.stdin.write(json.dumps({**asked, "number": number}) + "\n")
        self._process.stdin.flush()
        # A test that ran out of time has left an answer.
        for line in self._process.stdout:
            answered, code = map(int, line.split())
            if answered == number:
                return code
        raise AssertionError("whoever forks has ended")

    def _end(self) -> None:
        with self._process:
            self._process.terminate()


_forks = cache(_Forks)


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
