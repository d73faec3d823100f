"""What a driven desk does with bars besides trading: history before the start, faults found.

1. No decision is made on a bar of the warm-up: cursors move past it in the same transaction.
2. The warm-up is as long as the most demanding strategy, the volatility or the feed asks for.
"""

from collections.abc import Iterable, Mapping

from aitrader.kernel.clock import Moment
from trading.domain.bar import Bar
from trading.models import InstrumentRow, StrategyCursor
from trading.selectors import sql
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.services import market_data
from trading.services.bar_steps import Step


def by_code(desk: Desk) -> dict[str, InstrumentRow]:
    """The desk's instruments by the code that a step names them with."""
    return {row.code: row for row in desk.instruments.values()}


def bars_needed(desk: Desk) -> int:
    """Bars per instrument that are recorded before the first decision."""
    needed = [each.warmup for each in desk.strategies.values()]
    return max([*needed, VOLATILITY_BARS + 1, desk.feed.history_bars])


def is_warming(desk: Desk, codes: Iterable[str]) -> bool:
    """Whether one of these instruments has too little history to be decided on."""
    rows = by_code(desk)
    counts = [desk.bars.count(desk.feed.pk, rows[code].pk) for code in codes]
    return min(counts) < bars_needed(desk)


def record(desk: Desk, bars: Mapping[str, Bar], at: Moment) -> None:
    """Write the bars of one close and keep them in the desk's memory."""
    rows = by_code(desk)
    pairs = [(rows[code], bar) for code, bar in bars.items()]
    market_data.record(feed=desk.feed, bars=pairs, at=at)
    for row, bar in pairs:
        desk.bars.append(desk.feed.pk, row.pk, bar)


def warm(desk: Desk, bars: Mapping[str, Bar], at: Moment) -> None:
    """Record history: nothing is decided on it, now or later."""
    rows = by_code(desk)
    with sql.atomic():
        record(desk, bars, at)
        for code, bar in bars.items():
            StrategyCursor.objects.filter(
                version__strategy__account=desk.account, instrument=rows[code]
            ).update(last_open_time=bar.open_time)


def note_faults(desk: Desk, step: Step, at: Moment) -> None:
    """Keep note of repeated rows and gaps that stand before this step."""
    rows = by_code(desk)
    for code, row in step.quarantined:
        repeated = market_data.Repeated(rows[code], row.open_time, row.line, row.identical)
        market_data.quarantine(feed=desk.feed, row=repeated, at=at)
    for code, gap in step.gaps:
        market_data.note_gap(
            feed=desk.feed,
            instrument=rows[code],
            first_missing=gap.first_missing,
            bars=gap.bars,
            at=at,
        )
