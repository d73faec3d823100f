"""`fetch_candles`: candles of the past from a venue into the library; stop it, and go on later."""

import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind
from trading.gateways.binance import history as binance
from trading.gateways.btcturk import history as btcturk
from trading.gateways.coinbase import history as coinbase
from trading.management.commands.import_candles import prepare, told
from trading.management.progress import Progress
from trading.models import StoredSeries
from trading.selectors import candles
from trading.selectors.candles import Span
from trading.services import candle_files, candle_history, candle_store, recordings
from trading.services.candle_history import History, Manner
from trading.services.candle_store import Counts

Open = Callable[[Mapping[str, str], str, str, timedelta], History]
#: How a venue's past is opened from its settings, for base, quote and interval.
HISTORIES: Mapping[str, Open] = {
    "binance": binance.opened,
    "coinbase": coinbase.opened,
    "btcturk": btcturk.opened,
}


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Fetch finished candles from a venue's public history into the library: those that are "
        "missing in a span of time, and no others. The same command goes on where it was stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--venue", choices=sorted(HISTORIES), required=True)
        parser.add_argument("--symbol", required=True, help="such as BTCUSDT or BTC-USDT")
        parser.add_argument("--interval", default="1m", help="such as 1m (default), 1h, 1d")
        parser.add_argument(
            "--from", dest="first", help="such as 2025-01-01; else where the library begins"
        )
        parser.add_argument("--to", dest="until", help="up to and without; else now")
        parser.add_argument(
            "--replace", action="store_true", help="where a candle differs, keep the venue's"
        )
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        base, quote = candle_files.parse_symbol(given["symbol"])
        interval = candle_files.parse_interval(given["interval"])
        venue = given["venue"].upper()
        until = recordings.instant(given["until"]) if given["until"] else WALL.now()
        first = recordings.instant(given["first"]) if given["first"] else None
        history = HISTORIES[given["venue"]](settings.AITRADER_VENUES[venue], base, quote, interval)
        prepare()
        series = candle_store.series_of(venue, base, quote, AccountKind.SPOT, interval)
        span = Span(first or _beginning(series), until)
        found = self._fetch(series, history, span, venue=venue, replace=given["replace"])
        if given["json"]:
            Path(given["json"]).write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))

    def _fetch(
        self, series: StoredSeries, history: History, span: Span, *, venue: str, replace: bool
    ) -> dict[str, Any]:
        interval = timedelta(seconds=series.interval_seconds)
        name = candles.name_of(series.code, interval)
        now = WALL.now()
        spans = candle_history.wanted(series, span, most=history.most, now=now)
        if not spans:
            self.stdout.write(f"{name}  nothing is missing of that time")
            return {"series": name, **asdict(Counts())}
        total = sum(each.bars(interval) for each in spans)
        progress = Progress(self.stdout, name, total)

        def moved(counts: Counts, upto: datetime | None) -> None:
            progress.moved(counts, upto, _done(spans, upto, interval))

        manner = Manner(
            wall=WALL, wait=time.sleep, told=moved, grumbles=progress.says, replace=replace
        )
        try:
            written = candle_history.fetch(series, history, spans, venue=venue, manner=manner)
        except KeyboardInterrupt:
            progress.says("stopped; what came is kept, the same command goes on from there")
            raise
        finally:
            progress.clear()
        left = sum(
            each.bars(interval) for each in candle_history.wanted(series, span, most=1, now=now)
        )
        lines = told(written, replace=replace)
        absent = f"; {left:,} the venue does not have" if left else ""
        for line in (f"{name}  {lines[0]}{absent}", *lines[1:]):
            self.stdout.write(line)
        return {"series": name, **asdict(written.counts), "replaced": replace, "missing": left}


def _beginning(series: StoredSeries) -> datetime:
    first = candles.beginning(series.pk)
    if first is None:
        raise BadInput("the library has nothing of this series yet; give --from")
    return first


def _done(spans: Sequence[Span], upto: datetime | None, interval: timedelta) -> int:
    """How many of the candles asked for lie before an instant."""
    if upto is None:
        return 0
    before = [Span(each.first, min(each.until, upto)) for each in spans if each.first < upto]
    return sum(each.bars(interval) for each in before)
