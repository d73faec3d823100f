# isort: skip_file
"""Fills settled per second: reports one by one and by fifty, one account and four.

Each account has one writer, a process of its own. The raw script writes the same rows in as many
transactions on accounts of its own, and reads nothing. Numbering the journal is in neither. At the
end the books of every account are checked against themselves, the journal and what the reports add
up to: wrong books give no figure. Run in one go:

    .venv/bin/python -m benchmarks.ingest [--fills N] [--accounts N]

DATABASE_URL chooses a server; without it the embedded database is measured.
"""

import argparse
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import _desk as desks
from benchmarks._raw_ingest import RawFill, RawIngest

from aitrader import databases, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import ExecType, OrdStatus, OrdType, Origin, Side, TimeInForce
from aitrader.paper import PaperOptions
from compliance.services import installation, sequencer
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.order_state import Closedness
from trading.domain.ports import OpenOrder
from trading.models import InstrumentRow, Order
from trading.selectors import integrity, snapshot
from trading.selectors.desk import Desk
from trading.services import bar_steps, executions, market_data

_OPTIONS = PaperOptions(simulated_bars=3, symbol="BTCUSDT", strategies=())
_NAMESPACE = ids.namespace_of_seed(_OPTIONS.seed)
_ROUNDS = 3
_BATCHES = (1, 50)
_KINDS = ("services", "raw")
_FILLS_PER_ORDER = 5
_QTY, _FEE = Decimal("0.001"), Decimal("0.06")
_START_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fills", type=int, default=200, help="of an account, each time")
    parser.add_argument("--accounts", type=int, default=4)
    given = parser.parse_args()
    with desks.own_database() as database, ExitStack() as open_writers:
        installation.install(namespace=_NAMESPACE, now=WALL.now())
        for number in range(given.accounts):
            for kind in _KINDS:
                _open(f"{kind}-{number}")
        writers = [
            open_writers.enter_context(_writer(database, number))
            for number in range(given.accounts)
        ]
        rates = _rates(writers, given.fills)
        sequencer.catch_up()
        wrong = [each for writer in writers for each in _asked(writer, "check")]
        if wrong:
            raise SystemExit(f"the books are wrong, so there is no figure: {', '.join(wrong)}")
        _tell(rates, given.fills)


Rates = dict[tuple[int, int, str], list[float]]


def _rates(writers: Sequence[Connection], fills: int) -> Rates:
    """Fills per second by number of accounts, size of a batch, and who writes; all in turns."""
    rates: Rates = defaultdict(list)
    for turn in range(_ROUNDS + 1):
        for count in sorted({1, len(writers)}):
            for batch in _BATCHES:
                for kind in _KINDS:
                    rate = _together(writers[:count], kind, batch, fills)
                    # The first turn is for statements to be prepared and pages to be read.
                    if turn:
                        rates[count, batch, kind].append(rate)
    return rates


def _together(writers: Sequence[Connection], kind: str, batch: int, fills: int) -> float:
    for writer in writers:
        _asked(writer, "prepare", kind, fills)
    for writer in writers:
        writer.send(("settle", kind, batch))
    times = [_answer(writer) for writer in writers]
    return len(writers) * fills / (max(end for _, end in times) - min(begin for begin, _ in times))


def _tell(rates: Rates, fills: int) -> None:
    print(f"{desks.server()}, {fills} fills an account, {_ROUNDS} rounds in turns, books correct")
    for (count, batch, kind), ours in rates.items():
        if kind != "services":
            continue
        raw = rates[count, batch, "raw"]
        ratio = statistics.median(ours) / statistics.median(raw)
        print(
            f"  accounts {count}, reports by {batch:<2}  services {_span(ours)}"
            f"   raw {_span(raw)}   ratio {ratio:.0%}"
        )


def _span(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):6.0f} fills/s ({min(rates):.0f} to {max(rates):.0f})"


@contextmanager
def _writer(database: str, number: int) -> Iterator[Connection]:
    """A process that writes on the accounts of this number."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_write, args=(database, number, there), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(_START_SECONDS):
            raise RuntimeError("a writer does not start")
        _answer(here)
        yield here
    finally:
        here.close()
        process.join()


def _asked(writer: Connection, *what: Any) -> Any:
    writer.send(what)
    return _answer(writer)


def _answer(writer: Connection) -> Any:
    try:
        return writer.recv()
    except EOFError:
        raise SystemExit("a writer has ended, so there is no figure") from None


def _write(database: str, number: int, asked: Connection) -> None:
    """The writer's own side."""
    databases.use(database)
    ours, raw = _Services(f"services-{number}"), _Raw(f"raw-{number}")
    accounts: dict[str, _Account] = {"services": ours, "raw": raw}
    asked.send("ready")
    while True:
        try:
            what, *more = asked.recv()
        except EOFError:
            return
        if what == "prepare":
            kind, fills = more
            accounts[kind].prepare(fills)
            asked.send("ready")
        elif what == "settle":
            kind, batch = more
            asked.send(accounts[kind].settle(batch))
        else:
            asked.send(ours.faults())


def _open(code: str) -> Desk:
    market = paper.market(_OPTIONS)
    first = next(bar_steps.steps(market.streams))
    at = Moment(market=first.open_time, wall=WALL.now())
    made = paper.open_desk(_OPTIONS, market, code=code, namespace=_NAMESPACE, at=at)
    (row,) = made.desk.instruments.values()
    told = [(row, bar) for bar in first.bars.values()]
    market_data.record(feed=made.desk.feed, bars=told, at=at)
    made.desk.refresh_bars()
    return made.desk


class _Account:
    """An account with orders that rest at its venue, and what the venue will tell of them."""

    def __init__(self, code: str) -> None:
        self.desk = _open(code)
        (self.row,) = self.desk.instruments.values()
        bar = self.desk.bars.last(self.desk.feed.pk, self.row.pk)
        assert bar is not None
        self.at = Moment(bar.close_time, WALL.now())
        self.coming: list[tuple[Order, ExecutionReport]] = []
        self.told: list[StreamedReport] = []
        self.sides: dict[str, Side] = {}

    def prepare(self, fills: int) -> None:
        """Orders to buy and to sell in turn, each filled in five parts."""
        count = -(-fills // _FILLS_PER_ORDER)
        known = len(self.sides)
        made = [self._order(known + number) for number in range(count)]
        Order.objects.bulk_create(made)
        for order in made:
            self.sides[order.cl_ord_id] = Side(order.side)
        reports = ((order, part) for order in made for part in self._parts(order))
        self.coming = list(islice(reports, fills))

    def settle(self, batch: int) -> tuple[float, float]:
        """Settle what is coming, so many reports a transaction; when it began and ended."""
        batches = []
        for first in range(0, len(self.coming), batch):
            begin = len(self.told)
            for _, report in self.coming[first : first + batch]:
                self.told.append(StreamedReport(len(self.told) + 1, report))
            batches.append((self.coming[first : first + batch], self.told[begin:]))
        works = [self.ready(*each) for each in batches]
        began = time.perf_counter()
        for work in works:
            self.write(work)
        return began, time.perf_counter()

    def ready(
        self, coming: Sequence[tuple[Order, ExecutionReport]], streamed: Sequence[StreamedReport]
    ) -> Sequence[Any]:
        """What `write` is given."""
        raise NotImplementedError

    def write(self, work: Sequence[Any]) -> None:
        """Settle reports in one transaction."""
        raise NotImplementedError

    def _order(self, number: int) -> Order:
        desk, name = self.desk, f"{self.desk.account.code}-{number}"
        return Order(
            public_id=ids.derive(_NAMESPACE, "bench.order", name),
            intent_id=ids.derive(_NAMESPACE, "bench.intent", name),
            cl_ord_id=name,
            order_id=f"V-{name}",
            account=desk.account,
            instrument=self.row,
            # Of somebody else's hand: the gate's part is measured in order_path.
            origin=Origin.EXTERNAL,
            side=Side.SELL if number % 2 else Side.BUY,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.GTC,
            order_qty=_QTY * _FILLS_PER_ORDER,
            price=Decimal(60_000),
            reason="benchmark",
            trace_id=name,
            ord_status=OrdStatus.NEW,
            closedness=int(Closedness.ACCEPTED),
            created_at=self.at.market,
            sent_at=self.at.market,
        )

    def _parts(self, order: Order) -> Iterator[ExecutionReport]:
        for part in range(1, _FILLS_PER_ORDER + 1):
            yield ExecutionReport(
                cl_ord_id=order.cl_ord_id,
                order_id=order.order_id,
                exec_id=f"{order.cl_ord_id}-{part}",
                exec_type=ExecType.TRADE,
                instrument=self.row.code,
                cum_qty=_QTY * part,
                transact_time=self.at.market,
                last_qty=_QTY,
                last_px=Decimal(60_000 + part),
                fee=_FEE,
                fee_asset=self.row.quote,
            )


class _Services(_Account):
    def ready(
        self, coming: Sequence[tuple[Order, ExecutionReport]], streamed: Sequence[StreamedReport]
    ) -> Sequence[StreamedReport]:
        return streamed

    def write(self, work: Sequence[StreamedReport]) -> None:
        executions.apply(
            desk=self.desk,
            reports=[each.report for each in work],
            at=self.at,
            place=work[-1].seq,
        )

    def faults(self) -> list[str]:
        """The checks that do not hold, by name."""
        told = _Told(self.desk.account.opening_equity, self.row, self.told, self.sides)
        state = snapshot.read(self.desk).state
        checks = integrity.checks(self.desk.account, told, state)  # type: ignore[arg-type]  # reads
        return [f"{self.desk.account.code} {name}" for name, holds in checks.items() if not holds]


class _Raw(_Account):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self._raw = RawIngest(self.row.venue_id, self.desk.account.pk, self.row.pk)

    def ready(
        self, coming: Sequence[tuple[Order, ExecutionReport]], streamed: Sequence[StreamedReport]
    ) -> Sequence[RawFill]:
        return [
            RawFill(
                seq=each.seq,
                order_id=order.pk,
                exec_id=report.exec_id,
                side=order.side,
                qty=report.last_qty,
                px=report.last_px,
                fee=report.fee,
                last=report.cum_qty == order.order_qty,
            )
            for (order, report), each in zip(coming, streamed, strict=True)
        ]

    def write(self, work: Sequence[RawFill]) -> None:
        self._raw.settle(work)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the account's venue would say, added up from the reports alone."""

    cash: Decimal
    row: InstrumentRow
    streamed: Sequence[StreamedReport]
    sides: dict[str, Side]

    def balances(self, *, account: str) -> dict[str, Decimal]:
        base, quote = Decimal(0), self.cash
        for each in self.streamed:
            report = each.report
            sign = 1 if self.sides[report.cl_ord_id] is Side.BUY else -1
            base += sign * report.last_qty
            quote -= sign * report.last_qty * report.last_px + report.fee
        return {self.row.base: base, self.row.quote: quote}

    def open_orders(self, *, account: str) -> list[OpenOrder]:
        filled: dict[str, Decimal] = defaultdict(Decimal)
        for each in self.streamed:
            filled[each.report.cl_ord_id] += each.report.last_qty
        whole = _QTY * _FILLS_PER_ORDER
        return [OpenOrder(name, filled[name]) for name in self.sides if filled[name] < whole]

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        return self.streamed[after : after + limit]


if __name__ == "__main__":
    main()
