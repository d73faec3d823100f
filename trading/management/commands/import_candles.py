"""`import_candles`: files of candles into the library, as often as one likes."""

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command
from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import plain
from trading.domain.instrument import code_of
from trading.management.progress import Progress
from trading.selectors import candles
from trading.services import candle_forms, candle_store
from trading.services.candle_forms import SourceFile
from trading.services.candle_store import Revision, Written

_NUMBERS = ("open", "high", "low", "close", "volume")


def prepare() -> None:
    """The library's tables, where a desk of before has none."""
    if not candles.is_there():
        call_command("migrate", interactive=False, verbosity=0)


def told(written: Written, *, replace: bool) -> list[str]:
    """What became of the rows, in lines."""
    counts = written.counts
    kept = "replaced" if replace else "kept as they were; --replace takes the new ones"
    revised = f"{counts.revised:,} revised" + (f" ({kept})" if counts.revised else "")
    first = (
        f"{counts.inserted:,} new, {counts.identical:,} there already, {revised}, "
        f"{counts.quarantined:,} set aside"
    )
    more = counts.revised - len(written.revisions)
    rest = [f"  revised: and {more:,} more"] if more else []
    return [first, *map(_revision, written.revisions), *rest]


def _revision(revision: Revision) -> str:
    changes = [
        f"{name} {plain(was)} → {plain(now)}"
        for name, was, now in zip(_NUMBERS, revision.was, revision.now, strict=True)
        if was != now
    ]
    return f"  revised: {revision.open_time:%Y-%m-%d %H:%M:%S}  {', '.join(changes)}"


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Read candle files (.csv, .csv.gz, .zip, .parquet) into the library. A candle that is "
        "there already is passed over; one that differs is told, and kept unless --replace."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="or folders of them")
        parser.add_argument("--symbol", help="such as BTCUSDT; else from the file's name")
        parser.add_argument("--interval", help="such as 1m; else from the file's name")
        parser.add_argument("--kind", choices=["SPOT", "PERP"], help="else from the file's name")
        parser.add_argument("--venue", help="such as BINANCE; else from the file's name")
        parser.add_argument(
            "--replace", action="store_true", help="where a candle differs, keep the file's"
        )
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        files = [each for path in given["files"] for each in _opened(path, given)]
        prepare()
        found = [self._bring(file, replace=given["replace"]) for file in files]
        if given["json"]:
            Path(given["json"]).write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))

    def _bring(self, file: SourceFile, *, replace: bool) -> dict[str, Any]:
        progress = Progress(self.stdout, file.path.name)
        try:
            written = candle_store.import_file(
                file, replace=replace, wall=WALL, told=progress.moved
            )
        finally:
            progress.clear()
        seconds = progress.seconds
        code = code_of(file.venue, file.base, file.quote, file.kind)
        name = candles.name_of(code, file.interval)
        first, *rest = told(written, replace=replace)
        rate = f"{written.counts.rows / seconds:,.0f} rows/s"
        self.stdout.write(f"{file.path.name}  {name}  {first}  ({seconds:.1f} s, {rate})")
        for line in rest:
            self.stdout.write(line)
        return {"file": file.source, "series": name, **asdict(written.counts), "replaced": replace}


def _opened(path: str, given: dict[str, Any]) -> list[SourceFile]:
    options: dict[str, Any] = {
        "symbol": given["symbol"],
        "interval": given["interval"],
        "kind": AccountKind(given["kind"]) if given["kind"] else None,
        "venue": given["venue"],
    }
    folder = Path(path)
    if not folder.is_dir():
        return [candle_forms.read(path, **options)]
    names = sorted(each for each in folder.iterdir() if each.name.endswith(candle_forms.SUFFIXES))
    if not names:
        raise BadInput(f"{path}: no candle file in this folder")
    return [candle_forms.read(each, **options) for each in names]
