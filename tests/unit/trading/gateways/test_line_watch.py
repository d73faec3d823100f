"""A line that is silent is told down, whatever else is so."""

import time
from collections.abc import Callable, Iterator

import pytest

from aitrader.kernel.clock import monotonic
from trading.gateways import line_watch
from trading.gateways.line_watch import LineWatch


class _Line:
    """A line that talks, or does not; `told` is what the watch made of it."""

    def __init__(self) -> None:
        self.talks = False
        self.faults: list[Exception] = []
        self.told: list[tuple[bool, str]] = []
        self.watch = LineWatch(self._heard_at, on_line=self._on_line)

    def _heard_at(self) -> float:
        return monotonic() if self.talks else float("-inf")

    def _on_line(self, up: bool, reason: str) -> None:
        if self.faults:
            raise self.faults.pop()
        self.told.append((up, reason))

    def until(self, told: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not told():
            assert time.monotonic() < deadline, self.told
            time.sleep(0.01)


DOWN = (False, "nothing was heard for 0.3 s")
UP = (True, "")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Line]:
    monkeypatch.setattr(line_watch, "DOWN_SECONDS", 0.3)
    monkeypatch.setattr(line_watch, "_LOOK_SECONDS", 0.01)
    made = _Line()
    yield made
    made.watch.stop()
    made.watch.join(20)
    assert not made.watch.is_alive()


def test_a_line_is_up_at_its_first_word_and_down_after_a_silence(line: _Line) -> None:
    line.talks = True
    line.watch.start()
    line.until(lambda: line.told == [UP])
    line.talks = False
    line.until(lambda: line.told == [UP, DOWN])
    line.talks = True
    line.until(lambda: line.told == [UP, DOWN, UP])


def test_a_line_that_never_said_a_word_is_down_after_a_silence_and_not_up_before(
    line: _Line,
) -> None:
    line.watch.start()
    line.until(lambda: line.told)
    assert line.told == [DOWN]


def test_what_is_so_is_told_again_in_case_somebody_said_otherwise(
    line: _Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_watch, "_AGAIN_SECONDS", 0.1)
    line.talks = True
    line.watch.start()
    line.until(lambda: line.told[:3] == [UP, UP, UP])


def test_what_a_listener_failed_to_hear_is_told_again(line: _Line) -> None:
    line.faults = [RuntimeError("a fault of ours")]
    line.watch.start()
    line.until(lambda: line.told == [DOWN])
    assert not line.faults
