"""Which processes use the cluster, so that the last one to leave stops it.

A user is a file named by the process id that holds the process's start time: an id that the
system gave to a new process does not count.
"""

import os
from pathlib import Path

import psutil


def enter(folder: Path) -> None:
    """Register this process."""
    (folder / str(os.getpid())).write_text(_birth(os.getpid()) or "", encoding="utf-8")


def leave(folder: Path) -> None:
    """Remove this process."""
    (folder / str(os.getpid())).unlink(missing_ok=True)


def living(folder: Path) -> list[int]:
    """Return the ids of living users; forget the dead."""
    alive = []
    for entry in folder.iterdir():
        if not entry.name.isdigit():
            continue
        birth = _birth(int(entry.name))
        if birth is not None and birth == entry.read_text(encoding="utf-8"):
            alive.append(int(entry.name))
        else:
            entry.unlink(missing_ok=True)
    return alive


def _birth(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return ""
