"""What each gateway does and does not, in words: for the venue's page and for docs/venues.md.

1. What the code can do is read from its `Capabilities`; only what no code says stands here.
2. Nothing of a key is in it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from aitrader.kernel.fix import OrdType, TimeInForce
from trading.domain.ports import Capabilities, ClientIdClass

_BUDGETS: Mapping[str, str] = MappingProxyType(
    {
        "SIM": "none",
        "BINANCE": "6,000 weight a minute for an address; silence on 429 and 418",
        "COINBASE": "10,000 requests an hour for a key, 100 kept for orders; silence on 429",
        "BTCTURK": "10 orders a second and 300 a minute for an account; silence on 429",
    }
)
_STOP_LIMITS = {OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED}
_GENERIC = "the library's own pace for each thread; silence on 429"


def budget(venue: str) -> str:
    """How many requests the venue takes, and what its gateway keeps to."""
    return _BUDGETS.get(venue, _GENERIC)


def host(venue: str) -> str:
    """Where requests go, without path and key; empty for a venue of this process."""
    given = settings.AITRADER_VENUES.get(venue, {}).get("rest_url", "")
    return urlsplit(given).netloc.rpartition("@")[2]


def told(able: Capabilities) -> dict[str, object]:
    """The capabilities as text, numbers and lists, for a row."""
    return {
        "ord_types": _names(OrdType, able.ord_types),
        "times_in_force": _names(TimeInForce, able.times_in_force),
        "stop_times_in_force": _names(TimeInForce, able.stop_times_in_force),
        "client_id_class": able.client_id_class.value,
        "oco": sorted(_names(OrdType, group) for group in able.oco),
        "post_only": able.post_only,
        "streams": able.streams,
        "exact_reads": able.exact_reads,
        "enters_within_seconds": int(able.enters_within / timedelta(seconds=1)),
    }


def understood(kept: Mapping[str, Any]) -> Capabilities | None:
    """What `told` made, read back from its row. None where another version wrote it otherwise."""
    try:
        return Capabilities(
            ord_types=frozenset(map(OrdType, kept["ord_types"])),
            times_in_force=frozenset(map(TimeInForce, kept["times_in_force"])),
            stop_times_in_force=frozenset(map(TimeInForce, kept["stop_times_in_force"])),
            client_id_class=ClientIdClass(kept["client_id_class"]),
            oco=frozenset(frozenset(map(OrdType, group)) for group in kept["oco"]),
            post_only=kept["post_only"],
            streams=kept["streams"],
            exact_reads=kept["exact_reads"],
            enters_within=timedelta(seconds=kept["enters_within_seconds"]),
        )
    except (KeyError, ValueError):
        return None


def _names(every: type[StrEnum], chosen: Iterable[StrEnum]) -> list[str]:
    """In the order of the list of words."""
    wanted = set(chosen)
    return [each.value for each in every if each in wanted]


def table(gateways: Mapping[str, Capabilities]) -> str:
    """The Markdown table of docs/venues.md: a column for each venue."""
    rows: list[tuple[str, Callable[[Capabilities], str]]] = [
        *((f"`{each}`", _has_type(each)) for each in OrdType),
        *((f"`{each}`", _lasts(each)) for each in TimeInForce),
        *((f"`{each}` of stop-limits", _waits(each)) for each in TimeInForce),
        ("post-only", lambda able: _yes(able.post_only)),
        ("one cancels the other", _groups),
        ("replace", lambda _: "cancel and new"),
        ("client order id", lambda able: f"`{able.client_id_class}`"),
        ("stream tells everything", lambda able: _yes(able.streams)),
        ("not found is not there", lambda able: _yes(able.exact_reads)),
        ("may enter late, seconds", lambda able: f"{able.enters_within / timedelta(seconds=1):g}"),
    ]
    head = [
        "|".join(["", " ", *(f" {venue} " for venue in gateways), ""]),
        "|---" * (len(gateways) + 1) + "|",
    ]
    body = [
        f"| {name} | {' | '.join(say(able) for able in gateways.values())} |" for name, say in rows
    ]
    return "\n".join([*head, *body])


def _has_type(each: OrdType) -> Callable[[Capabilities], str]:
    return lambda able: _yes(each in able.ord_types)


def _lasts(each: TimeInForce) -> Callable[[Capabilities], str]:
    return lambda able: _yes(each in able.times_in_force)


def _waits(each: TimeInForce) -> Callable[[Capabilities], str]:
    return lambda able: _yes(
        bool(able.ord_types & _STOP_LIMITS) and each in able.stop_times_in_force
    )


def _groups(able: Capabilities) -> str:
    groups = sorted(" + ".join(_names(OrdType, group)) for group in able.oco)
    return "; ".join(f"`{group}`" for group in groups) or "no"


def _yes(able: bool) -> str:
    return "yes" if able else "no"
