"""The knobs of a fault plan: what each does, its bounds, and the faults of the catalogue it stages.

X6 and X18 need no knob: that a client id is free again after the fill is the venue's own rule, and
a restart is the desk's.

Venue document: venues.md 2.3 (X1 to X30).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from aitrader.kernel import ids
from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import ONE, ZERO, plain

#: Every fault of the catalogue is in a quarter of the swarm's plans.
_SWARM_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Knob:
    """`least` to `most` is what a plan may say, in the unit of the knob's name (a share without
    one); up to `swarm` is what a drawn plan says, None where drawn plans leave it out."""

    faults: str
    says: str
    most: Decimal = ONE
    least: Decimal = ZERO
    default: Decimal = ZERO
    swarm: Decimal | None = None


def _share(faults: str, says: str, swarm: str | None = None) -> Knob:
    return Knob(faults, says, swarm=Decimal(swarm) if swarm else None)


def _amount(faults: str, says: str, most: int, swarm: int | None = None, default: int = 0) -> Knob:
    drawn = None if swarm is None else Decimal(swarm)
    return Knob(faults, says, Decimal(most), default=Decimal(default), swarm=drawn)


def _signed(faults: str, says: str, most: int, swarm: int | None = None) -> Knob:
    drawn = None if swarm is None else Decimal(swarm)
    return Knob(faults, says, Decimal(most), Decimal(-most), swarm=drawn)


_DAY = 86_400
KNOBS: Mapping[str, Knob] = {
    "until_s": _amount("all", "no fault from this second of the run on (0: they never stop)", _DAY),
    "lose_request": _share("X1", "lost before it reaches the engine", "0.1"),
    "accept_no_answer": _share("X2", "acted on, no answer", "0.1"),
    "timeout_code": _share("X2 X3", "acted on, the venue's own timeout code", "0.1"),
    "http_502": _share("X2", "acted on, 502", "0.1"),
    "http_504": _share("X2", "acted on, 504", "0.1"),
    "late_answer": _share("X3 X11", "answer waits late_answer_ms, events go first", "0.5"),
    "late_answer_ms": _amount("X3 X11", "how long", 60_000, 4_000, default=1_000),
    "stale_read": _share("X4", "a read shows the state of stale_read_s ago", "0.8"),
    "stale_read_s": _amount("X4", "how old", 600, 30, default=20),
    "hide_order": _share("X5", "a query by id knows no such order", "0.3"),
    "latency_ms": _amount("X7", "before the engine, always", 60_000, 300),
    "latency_jitter_ms": _amount("X7 X28", "before the engine, up to this more", 60_000, 3_000),
    "answer_jitter_ms": _amount("X28", "before the answer, up to this", 60_000, 3_000),
    "clock_skew_ms": _signed("X7", "the venue's clock is ahead by this", 60_000, 3_000),
    "clock_step_ms": _signed("X7", "ahead by this more from clock_step_at_s on", 60_000, 3_000),
    "clock_step_at_s": _amount("X7", "when", _DAY, 60),
    "rate_limit": _share("X8", "429 with Retry-After retry_after_s", "0.05"),
    "retry_after_s": _amount("X8", "how long", _DAY, 10, default=5),
    "ban": _share("X8", "418 with Retry-After ban_s: a ban begins", "0.01"),
    "ban_s": _amount("X8", "how long", 3 * _DAY, 30, default=120),
    "refuse_filter": _share("X9", "a good order is refused by a filter", "0.05"),
    "filters_every_s": _amount("X9", "tick and lot change", _DAY),
    "refuse_balance": _share("X10", "a good order is refused for its balance", "0.05"),
    "drop_event": _share("X13 X14", "a private event is lost", "0.3"),
    "dup_event": _share("X12", "a private event comes twice", "0.3"),
    "late_event": _share("X14", "a private event waits late_event_ms", "0.3"),
    "late_event_ms": _amount("X14", "how long", 600_000, 10_000, default=5_000),
    "reorder_event": _share("X11", "a private event is overtaken by 1 to 3 later ones", "0.3"),
    "replay_events": _amount("X12", "events of the past at the start of a stream", 1_000, 20),
    "fill_first": _share("X15", "the order fills just before its cancel", "0.3"),
    "half_replace": _share("X16", "the new order of a cancel-replace fails", "0.3"),
    "stream_cut_s": _amount("X17", "mean life of a stream connection", _DAY, 60),
    "stream_silent_s": _amount("X17 X19", "mean time until a stream falls silent", _DAY, 60),
    "shutdown_notice": _share("X17", "a cut comes with a notice", "1"),
    "drop_depth": _share("X19", "a depth event is lost", "0.1"),
    "crossed_depth": _share("X19", "a depth event crosses the book", "0.05"),
    "halt_every_s": _amount("X20", "the instrument halts for halt_s", _DAY, 120),
    "halt_s": _amount("X20", "how long", _DAY, 20, default=10),
    "cancel_only_every_s": _amount("X20", "cancel only for halt_s", _DAY, 120),
    "unknown_status_every_s": _amount("X20", "a status nobody knows for halt_s", _DAY, 120),
    "delist_at_s": _amount("X20", "delisted: every order is ended", _DAY),
    "maintenance_at_s": _amount("X21", "503 from then on, for maintenance_s", _DAY, 120),
    "maintenance_s": _amount("X21", "how long", _DAY, 60),
    "fee_third": _share("X22", "1: fees are in a third asset while there is enough of it", "1"),
    "fee_zero": _share("X22", "1: no fees"),
    "fee_late": _share("X22", "a private event tells its fill without the fee", "0.3"),
    "self_trade_every_s": _amount("X23", "the account meets an order of its own", _DAY, 120),
    "deposit_every_s": _amount("X24", "a deposit", _DAY, 120),
    "withdraw_every_s": _amount("X24", "a withdrawal", _DAY, 120),
    "lock_every_s": _amount("X24", "a lock from outside", _DAY, 120),
    "external_every_s": _amount("X24", "a human trades on the account", _DAY, 120),
    "bust_every_s": _amount("X25", "a trade is voided", _DAY, 300),
    "odd_numbers": _share("X26", "decimals written in unusual ways", "0.5"),
    "key_revoked_at_s": _amount("X27", "the key is refused, for key_revoked_s", _DAY),
    "key_revoked_s": _amount("X27", "how long", _DAY, default=60),
    "page_limit": _amount("X29", "most rows of a page (0: the venue's own)", 1_000, 5),
    "same_ms": _share("X29", "1: all trades of a second bear one time", "1"),
    "garbage": _share("X30", "acted on, an unreadable answer", "0.1"),
}


def read(text: str) -> dict[str, Decimal]:
    """The values of a plan's text, defaults included. Raises BadInput with one line."""
    values = {name: knob.default for name, knob in KNOBS.items()}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if name not in KNOBS:
            near = difflib.get_close_matches(name, KNOBS, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise BadInput(f"fault plan: no knob {name!r}{hint}")
        values[name] = _value(name, value if equals else "1")
    return values


def write(values: Mapping[str, Decimal]) -> str:
    """The shortest text of these values, knobs in alphabetical order."""
    named = (name for name in sorted(values) if values[name] != KNOBS[name].default)
    return ",".join(f"{name}={plain(values[name])}" for name in named)


def swarm(seed: int, *, until_s: int = 0) -> str:
    """A plan drawn from the seed: each knob in a quarter of the plans, its strength drawn apart."""
    key = ids.namespace_of_seed(seed)
    values = {name: knob.default for name, knob in KNOBS.items()} | {"until_s": Decimal(until_s)}
    for name, knob in KNOBS.items():
        if knob.swarm is None or ids.unit_interval(key, "swarm", name) >= _SWARM_SHARE:
            continue
        strength = Decimal(str(round(ids.unit_interval(key, "strength", name), 3)))
        # A mean time gets harsher as it gets shorter: not below a quarter.
        mean = name.endswith(("_every_s", "_cut_s", "_silent_s"))
        value = knob.swarm * ((strength + Decimal("0.25")) if mean else strength)
        if knob.least < 0 and ids.unit_interval(key, "sign", name) < 0.5:
            value = -value
        whole = name.endswith(("_s", "_ms", "page_limit", "_events"))
        values[name] = value.to_integral_value() if whole else value
    return write(values)


def _value(name: str, text: str) -> Decimal:
    knob = KNOBS[name]
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadInput(f"fault plan: {name}={text} is not a number") from None
    if not value.is_finite() or not knob.least <= value <= knob.most:
        bounds = f"{plain(knob.least)} to {plain(knob.most)}"
        raise BadInput(f"fault plan: {name}={text} is not within {bounds}")
    return value
