"""Which fault meets which request, event or second: a pure function of a seed and a plan in text.

A plan is `knob=value` pairs with commas: `accept_no_answer=0.05,drop_event=0.3,latency_ms=50`.

1. The same seed, plan and number give the same fate, in any order of asking.
2. An empty plan is a venue without faults.

Venue document: venues.md 2.3 (X1 to X30).
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel import ids
from trading.sandbox import fault_knobs
from trading.sandbox.fates import Act as Act
from trading.sandbox.fates import ConnectionFate as ConnectionFate
from trading.sandbox.fates import EventFate as EventFate
from trading.sandbox.fates import Garbage as Garbage
from trading.sandbox.fates import Outcome as Outcome
from trading.sandbox.fates import Request as Request
from trading.sandbox.fates import RequestFate as RequestFate

#: Share knobs by the outcome they cause, and whom they meet; the first that is drawn happens.
_ANY = frozenset(Request)
_PRIVATE = _ANY - {Request.PUBLIC}
_PLACING = frozenset({Request.ORDER, Request.REPLACE})
_CANCELLING = frozenset({Request.CANCEL, Request.REPLACE})
_OUTCOMES = (
    ("ban", Outcome.BAN, _ANY),
    ("rate_limit", Outcome.RATE_LIMIT, _ANY),
    ("lose_request", Outcome.LOSE, _ANY),
    ("refuse_filter", Outcome.REFUSE_FILTER, _PLACING),
    ("refuse_balance", Outcome.REFUSE_BALANCE, _PLACING),
    ("accept_no_answer", Outcome.ACCEPT_NO_ANSWER, _ANY),
    ("timeout_code", Outcome.TIMEOUT_CODE, _PRIVATE),
    ("http_502", Outcome.HTTP_502, _ANY),
    ("http_504", Outcome.HTTP_504, _ANY),
    ("garbage", Outcome.GARBAGE, _ANY),
)
_PERIODIC = (
    ("filters_every_s", Act.FILTERS),
    ("self_trade_every_s", Act.SELF_TRADE),
    ("deposit_every_s", Act.DEPOSIT),
    ("withdraw_every_s", Act.WITHDRAW),
    ("lock_every_s", Act.LOCK),
    ("bust_every_s", Act.BUST),
)
#: What a human may do who trades on the account.
_BY_HAND = (Act.EXTERNAL_BUY, Act.EXTERNAL_SALE, Act.EXTERNAL_LIMIT)
_STATUSES = (
    ("halt_every_s", Act.HALT),
    ("cancel_only_every_s", Act.CANCEL_ONLY),
    ("unknown_status_every_s", Act.UNKNOWN_STATUS),
)
START = timedelta(0)


class FaultPlan:
    """The fates of one run; `elapsed` is always the time since its start."""

    def __init__(self, text: str, seed: int) -> None:
        """Raises BadInput, one line, for an unknown knob or a value outside its bounds."""
        self._key = ids.namespace_of_seed(seed)
        self._values = fault_knobs.read(text)

    @property
    def text(self) -> str:
        """The plan with its knobs in alphabetical order, as it can be given again."""
        return fault_knobs.write(self._values)

    @property
    def knobs(self) -> Mapping[str, Decimal]:
        """Every knob with its value, its default where the plan does not name it."""
        return self._values

    def request(self, number: int, kind: Request, elapsed: timedelta) -> RequestFate:
        """The fate of the `number`-th request. A BAN begins one of `retry_after`: whoever keeps the
        limits refuses everything until it is over."""
        if self._over(elapsed):
            return RequestFate()
        outcome = self._outcome(number, kind, elapsed)
        drawn = Garbage.HTML
        if outcome is Outcome.GARBAGE:
            drawn = list(Garbage)[int(self._unit("garbage kind", number) * len(Garbage))]
        retry = {Outcome.RATE_LIMIT: "retry_after_s", Outcome.BAN: "ban_s"}.get(outcome)
        late = self._hits("late_answer", number)
        reads = kind is Request.READ
        return RequestFate(
            outcome=outcome,
            delay=self._ms("latency_ms") + self._up_to("latency_jitter_ms", number),
            answer_delay=(self._ms("late_answer_ms") if late else START)
            + self._up_to("answer_jitter_ms", number),
            retry_after=self._s(retry) if retry else START,
            stale=self._s("stale_read_s") if reads and self._hits("stale_read", number) else START,
            garbage=drawn if outcome is Outcome.GARBAGE else None,
            hide_order=reads and self._hits("hide_order", number),
            fill_first=kind in _CANCELLING and self._hits("fill_first", number),
            half_replace=kind is Request.REPLACE and self._hits("half_replace", number),
            odd_numbers=self._hits("odd_numbers", number),
        )

    def event(self, stream: str, number: int, elapsed: timedelta = START) -> EventFate:
        """The fate of the `number`-th private event of a stream."""
        if self._over(elapsed):
            return EventFate()
        copies = 1 + self._hits("dup_event", stream, number)
        overtaken = 0
        if self._hits("reorder_event", stream, number):
            overtaken = 1 + int(self._unit("overtaken", stream, number) * 3)
        return EventFate(
            copies=0 if self._hits("drop_event", stream, number) else copies,
            delay=self._ms("late_event_ms") if self._hits("late_event", stream, number) else START,
            overtaken_by=overtaken,
            without_fee=self._hits("fee_late", stream, number),
        )

    def depth(self, stream: str, number: int, elapsed: timedelta = START) -> EventFate:
        """The fate of the `number`-th depth event of a stream."""
        if self._over(elapsed):
            return EventFate()
        return EventFate(
            copies=0 if self._hits("drop_depth", stream, number) else 1,
            crossed=self._hits("crossed_depth", stream, number),
        )

    def connection(self, number: int, elapsed: timedelta = START) -> ConnectionFate:
        """The fate of the `number`-th stream connection."""
        if self._over(elapsed):
            return ConnectionFate()
        return ConnectionFate(
            cut_after=self._life("stream_cut_s", number),
            silent_after=self._life("stream_silent_s", number),
            notice=self._hits("shutdown_notice", number),
            replay=int(self._values["replay_events"]),
        )

    def clock_skew(self, elapsed: timedelta) -> timedelta:
        """How far the venue's clock is ahead of ours at that time."""
        if self._over(elapsed):
            return START
        stepped = elapsed >= self._s("clock_step_at_s")
        return self._ms("clock_skew_ms") + (self._ms("clock_step_ms") if stepped else START)

    def acts(self, second: int) -> tuple[Act, ...]:
        """What the venue or a human does in this second of the run; what it changed for a while is
        put back although the faults have stopped."""
        acts: list[Act] = []
        lasts = max(int(self._values["halt_s"]), 1)
        # A status ends with the last one that was set, so that they may overlap.
        if self._status(second - lasts) and not any(
            map(self._status, range(second - lasts + 1, second + 1))
        ):
            acts.append(Act.RESUME)
        status = self._status(second)
        if status:
            acts.append(status)
        if self._over(timedelta(seconds=second)):
            return tuple(acts)
        if second and second == self._values["delist_at_s"]:
            acts.append(Act.DELIST)
        acts += [act for knob, act in _PERIODIC if self._happens(knob, second)]
        if self._happens("external_every_s", second):
            acts.append(_BY_HAND[int(self._unit("by hand", second) * len(_BY_HAND))])
        return tuple(acts)

    def _outcome(self, number: int, kind: Request, elapsed: timedelta) -> Outcome:
        if self._within("maintenance", elapsed):
            return Outcome.MAINTENANCE
        if kind is not Request.PUBLIC and self._within("key_revoked", elapsed):
            return Outcome.KEY_REVOKED
        for knob, outcome, kinds in _OUTCOMES:
            if kind in kinds and self._hits(knob, number):
                return outcome
        return Outcome.PASS

    def _within(self, window: str, elapsed: timedelta) -> bool:
        start = self._s(f"{window}_at_s")
        return bool(start) and start <= elapsed < start + self._s(f"{window}_s")

    def _over(self, elapsed: timedelta) -> bool:
        until = self._s("until_s")
        return bool(until) and elapsed >= until

    def _status(self, second: int) -> Act | None:
        """The status that is set in this second."""
        if second < 0 or self._over(timedelta(seconds=second)):
            return None
        return next((act for knob, act in _STATUSES if self._happens(knob, second)), None)

    def _happens(self, knob: str, second: int) -> bool:
        mean = self._values[knob]
        return bool(mean) and self._unit(knob, second) * float(mean) < 1

    def _life(self, knob: str, number: int) -> timedelta | None:
        """From half the mean to one and a half of it."""
        mean = self._s(knob)
        return mean * (0.5 + self._unit(knob, number)) if mean else None

    def _hits(self, knob: str, *key: object) -> bool:
        share = self._values[knob]
        return bool(share) and self._unit(knob, *key) < share

    def _up_to(self, knob: str, *key: object) -> timedelta:
        most = self._ms(knob)
        return most * self._unit(knob, *key) if most else START

    def _ms(self, knob: str) -> timedelta:
        return timedelta(milliseconds=float(self._values[knob]))

    def _s(self, knob: str) -> timedelta:
        return timedelta(seconds=float(self._values[knob]))

    def _unit(self, *key: object) -> float:
        return ids.unit_interval(self._key, "fault", *key)
