"""`conformance`: what a gateway does at its venue, card by card, on the sandbox exchange."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from trading.domain.ports import Gateway
from trading.gateways.binance.connection import Address, Connection
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.btcturk import connection as btcturk_api
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.gateways.coinbase import connection as coinbase_api
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.gateways.generic import connection as generic_line
from trading.gateways.generic import library
from trading.gateways.generic.gateway import GenericGateway
from trading.sandbox import cards
from trading.sandbox.stand import Scene, stand

#: The sandbox answers at once; a request that it loses is not waited for long.
_TIMEOUT_SECONDS = (1.0, 1.0)


def binance(told: Mapping[str, Any]) -> Gateway:
    """Our gateway to the sandbox's Binance, from what the sandbox tells when it is ready."""
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    address = Address(f"{told['rest']}/api", *who)
    return BinanceGateway(Connection(address, wall=WALL, timeout_seconds=_TIMEOUT_SECONDS))


def btcturk(told: Mapping[str, Any]) -> Gateway:
    """Our gateway to the sandbox's BTCTurk."""
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    address = btcturk_api.Address(told["rest"], told["graph"], *who)
    connection = btcturk_api.Connection(address, wall=WALL, timeout_seconds=_TIMEOUT_SECONDS)
    return BtcturkGateway(connection)


def coinbase(told: Mapping[str, Any]) -> Gateway:
    """Our gateway to the sandbox's Coinbase, over TLS."""
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    address = coinbase_api.Address(told["rest"], *who, ca=told["ca"])
    connection = coinbase_api.Connection(address, wall=WALL, timeout_seconds=_TIMEOUT_SECONDS)
    return CoinbaseGateway(connection)


def generic(told: Mapping[str, Any]) -> Gateway:
    """The gateway to any exchange of ccxt, as its Binance, to the sandbox's."""
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    line = generic_line.Connection(
        library.Address("binance", told["rest"], *who),
        wall=WALL,
        timeout_seconds=_TIMEOUT_SECONDS,
        paced=False,
    )
    return GenericGateway(line, venue="GENERIC")


_NO_GROUP = "the gateway takes no orders of which one cancels the other"
_NO_END = "the venue has no orders with an end of their own"
VENUES: Mapping[str, Scene] = {
    "binance": Scene(
        binance,
        "BINANCE:BTC-USDT",
        "BTCUSDT",
        "BINANCE:ETH-USDT",
        excused={"R8": _NO_END},
    ),
    "btcturk": Scene(
        btcturk,
        "BTCTURK:BTC-TRY",
        "BTCTRY",
        "BTCTURK:ETH-TRY",
        excused={
            "R4": "the venue has no time in force: an order rests until it is cancelled",
            "R7": "the venue has no post-only orders",
            "R8": _NO_END,
            "R9": _NO_GROUP,
            "X6": "a client order id may be used again, at once and without a word: nothing is sent"
            " twice",
            "X22": "every fee is in the quote asset",
        },
    ),
    "coinbase": Scene(
        coinbase,
        "COINBASE:BTC-USD",
        "BTC-USD",
        "COINBASE:ETH-USD",
        excused={"X22": "every fee is in the quote asset"},
        trades_at_once=False,
    ),
    "generic": Scene(
        generic,
        "GENERIC:BTC-USDT",
        "BTCUSDT",
        "GENERIC:ETH-USDT",
        excused={"R8": _NO_END, "R9": _NO_GROUP},
        venue="binance",
    ),
}


class Command(BaseCommand):
    """Exit code 0 only when every card holds."""

    requires_system_checks: list[str] = []
    help = "Play every conformance card of a venue's gateway on the sandbox exchange."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", choices=sorted(VENUES), required=True)
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        venue = given["venue"]
        excused = VENUES[venue].excused
        found = {
            name: self._play(name, venue)
            for name in cards.CARDS
            if name.partition(" ")[0] not in excused
        }
        for number, why in excused.items():
            self.stdout.write(f"excused {number}: {why}")
        failed = [name for name, why in found.items() if why]
        self.stdout.write(f"{len(found) - len(failed)} of {len(found)} cards hold at {venue}")
        if given["json"]:
            told = {
                "venue": venue,
                "failed": len(failed),
                "excused": dict(excused),
                "cards": [
                    {"card": name, "holds": not why, "found": why} for name, why in found.items()
                ],
            }
            Path(given["json"]).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        if failed:
            raise SystemExit(1)

    def _play(self, name: str, venue: str) -> str:
        """Why the card does not hold, or nothing."""
        card = cards.CARDS[name]
        try:
            with stand(VENUES[venue], venue=venue, plan=cards.PLANS.get(card, "")) as ready:
                card(ready)
        except Exception as error:  # noqa: BLE001  # whatever a card ends with is its verdict
            self.stdout.write(f"failed  {name}: {type(error).__name__}: {error}")
            return f"{type(error).__name__}: {error}"
        self.stdout.write(f"holds   {name}")
        return ""
