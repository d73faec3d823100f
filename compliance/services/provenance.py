"""Where and by which build an entry is written down. Outside every digest."""

import socket
import subprocess
from functools import lru_cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent


@lru_cache(maxsize=1)
def host() -> str:
    """The machine's name."""
    return socket.gethostname()


@lru_cache(maxsize=1)
def revision() -> str:
    """The commit that is running; `unknown` outside a repository."""
    try:
        found = subprocess.run(
            ["git", "-C", str(_ROOT), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()
