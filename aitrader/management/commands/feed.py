"""`feed`: one market driven in a process of its own; workers elsewhere decide and send."""

import contextlib
import signal
from argparse import ArgumentParser
from queue import Empty, SimpleQueue
from threading import Event
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from aitrader import databases
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.paper import PaperOptions
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
        if given["standby"] and given["source"] == "auto" and not given["replay"]:
            raise BadInput("--standby: name its market with --source, or with --replay")
        chosen = options.read(given)
        databases.require_durable()
        only = OnlyRun(on_wait=self._wait) if given["standby"] else OnlyRun()
        stopping, reasons = Event(), []

        def give_up(reason: str) -> None:
            reasons.append(reason)
            stopping.set()

        keeper = Keeper(only, give_up)
        keeper.start()
        try:
            driven = self._driven(chosen, patient=given["standby"], stopping=stopping)
            self._run(driven, stopping)
        except BadInput as error:
            raise BadInput(reasons[0] if reasons else str(error)) from None
        finally:
            keeper.stop()
        if reasons:
            raise BadInput(reasons[0])
        if driven.failed:
            raise SystemExit(1)

    def _driven(self, chosen: PaperOptions, *, patient: bool, stopping: Event) -> FeedThread:
        namespace = installation.install(namespace=None, now=WALL.now())
        driven = FeedThread(chosen, namespace, self._say, patient=patient, stopping=stopping)
        for left in feed.end_abandoned(keep=driven.made.desk.feed.pk):
            self._say(f"{left} was left before its end and is not taken up again")
        self._say(feed.title(driven.market, chosen.speed))
        return driven

    def _run(self, driven: FeedThread, stopping: Event) -> None:
        """Until it has ended, or a signal or the loss of the desk's place asks to stop."""
        # Made for signals: a second one may interrupt the first one's handler.
        asked: SimpleQueue[int] = SimpleQueue()

        def on_signal(number: int, _frame: FrameType | None) -> None:
            asked.put(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        # Where processes are apart, this one always runs while there is something to number.
        sequencer = Sequencer()
        sequencer.start()
        driven.start()
        while driven.is_alive():
            with contextlib.suppress(Empty):
                asked.get(timeout=_LOOK_SECONDS)
                driven.stop()
            if stopping.is_set():
                driven.stop()
        sequencer.stop()
        sequencer.join()

    def _wait(self) -> None:
        self._say("standby: another desk runs on this database, and is waited for")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
