"""Carries HTTP requests of a simulated process to a venue's protocol on the same stage, without a
socket and on the run's clock.

1. Time passes by what the plan does to a request, and by the least that any way takes.
2. Whoever asks gives up after a while. The request goes on without anybody who waits for it.
3. A request to place an order counts as sent, unless whoever sent it was told that it is refused
   and it never came to the engine.
4. Calls that begin while the venue wants silence are counted, as its answers tell of it.
"""

from collections.abc import Awaitable, Generator
from dataclasses import replace
from datetime import timedelta

from trading.domain.ports import NewOrder
from trading.sandbox.calls import Dropped
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.http import HttpAnswer, HttpRequest, Respond
from trading.sandbox.stage import Stage
from trading.sandbox.wire import LATEST_ARRIVAL, OnTheWay, Process, Wire

_LEAST = timedelta(milliseconds=1)
_REFUSED = range(400, 500)
_IMPATIENT = (418, 429)
_WRITES = frozenset({"POST", "DELETE"})
_DAWDLES = (Outcome.ACCEPT_NO_ANSWER, Outcome.TIMEOUT_CODE, Outcome.HTTP_502, Outcome.HTTP_504)


class NoAnswer(Exception):
    """Nothing came back: the connection broke, or whoever waited `gave_up`."""

    def __init__(self, *, gave_up: bool) -> None:
        super().__init__("no answer")
        self.gave_up = gave_up


def set_out(stage: Stage, *, patience: timedelta) -> None:
    """From now on requests wait on the run's clock. An order whose answer would have been lost late
    dawdles within the engine until whoever waits has no more `patience`."""

    def dawdling(kind: Request, fate: RequestFate) -> RequestFate:
        if kind is not Request.ORDER or fate.outcome not in _DAWDLES or not fate.answer_delay:
            return fate
        within = min(patience + fate.answer_delay, LATEST_ARRIVAL)
        return replace(fate, engine_delay=within, answer_delay=timedelta(0))

    stage.pause, stage.on_its_way = _Wait, dawdling


class _Way:
    """A request on its way, and the order that it places, if it does."""

    def __init__(
        self, stage: Stage, answer: Awaitable[HttpAnswer], placing: NewOrder | None
    ) -> None:
        self._stage = stage
        self._steps = answer.__await__()
        self.placing = placing
        self.came_to_the_engine = False

    def next(self) -> HttpAnswer | timedelta:
        """The answer, or how long the request waits until it goes on. Raises NoAnswer."""
        before = self._stage.entered
        try:
            waits: timedelta = next(self._steps)
        except StopIteration as done:
            answer: HttpAnswer = done.value
            return answer
        except Dropped:
            raise NoAnswer(gave_up=False) from None
        finally:
            self.came_to_the_engine |= self._stage.entered > before
        return waits


class _Wait:
    """Tells whoever drives the request how long it waits."""

    def __init__(self, length: timedelta) -> None:
        self._length = length

    def __await__(self) -> Generator[timedelta, None, None]:
        if self._length > timedelta(0):
            yield self._length


class Carriage:
    """Of one process. `order` is what the process is placing, if it is."""

    def __init__(self, wire: Wire, process: Process, respond: Respond) -> None:
        self._wire = wire
        self._process = process
        self._respond = respond
        self.order: NewOrder | None = None
        self._begun_at = wire.clock()

    def begin(self, method: str) -> None:
        """A request is signed, and has not left."""
        self._process.calls()
        self._begun_at = self._wire.clock()
        self._process.signed()
        if self.order is not None and method == "POST":
            # Nothing leaves any more when the lease is over.
            self._process.placed()

    def ask(self, request: HttpRequest, *, patience: timedelta) -> HttpAnswer:
        """Raises NoAnswer."""
        wire = self._wire
        wire.count_in_silence(self._begun_at)
        placing = self.order if request.method == "POST" else None
        if placing is not None:
            wire.sent.append(placing.cl_ord_id)
        way = _Way(wire.stage, self._respond(request), placing)
        answer = self._go(way, patience)
        refused = answer.status in _REFUSED
        if placing is not None and refused and not way.came_to_the_engine:
            wire.sent.remove(placing.cl_ord_id)
        if request.method in _WRITES:
            self._process.answered()
        if answer.status in _IMPATIENT and (told := answer.headers.get("Retry-After")):
            wire.ask_for_silence(timedelta(seconds=int(told)))
        return answer

    def _go(self, way: _Way, left: timedelta) -> HttpAnswer:
        length = _LEAST
        while length <= left:
            self._pass(length)
            left -= length
            told = way.next()
            if isinstance(told, HttpAnswer):
                return told
            length = told
        self._leave(way, length)
        self._pass(left)
        raise NoAnswer(gave_up=True)

    def _pass(self, length: timedelta) -> None:
        self._wire.pass_time(length)
        self._wire.deliver()

    def _leave(self, way: _Way, after: timedelta) -> None:
        """It goes on when that time has passed."""

        def arrive() -> None:
            try:
                told = way.next()
            except NoAnswer:
                return
            if isinstance(told, timedelta):
                self._leave(way, told)

        order = None if way.placing is None else self._wire.order(way.placing)
        self._wire.on_the_way.append(OnTheWay(self._wire.stage.now() + after, arrive, order))
