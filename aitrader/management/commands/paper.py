"""`paper`: the whole road, headless, in one thread and in a database of its own."""

import contextlib
import json
import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from aitrader import databases, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind, PriceSource
from aitrader.kernel.money import amount, plain
from aitrader.paper import Market, PaperDesk, PaperOptions
from compliance.selectors import journal as journal_reads
from compliance.services import alerts, installation, journal, sequencer
from trading.selectors import summary as summaries
from trading.services import bar_steps, setup
from trading.services.bar_steps import Step
from trading.services.desk_loop import DeskLoop
from trading.services.setup import StrategyPlan
from trading.strategies import catalogue

_SEQUENCE_EVERY_STEPS = 500
#: What the desk keeps in memory.
_MOST_HISTORY = 1000
_FEE_ASSETS = {"QUOTE": "", "RECEIVED": "RECEIVED"}
_MOST_CASH = Decimal(10) ** 15
#: PostgreSQL cuts longer names off.
_LONGEST_NAME = 63
#: Facts that the option --replay decides; seed and interval say the same of a simulated market.
_OF_REPLAY = ("source", "title", "fingerprint")


class Command(BaseCommand):
    # Nothing of the web is used here.
    requires_system_checks: list[str] = []
    help = (
        "Paper-trade recorded or simulated bars as fast as possible and print a summary. "
        "Exit code 0 only when every integrity check holds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--replay", action="append", default=[], metavar="FILE")
        parser.add_argument("--symbol", help="such as BTCUSDT; else from the file's name")
        parser.add_argument("--interval", help="such as 1m; else from the file's name")
        parser.add_argument("--kind", choices=["SPOT", "PERP"], help="else from the file's name")
        parser.add_argument("--speed", choices=["max"], default="max")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--profile", default="demo", help="limits: demo or cautious")
        parser.add_argument("--cash", default="100000", help="opening deposit")
        parser.add_argument("--strategy", action="append", default=[], metavar="NAME")
        parser.add_argument(
            "--set", action="append", default=[], metavar="STRATEGY.PARAMETER=VALUE", dest="given"
        )
        parser.add_argument("--bars", type=int, default=5000, help="length of a simulated market")
        parser.add_argument(
            "--history",
            type=int,
            default=0,
            help="bars recorded before the first decision, at least",
        )
        parser.add_argument("--reject-rate", type=float, default=0.0)
        parser.add_argument("--unanswered-rate", type=float, default=0.0)
        parser.add_argument(
            "--fee-asset", default="QUOTE", help="QUOTE, or RECEIVED: in what a fill brings"
        )
        parser.add_argument(
            "--database", help="keep the run in this database, and go on with it if it is there"
        )
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        options = _options(given)
        market = paper.market(options)
        out = None if given["json"] is None else _writable(given["json"])
        with _database(given["database"]):
            told = _run(options, market)
        for line in summaries.lines(told):
            self.stdout.write(line)
        if out is not None:
            out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        if not all(told["integrity"].values()):
            raise SystemExit("aitrader: an integrity check failed")


def _options(given: dict[str, Any]) -> PaperOptions:
    for name in ("reject_rate", "unanswered_rate"):
        if not 0 <= given[name] <= 1:
            raise BadInput(f"--{name.replace('_', '-')} {given[name]} is not between 0 and 1")
    if given["fee_asset"] not in _FEE_ASSETS:
        raise BadInput(f"--fee-asset {given['fee_asset']} is neither QUOTE nor RECEIVED")
    if not 0 <= given["history"] <= _MOST_HISTORY:
        raise BadInput(f"--history {given['history']} is not between 0 and {_MOST_HISTORY}")
    if given["bars"] < 1:
        raise BadInput(f"--bars {given['bars']} must be positive")
    return PaperOptions(
        replay=given["replay"],
        symbol=given["symbol"],
        interval=given["interval"],
        kind=AccountKind(given["kind"]) if given["kind"] else None,
        seed=given["seed"],
        profile=given["profile"],
        cash=_cash(given["cash"]),
        strategies=_strategies(given["strategy"], given["given"]),
        reject_rate=given["reject_rate"],
        unanswered_rate=given["unanswered_rate"],
        history_bars=given["history"],
        fee_asset=_FEE_ASSETS[given["fee_asset"]],
        simulated_bars=None if given["replay"] else given["bars"],
    )


def _cash(text: str) -> Decimal:
    cash = amount(text, what="--cash")
    if cash <= 0:
        raise BadInput(f"--cash {text} must be positive")
    if cash >= _MOST_CASH:
        raise BadInput(f"--cash {text} must be below {_MOST_CASH:f}")
    return cash


def _strategies(names: list[str], given: list[str]) -> list[StrategyPlan]:
    """The chosen strategies with their parameters. Raises BadInput for either."""
    defaults = {plan.name: plan for plan in paper.DEFAULT_STRATEGIES}
    chosen = names or list(defaults)
    for name in chosen:
        if chosen.count(name) > 1:
            raise BadInput(f"--strategy {name} is given twice")
    parameters: dict[str, dict[str, object]] = {name: {} for name in chosen}
    for text in given:
        target, equals, value = text.partition("=")
        name, dot, parameter = target.partition(".")
        if not equals or not dot or name not in parameters:
            raise BadInput(f"--set {text} is not STRATEGY.PARAMETER=VALUE of a chosen strategy")
        parameters[name][parameter] = value
    plans = []
    for name in chosen:
        catalogue.by_name(name).resolve(parameters[name])
        sizing = defaults[name].sizing if name in defaults else defaults["sma_cross"].sizing
        plans.append(StrategyPlan(name, parameters[name], sizing))
    return plans


def _writable(text: str) -> Path:
    path = Path(text)
    try:
        if path.is_dir():
            raise BadInput(f"--json {text}: that is a folder")
        place, noun = (path, "file") if path.exists() else (path.parent, "folder")
        if not os.access(place, os.W_OK):
            raise BadInput(f"--json {text}: the {noun} is not writable")
    except OSError as error:
        raise BadInput(f"--json {text}: {(error.strerror or str(error)).lower()}") from None
    return path


@contextlib.contextmanager
def _database(kept: str | None) -> Iterator[None]:
    """A database that ends with the run, or the one of this name, which stays."""
    if kept is None:
        with databases.passing("aitrader_paper_"):
            yield
        return
    if not 0 < len(kept.encode()) <= _LONGEST_NAME:
        raise BadInput(f"--database {kept}: a name has 1 to {_LONGEST_NAME} bytes")
    if databases.is_reserved(kept):
        raise BadInput(f"--database {kept}: names that begin so are for databases that pass")
    before = databases.current()
    if not databases.exists(kept):
        databases.create(kept, template=databases.template())
    databases.use(kept)
    try:
        if not databases.is_ours():
            raise BadInput(f"--database {kept}: that database holds something else than a run")
        yield
    finally:
        databases.use(before)


def _run(options: PaperOptions, market: Market) -> dict[str, Any]:
    namespace = ids.namespace_of_seed(options.seed)
    steps = bar_steps.steps(market.streams)
    first = next(steps, None)
    if first is None:
        raise BadInput(f"{market.title}: no bars")
    at = Moment(market=first.open_time, wall=WALL.now())
    installation.install(namespace=namespace, now=at.market)
    _same_as_before(options, market)
    # First of all: a run that died may have got no further than this.
    _journal_start(options, market, at)
    made = paper.open_desk(options, market, code="paper", namespace=namespace, at=at, alone=True)
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.resume()
    loop.play(sequencing(chain([first], steps)))
    setup.finish_feed(feed_id=made.desk.feed.pk, now=WALL.now())
    return _summary(made)


def sequencing(steps: Iterable[Step]) -> Iterator[Step]:
    """The same steps; in between the journal's entries are numbered."""
    for number, step in enumerate(steps, start=1):
        yield step
        if number % _SEQUENCE_EVERY_STEPS == 0:
            sequencer.advance()


def _same_as_before(options: PaperOptions, market: Market) -> None:
    """A database that is kept goes on with the market and options that it began with."""
    began = journal_reads.first_data(EventName.RUN_STARTED)
    if began is None:
        return
    simulated = began.get("source") == market.source == PriceSource.SIMULATED
    for name, value in _facts(options, market).items():
        before = began.get(name, "something else")
        if before == value or (simulated and name in _OF_REPLAY):
            continue
        if name in _OF_REPLAY:
            name, before, value = "replay", began.get("title"), f"this {market.title}"
        option = f"--set {name}" if "." in name else f"--{name.replace('_', '-')}"
        raise BadInput(f"{option} differs: the run kept there began with {before}, not {value}")


def _facts(options: PaperOptions, market: Market) -> dict[str, str]:
    """Everything that decides what a run does, as text, by the name of its option."""
    facts = {
        "source": market.source,
        "title": market.title,
        "fingerprint": market.fingerprint,
        "interval": str(market.interval),
        "kind": market.kind,
        "symbol": ", ".join(instrument.code for instrument, _ in market.instruments),
        "seed": str(options.seed),
        "profile": options.profile,
        "cash": plain(options.cash),
        "bars": "all" if options.simulated_bars is None else str(options.simulated_bars),
        "history": str(options.history_bars),
        "reject_rate": str(options.reject_rate),
        "unanswered_rate": str(options.unanswered_rate),
        "fee_asset": options.fee_asset or "QUOTE",
        "strategy": ", ".join(plan.name for plan in options.strategies),
    }
    for plan in options.strategies:
        parameters = catalogue.by_name(plan.name).resolve(plan.parameters)
        facts |= {f"{plan.name}.{name}": plain(value) for name, value in parameters.items()}
        facts |= {f"{plan.name}.sizing_{name}": value for name, value in plan.sizing.items()}
    return facts


def _journal_start(options: PaperOptions, market: Market, at: Moment) -> None:
    event = Event(
        name=EventName.RUN_STARTED,
        actor="desk",
        object_type="feed",
        object_id="paper",
        market_at=at.market,
        data=_facts(options, market),
    )
    with transaction.atomic():
        journal.record([event], now=at.wall)


def _summary(made: PaperDesk) -> dict[str, Any]:
    sequencer.catch_up()
    while alerts.advance(now=WALL.now()):
        pass
    told = summaries.collect(made.desk, made.gateway)
    digest = journal.digest()
    return told | {"journal_rows": digest.rows, "journal_digest": digest.hex}
