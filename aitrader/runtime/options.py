"""What a person may choose about a desk that runs, from the command line.

1. Prices in real time are those of any venue of the settings, ccxt's exchanges among them.
"""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.conf import settings

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import amount
from aitrader.paper import PaperOptions
from trading.gateways import registry

#: Whose prices are looked for when nobody says whose.
_FIRST = "BINANCE"
#: Whose prices are compared with whose, unless told otherwise; the others' with Coinbase's.
_SECOND = {"COINBASE": "BINANCE", "BTCTURK": ""}
_USUAL_SECOND = "COINBASE"
_FASTEST = Decimal(1_000_000)
#: A running desk starts with two hours and a half of minutes on its chart.
_HISTORY_BARS = 150
#: What the desk keeps in memory.
_MOST_HISTORY = 1000


def add_arguments(parser: ArgumentParser) -> None:
    """The options that `run` and `feed` share."""
    parser.add_argument(
        "--replay",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATH",
        help="candle files, or a folder of them",
    )
    parser.add_argument(
        "--source",
        default="auto",
        metavar="VENUE",
        help="without --replay: simulated, the venue of prices in real time "
        f"({_names()}), or auto: {_FIRST.lower()} if it answers",
    )
    parser.add_argument(
        "--orders",
        choices=["simulated", "venue"],
        default="simulated",
        help="where orders go: to a simulated venue, or to the account at the venue of the prices",
    )
    parser.add_argument(
        "--second-source",
        default="auto",
        metavar="VENUE",
        help="whose prices those in real time are compared with, or none; auto: Coinbase's with "
        "Binance's, BTCTurk's with nobody's, the others' with Coinbase's",
    )
    parser.add_argument(
        "--symbol", help="such as BTCUSDT, as its source names it; else from the file's name"
    )
    parser.add_argument("--interval", help="such as 1m; else from the file's name")
    parser.add_argument("--kind", choices=["SPOT", "PERP"], help="else from the file's name")
    parser.add_argument(
        "--speed", help="market time over wall time, or max (60; prices in real time have one)"
    )
    parser.add_argument("--seed", type=int, help="of the simulated market")
    parser.add_argument("--bars", type=int, help="end a simulated market after so many bars")
    parser.add_argument(
        "--history", type=int, default=_HISTORY_BARS, help="bars recorded before the first decision"
    )
    parser.add_argument("--profile", default="demo", help="limits: demo or cautious")


def read(given: dict[str, Any]) -> PaperOptions:
    """The options, checked. Raises BadInput with one clear line."""
    if given["bars"] is not None and given["bars"] < 1:
        raise BadInput(f"--bars {given['bars']} must be positive")
    venue = "" if given["replay"] else _venue(given)
    at_venue = given["orders"] == "venue"
    if at_venue and not venue:
        raise BadInput("--orders venue: there is no venue without its prices in real time")
    return PaperOptions(
        venue=venue,
        second_source=_second(given["second_source"].upper(), venue),
        at_venue=at_venue,
        replay=given["replay"],
        symbol=given["symbol"],
        interval=given["interval"],
        kind=AccountKind(given["kind"]) if given["kind"] else None,
        seed=1 if given["seed"] is None else given["seed"],
        profile=given["profile"],
        speed=Decimal(1) if venue else _speed(given["speed"] or "60"),
        simulated_bars=given["bars"],
        history_bars=_history(given["history"]),
    )


def _venue(given: dict[str, Any]) -> str:
    """Whose prices are traded on; none for a simulated market."""
    if given["source"] not in ("auto", "simulated"):
        if given["speed"] is not None:
            raise BadInput("--speed: prices in real time have one speed")
        return _known(given["source"], "--source")
    wants_another = any(given[name] is not None for name in ("bars", "seed", "speed"))
    if given["source"] == "simulated" or wants_another or given["kind"] == "PERP":
        return ""
    return _FIRST if registry.answers(_FIRST) else ""


def _known(name: str, option: str) -> str:
    """A venue's code. Raises BadInput for one that no setting names."""
    if name.upper() not in settings.AITRADER_VENUES:
        raise BadInput(
            f"{option} {name}: there are {_names()}, and any exchange of ccxt that "
            "AITRADER_GENERIC_VENUES names"
        )
    return name.upper()


def _names() -> str:
    return ", ".join(sorted(settings.AITRADER_VENUES)).lower()


def _second(wanted: str, venue: str) -> str:
    """Whose prices are compared with; none without prices in real time."""
    if wanted == "NONE" or not venue:
        return ""
    if wanted == venue:
        raise BadInput(f"--second-source: the prices are those of {venue} already")
    if wanted != "AUTO":
        return _known(wanted.lower(), "--second-source")
    other = _SECOND.get(venue, _USUAL_SECOND)
    return other if registry.comparable(venue, other) else ""


def _history(bars: int) -> int:
    if not 0 <= bars <= _MOST_HISTORY:
        raise BadInput(f"--history {bars} is not between 0 and {_MOST_HISTORY}")
    return bars


def _speed(text: str) -> Decimal | None:
    if text == "max":
        return None
    speed = amount(text, what="--speed")
    if not 0 < speed <= _FASTEST:
        raise BadInput(f"--speed {text} must be above 0 and at most {_FASTEST}, or max")
    return speed
