"""`feed`: one market driven in a process of its own; workers elsewhere decide and send."""

import contextlib
import signal
from argparse import ArgumentParser
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.runtime import feed, options
from aitrader.runtime.alone import OnlyRun
from aitrader.runtime.feed import FeedThread
from aitrader.runtime.keeper import Keeper
from compliance.services import installation
from compliance.services.sequencer import Sequencer

_LOOK_SECONDS = 0.2


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Feed one market to the desk until it ends or a signal asks to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        options.add_arguments(parser)
        parser.add_argument(
            "--standby",
            action="store_true",
            help="wait while another desk runs on this database, and take over when it ends",
        )

    def handle(self, **given: Any) -> None:
        chosen = options.read(given)
        only = OnlyRun(on_wait=self._wait) if given["standby"] else OnlyRun()
        namespace = installation.install(namespace=None, now=WALL.now())
        driven = FeedThread(chosen, namespace, self._say)
        for left in feed.end_abandoned(keep=driven.made.desk.feed.pk):
            self._say(f"{left} was left before its end and is not taken up again")

        reasons: list[str] = []

        def give_up(reason: str) -> None:
            reasons.append(reason)
            driven.stop()

        keeper = Keeper(only, give_up)
        # Made for signals: a second one may interrupt the first one's handler.
        asked: SimpleQueue[int] = SimpleQueue()

        def on_signal(number: int, _frame: FrameType | None) -> None:
            asked.put(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        self._say(feed.title(driven.market, chosen.speed))
        # Where processes are apart, this one always runs while there is something to number.
        sequencer = Sequencer()
        sequencer.start()
        keeper.start()
        driven.start()
        while driven.is_alive():
            with contextlib.suppress(Empty):
                asked.get(timeout=_LOOK_SECONDS)
                driven.stop()
        keeper.stop()
        sequencer.stop()
        sequencer.join()
        if reasons:
            raise BadInput(reasons[0])
        if driven.failed:
            raise SystemExit(1)

    def _wait(self) -> None:
        self._say("standby: another desk runs on this database, and is waited for")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
