"""Ids are derived, not drawn: the same cause always has the same id.

1. `derive` is a pure function of a namespace and the natural key of the thing named, so that a
   crash and a second try meet the first one's row instead of making a twin.
2. A namespace belongs to one database: random once at installation, or the seed of a replay.
3. Client order ids use 32 characters of `[A-Z2-7]`, which every venue of ours accepts.
"""

import base64
import hmac


def namespace_of_seed(seed: int) -> str:
    """The namespace of a seeded run."""
    return f"seed-{seed}"


def derive(namespace: str, kind: str, *key: object) -> str:
    """A 32-character id for the thing of `kind` whose natural key is `key`."""
    message = "\x1f".join((kind, *(str(part) for part in key))).encode()
    digest = hmac.digest(namespace.encode(), message, "sha256")
    return base64.b32encode(digest[:20]).decode("ascii")


def unit_interval(namespace: str, kind: str, *key: object) -> float:
    """A number in [0, 1) that depends on nothing but the key (seeded venue faults)."""
    message = "\x1f".join((kind, *(str(part) for part in key))).encode()
    digest = hmac.digest(namespace.encode(), message, "sha256")
    return int.from_bytes(digest[:6], "big") / (1 << 48)
