"""`sandbox`: an exchange of one's own on loopback, for clients, tests and drills."""

import asyncio
import json
import shlex
import signal
from argparse import ArgumentParser
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
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
            "--replay",
            nargs="+",
            default=(),
            metavar="FILE",
            help="recorded candles (.csv, .csv.gz) or order-book frames (any other name)",
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
        parser.add_argument(
            "--env",
            metavar="FOLDER",
            help="write there what a desk needs to trade here: sandbox.env, a key for each",
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
            tell=self.stdout.write,
        )
        try:
            asyncio.run(self._serve(chosen, options["env"]))
        except OSError as error:
            raise CommandError(f"port {chosen.port}: {error.strerror}") from None

    async def _serve(self, chosen: server.Options, folder: str | None) -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
        async with server.running(chosen) as addresses:
            if folder is not None:
                _write_settings(Path(folder), addresses)
            self.stdout.write(f"ready {json.dumps(addresses)}")
            self.stdout.flush()
            await asked.wait()


#: Settings of a desk, by what `ready` tells of the venue.
_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "binance": {"REST_URL": "{rest}/api", "WS_URL": "{ws}", "WS_API_URL": "{ws_api}"},
    "coinbase": {
        "REST_URL": "{rest_plain}",
        "WS_URL": "{ws_plain}",
        "WS_USER_URL": "{ws_user_plain}",
    },
    "btcturk": {"REST_URL": "{rest}", "WS_URL": "{ws}", "GRAPH_URL": "{graph}"},
}


def _write_settings(folder: Path, addresses: Mapping[str, Mapping[str, Any]]) -> None:
    """Addresses for the shell, and each venue's first key in a file that its owner alone reads."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    for venue, told in addresses.items():
        key = folder / f"{venue}.json"
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        key.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        values = {name: text.format(**told) for name, text in _SETTINGS[venue].items()}
        values["CREDENTIALS"] = f"file:{key}"
        lines += [
            f"export AITRADER_{venue.upper()}_{name}={shlex.quote(value)}"
            for name, value in values.items()
        ]
    (folder / "sandbox.env").write_text("\n".join(lines) + "\n")


def _held(text: str) -> tuple[str, Decimal]:
    asset, equals, given = text.partition("=")
    if not asset or not equals:
        raise BadInput(f"--hold {text}: not ASSET=AMOUNT")
    held = amount(given, what=f"--hold {asset}")
    if held <= 0:
        raise BadInput(f"--hold {text}: must be positive")
    return asset, held
