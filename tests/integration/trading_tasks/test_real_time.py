"""A market in real time: bars are told while they run, and what was missed is not decided."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from aitrader import databases
from aitrader.paper import PaperDesk
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls
from trading.domain.bar import Bar
from trading.models import BarRow, Order, Signal, StrategyCursor
from trading.services.bar_steps import Step

BARS = 200


def _so_far(bar: Bar, *, price: object) -> Bar:
    at = bar.open if price == "open" else (bar.high + bar.low) / 2
    return replace(bar, high=max(bar.open, at), low=min(bar.open, at), close=at)


def _as_they_run(steps: Iterable[Step]) -> Iterator[Step]:
    """Each bar thrice: its open, a price in between, and the whole of it."""
    for step in steps:
        for price in ("open", "between"):
            bars = {code: _so_far(bar, price=price) for code, bar in step.bars.items()}
            yield Step(step.open_time, bars, running=True)
        yield step


def test_bars_that_are_told_while_they_run_give_the_books_of_the_same_bars_replayed(
    fresh_database: str, second_database: str, calls: Calls
) -> None:
    made, steps = market.opened(BARS)
    market.driver_of(made).run(_as_they_run(steps))
    market.number_everything()
    databases.use(second_database)
    market.by_loop(BARS)
    market.number_everything()
    ours, theirs = market.audited(fresh_database), market.audited(second_database)
    assert ours.findings == theirs.findings == []
    assert len(ours.books["fills"]) >= 4
    assert ours.differences(theirs) == []


def test_bars_that_nobody_was_there_for_are_recorded_and_matched_but_not_decided(
    fresh_database: str, calls: Calls
) -> None:
    made, steps = market.opened(BARS)
    every = list(steps)
    # The first half is traded until something rests at the venue.
    at = next(number for number in range(70, BARS) if _rests_after(made, every, number))
    signals = Signal.objects.count()
    for step in every[at:]:
        step.missed = True
    market.driver_of(made).run(every)
    assert BarRow.objects.count() == BARS
    assert Signal.objects.count() == signals
    newest = every[-1].open_time
    assert set(StrategyCursor.objects.values_list("last_open_time", flat=True)) == {newest}
    filled = Order.objects.filter(origin="PROTECTION", ord_status="FILLED", sent_at__isnull=False)
    assert filled.filter(closed_at__gt=every[at].open_time).exists()
    market.number_everything()
    assert market.audited(fresh_database).findings == []


def _rests_after(made: PaperDesk, every: list[Step], number: int) -> bool:
    market.driver_of(made).run(every[:number])
    return Order.objects.filter(origin="PROTECTION", ord_status="NEW").exists()
