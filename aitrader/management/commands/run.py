"""`run`: the whole desk in one process, trading on paper, at one address."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from aitrader import databases
from aitrader.kernel.clock import WALL
from aitrader.runtime import feed, options, web
from aitrader.runtime.alone import OnlyRun
from aitrader.runtime.desk import DeskProcess
from aitrader.runtime.feed import FeedThread
from compliance.domain.roles import FIRST_OPERATOR
from compliance.services import access, installation

VERSION = "0.1"


class Command(BaseCommand):
    help = "Trade on paper: recorded bars with --replay, a seeded simulated market without."

    def add_arguments(self, parser: ArgumentParser) -> None:
        options.add_arguments(parser)
        parser.add_argument("--port", type=int, default=settings.AITRADER_PORT)
        parser.add_argument(
            "--operator", default="admin", help="name of the first operator, if there is none"
        )

    def handle(self, **given: Any) -> None:
        chosen = options.read(given)
        listening = web.take_port(given["port"])
        only = OnlyRun()
        databases.require_durable()
        databases.migrate()
        namespace = installation.install(namespace=None, now=WALL.now())
        access.sync_roles()
        driven = FeedThread(chosen, namespace, self._say)
        for left in feed.end_abandoned(keep=driven.made.desk.feed.pk):
            self._say(f"{left} was left before its end and is not taken up again")
        login = self._first_operator(given["operator"])

        def on_ready() -> None:
            told = feed.title(driven.market, chosen.speed)
            self._say(f"aitrader {VERSION} · PAPER · {told}")
            self._say(f"http://{web.HOST}:{listening.getsockname()[1]}/{login}")

        DeskProcess(driven, only, on_ready=on_ready).run(listening)
        only.release()
        self._say("stopped")

    def _first_operator(self, name: str) -> str:
        """What to print of an operator just made; nothing when somebody can log in already."""
        if access.has_operators():
            return ""
        made = access.create_operator(
            username=name, roles=FIRST_OPERATOR, now=WALL.now(), actor="setup"
        )
        return f"  (operator {name}, password {made.password}, shown once)"

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
