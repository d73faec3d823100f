"""Clocks for tests that need time to pass and have none to lose."""

from datetime import datetime, timedelta

from aitrader.kernel.clock import WALL, monotonic


class Hastened:
    """So many seconds pass on it in one of the machine's. All who trade together read one."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._began_at, self._began = WALL.now(), monotonic()

    def now(self) -> datetime:
        return self._began_at + timedelta(seconds=(monotonic() - self._began) * self._times)
