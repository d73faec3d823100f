"""`sandbox`: an exchange of one's own on loopback, for clients, tests and drills."""

import asyncio
import json
import signal
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aitrader.kernel.errors import BadInput
from aitrader.kernel.money import amount
from trading.sandbox import server


class Command(BaseCommand):
    """Serve until SIGTERM or Ctrl-C; the first line printed is `ready {json}`."""

    requires_system_checks: list[str] = []
    help = "Serve a sandbox exchange that real client libraries can trade on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--venues", default=",".join(server.VENUES), help="whose protocols, with commas"
        )
        parser.add_argument("--port", type=int, default=9000, help="0 takes a free one")
        parser.add_argument("--faults", default="", metavar="PLAN", help="knob=value,…")
        parser.add_argument("--seed", type=int, default=0, help="of faults and credentials")
        parser.add_argument(
            "--replay", nargs="+", default=(), metavar="FILE", help="recorded candles"
        )
        parser.add_argument(
            "--still", action="store_true", help="no market but what /control/book is told"
        )
        parser.add_argument(
            "--hold",
            nargs="+",
            default=(),
            metavar="ASSET=AMOUNT",
            help="what each account starts with, instead of what is usual at its venue",
        )
        parser.add_argument("--accounts", type=int, default=1, help="how many accounts to open")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = server.Options(
            venues=tuple(options["venues"].split(",")),
            port=options["port"],
            plan=options["faults"],
            seed=options["seed"],
            accounts=options["accounts"],
            replay=tuple(options["replay"]),
            market=not options["still"],
            hold=dict(_held(each) for each in options["hold"]),
        )
        try:
            asyncio.run(self._serve(chosen))
        except OSError as error:
            raise CommandError(f"port {chosen.port}: {error.strerror}") from None

    async def _serve(self, chosen: server.Options) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
        async with server.running(chosen) as addresses:
            self.stdout.write(f"ready {json.dumps(addresses)}")
            self.stdout.flush()
            await asked.wait()


def _held(text: str) -> tuple[str, Decimal]:
    asset, equals, given = text.partition("=")
    if not asset or not equals:
        raise BadInput(f"--hold {text}: not ASSET=AMOUNT")
    held = amount(given, what=f"--hold {asset}")
    if held <= 0:
        raise BadInput(f"--hold {text}: must be positive")
    return asset, held
