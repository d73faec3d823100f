# isort: skip_file
"""Intent → settled fill: orders per second through the services, beside a raw script.

The raw script writes the same rows in as many transactions with the same durability, from prepared
statements, and reads nothing: it is the limit of this database on this machine. Run in one go:

    .venv/bin/python -m benchmarks.order_path [--orders N]

DATABASE_URL chooses a server; without it the embedded database is measured.
"""

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from benchmarks import _desk as desks
from benchmarks._raw_order_path import RawPath

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import OrdType, Origin, Side
from aitrader.paper import PaperDesk, PaperOptions
from trading.domain.bar import Bar
from trading.domain.order import OrderIntent
from trading.services import executions, orders, routing

_ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=300)
    count = parser.parse_args().orders
    with desks.own_database():
        made, _, at = desks.warmed_desk(PaperOptions(simulated_bars=80), 70)
        ours = _Ours(made, at)
        raw = RawPath(made.desk.account.pk, made.desk.instruments)
        try:
            _compare(ours, raw, count)
        finally:
            raw.close()


def _compare(ours: "_Ours", raw: RawPath, count: int) -> None:
    print(f"{desks.server()}, {count} orders a round, {_ROUNDS} rounds of each in turn")
    times: dict[str, list[float]] = {"services": [], "raw": []}
    for _ in range(_ROUNDS):
        times["services"] += _timed(ours.order, count)
        times["raw"] += _timed(raw.order, count)
    for name, each in times.items():
        print(f"{name:<9} {_row(each)}")
    ratio = statistics.median(times["raw"]) / statistics.median(times["services"])
    print(f"services reach {ratio:.0%} of the raw rate (medians)")
    _profile(ours, count)


def _timed(one: Callable[[], None], count: int) -> list[float]:
    one()
    found = []
    for _ in range(count):
        started = time.perf_counter()
        one()
        found.append(time.perf_counter() - started)
    return found


def _row(times: list[float]) -> str:
    cuts = statistics.quantiles(times, n=100)
    rate = len(times) / sum(times)
    return f"{rate:7.0f} orders/s   p50 {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms"


class _Ours:
    """One market order after the other, bought and sold in turn, each settled before the next."""

    def __init__(self, made: PaperDesk, at: Moment) -> None:
        self._made = made
        self._at = at
        self._number = 0

    def order(self) -> None:
        desk, at = self._made.desk, self._tick()
        row = next(iter(desk.instruments.values()))
        bar = desk.bars.last(desk.feed.pk, row.pk)
        if bar is None:
            raise RuntimeError("the desk has seen no bar")
        self._number += 1
        side = Side.BUY if self._number % 2 else Side.SELL
        intent = OrderIntent(
            intent_id=ids.derive(desk.namespace, "bench", self._number),
            account=desk.account.code,
            instrument=row.code,
            side=side,
            ord_type=OrdType.MARKET,
            order_qty=Decimal("0.01"),
            origin=Origin.OPERATOR,
            reference_px=bar.close,
            reason="benchmark",
            decided_at=at.market,
        )
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        order = orders.submit(desk=desk, draft=draft, at=at)
        routing.send_all(desk=desk, gateway=self._made.gateway, at=at)
        self._made.engine.open_phase({row.code: self._running(bar)})
        executions.drain(desk=desk, gateway=self._made.gateway, at=at)
        order.refresh_from_db(fields=["ord_status"])
        assert order.ord_status == "FILLED", (order.ord_status, order.text)

    def _tick(self) -> Moment:
        """A microsecond on: each order is decided at an instant of its own."""
        self._at = Moment(self._at.market + timedelta(microseconds=1), self._at.wall)
        return self._at

    def _running(self, bar: Bar) -> Bar:
        return replace(bar, open_time=self._at.market)


def _profile(ours: _Ours, count: int) -> None:
    """Where the rest goes: own time by package."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(count):
        ours.order()
    profile.disable()
    shares: dict[str, float] = {}
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # missing in its stubs
    for (file, _, _), (_, _, own, _, _) in stats.items():
        shares[_package(file)] = shares.get(_package(file), 0.0) + own
    total = sum(shares.values())
    print("where the time of the services goes (own time, profiled):")
    for name, seconds in sorted(shares.items(), key=lambda item: -item[1])[:8]:
        print(f"  {seconds / total:5.1%}  {name}")


def _package(file: str) -> str:
    for name in ("psycopg", "django", "orjson", "asgiref"):
        if f"/{name}/" in file:
            return "psycopg (waiting for the server included)" if name == "psycopg" else name
    for name in ("trading", "risk", "compliance", "aitrader"):
        if f"/{name}/" in file:
            return f"ours: {name}"
    return "interpreter and standard library"


if __name__ == "__main__":
    main()
