"""`feed`: one market driven in a process of its own; workers elsewhere decide and send."""

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL
from aitrader.runtime import feed, options
from aitrader.runtime.feed import FeedThread
from compliance.services import installation
from compliance.services.sequencer import Sequencer


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Feed one market to the desk until it ends or a signal asks to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        options.add_arguments(parser)

    def handle(self, **given: Any) -> None:
        chosen = options.read(given)
        namespace = installation.install(namespace=None, now=WALL.now())
        driven = FeedThread(chosen, namespace, self._say)

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            driven.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        self._say(feed.title(driven.market, chosen.speed))
        # Where processes are apart, this one always runs while there is something to number.
        sequencer = Sequencer()
        sequencer.start()
        driven.start()
        driven.join()
        sequencer.stop()
        sequencer.join()
        if driven.failed:
            raise SystemExit(1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
