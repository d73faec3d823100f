"""Credentials by reference: settings say where a secret is kept, never what it is.

1. A reference is `file:/path`: JSON with `api_key` and `api_secret`, readable by its owner only.
2. What was read is a `SecretStr`: no repr, traceback or log prints it.
"""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from aitrader.kernel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Credentials:
    api_key: SecretStr
    api_secret: SecretStr


def read(reference: str, *, venue: str) -> Credentials:
    """What the reference names. Raises BadInput with one line that names no secret."""
    if not reference.startswith("file:"):
        raise BadInput(f"no credentials for {venue}: AITRADER_{venue}_CREDENTIALS=file:/path")
    path = Path(reference.removeprefix("file:"))
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInput(f"{path}: others may read it (chmod 600)")
        given = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(SecretStr(given["api_key"]), SecretStr(given["api_secret"]))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError):
        raise BadInput(f"{path}: not JSON with api_key and api_secret") from None
