"""`candles`: what the library holds, and what is missing in it."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from trading.selectors import candles
from trading.selectors.candles import Holding, Span

_HEADER = ("series", "first", "last", "bars", "gaps", "missing")


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "List the series of the library of candles: first, last, bars, gaps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gaps", action="store_true", help="tell each gap")
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        held = candles.holdings() if candles.is_there() else []
        gaps = {each.name: _gaps(each) for each in held} if given["gaps"] else {}
        if not held:
            self.stdout.write("the library is empty: import_candles or fetch_candles fill it")
        else:
            self._table(held, gaps)
        if given["json"]:
            facts = [_facts(each, gaps.get(each.name)) for each in held]
            Path(given["json"]).write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))

    def _table(self, held: list[Holding], gaps: dict[str, list[Span]]) -> None:
        width = max(len(each.name) for each in held)
        self.stdout.write(_row(width, *_HEADER))
        for each in held:
            numbers = (f"{number:,}" for number in (each.bars, each.gaps, each.missing))
            self.stdout.write(
                _row(width, each.name, _minute(each.first), _minute(each.last), *numbers)
            )
            for gap in gaps.get(each.name, []):
                last = gap.until - each.interval
                self.stdout.write(
                    f"  gap  {_minute(gap.first)} to {_minute(last)}  {gap.bars(each.interval):,}"
                )


def _gaps(held: Holding) -> list[Span]:
    return candles.missing(held.series, held.interval, Span(held.first, held.last + held.interval))


def _facts(held: Holding, gaps: list[Span] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "series": held.name,
        "first": held.first,
        "last": held.last,
        "bars": held.bars,
        "gaps": held.gaps,
        "missing": held.missing,
    }
    if gaps is not None:
        facts["spans"] = [
            {"first": gap.first, "last": gap.until - held.interval, "bars": gap.bars(held.interval)}
            for gap in gaps
        ]
    return facts


def _row(width: int, name: str, first: str, last: str, *numbers: str) -> str:
    return f"{name:{width}}  {first:16}  {last:16}" + "".join(f"  {text:>11}" for text in numbers)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
