"""Whether our clock is near enough to a venue's for a signature to be believed.

1. The venue's clock is sampled now and then; while ours is too far off, nothing is signed.
2. Whatever became of the question about the time, the call that waited for it was not made.
3. A step of our clock is seen at once, beside the one that no step moves; a step of the venue's
   when it refuses a stamp (`forget`). Then its clock is asked before anything else is signed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aitrader.kernel.clock import Clock, monotonic
from aitrader.kernel.errors import GatewayError, NotSent

MOST_OFFSET_SECONDS = 1.0
_SAMPLE_SECONDS = 60.0
#: What our two clocks may run apart within a minute; the usual correction of a clock is less.
_STEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the venue's clock was ahead of ours at an instant of ours, and whether that is too
    far for anything to be signed."""

    offset_seconds: float
    at: datetime
    blocks: bool


class ClockCheck:
    """`ask` asks the venue for its time; `offset_seconds` is how far it is ahead of ours."""

    def __init__(
        self,
        ask: Callable[[], datetime],
        *,
        wall: Clock,
        most_offset_seconds: float = MOST_OFFSET_SECONDS,
    ) -> None:
        self._ask = ask
        self._wall = wall
        self._most = most_offset_seconds
        self._sampled_at = -_SAMPLE_SECONDS
        self._wall_at = wall.now()
        self.offset_seconds = 0.0
        #: Told of every sample.
        self.on_sample: Callable[[Reading], None] = _nobody

    def check(self) -> None:
        """Raises NotSent while the clocks are too far apart, or the venue's cannot be read."""
        passed = monotonic() - self._sampled_at
        by_the_wall = (self._wall.now() - self._wall_at).total_seconds()
        if passed >= _SAMPLE_SECONDS or abs(by_the_wall - passed) > _STEP_SECONDS:
            self._sample()
        if abs(self.offset_seconds) > self._most:
            self.forget()
            raise NotSent(f"our clock is {self.offset_seconds:.3f} s off the venue's")

    def forget(self) -> None:
        """The venue said that the time is wrong: it is asked again before the next call."""
        self._sampled_at = -_SAMPLE_SECONDS

    def _sample(self) -> None:
        before = self._wall.now()
        try:
            theirs = self._ask()
        except (GatewayError, LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise NotSent(f"the venue's clock could not be read: {error}") from error
        middle = before + (self._wall.now() - before) / 2
        self.offset_seconds = (theirs - middle).total_seconds()
        self._sampled_at, self._wall_at = monotonic(), self._wall.now()
        blocks = abs(self.offset_seconds) > self._most
        self.on_sample(Reading(self.offset_seconds, self._wall_at, blocks))


def _nobody(reading: Reading) -> None:
    pass
