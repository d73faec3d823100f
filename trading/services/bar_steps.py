"""Several streams of bars as one stream of steps: all bars that open at the same instant.

1. Steps come in the order of time; a stream that has no bar at an instant is absent from its step.
2. Gaps are found here, per stream: the first open_time that is missing and how many are.
3. Rows set aside after a stream's last bar make a step without a bar of that stream.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from trading.domain.bar import Bar
from trading.domain.candle_file import Quarantined


@dataclass(frozen=True, slots=True)
class Gap:
    first_missing: datetime
    bars: int


@dataclass(slots=True)
class Step:
    """By instrument code: the bars that open now, rows quarantined and gaps found before them.

    `running`: the bars have begun and are not over, and their close is the price now.
    `missed`: they were over long before they came; what rested was in them, nobody decided.
    """

    open_time: datetime
    bars: dict[str, Bar] = field(default_factory=dict)
    quarantined: list[tuple[str, Quarantined]] = field(default_factory=list)
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    running: bool = False
    missed: bool = False


def steps(streams: Mapping[str, Iterable[Bar | Quarantined]]) -> Iterator[Step]:
    """Merge streams keyed by instrument code. Raises what reading a stream raises."""
    merged = heapq.merge(
        *(_keyed(code, stream) for code, stream in streams.items()),
        key=lambda item: (item[0], item[1]),
    )
    step: Step | None = None
    for open_time, code, bar, quarantined, gap in merged:
        if step is None or open_time != step.open_time:
            if step is not None:
                yield step
            step = Step(open_time)
        if bar is not None:
            step.bars[code] = bar
        step.quarantined += [(code, row) for row in quarantined]
        if gap is not None:
            step.gaps.append((code, gap))
    if step is not None:
        yield step


def _keyed(
    code: str, stream: Iterable[Bar | Quarantined]
) -> Iterator[tuple[datetime, str, Bar | None, list[Quarantined], Gap | None]]:
    previous: Bar | None = None
    waiting: list[Quarantined] = []
    for item in stream:
        if isinstance(item, Quarantined):
            waiting.append(item)
            continue
        gap = None
        if previous is not None and item.open_time > previous.close_time:
            missing = (item.open_time - previous.close_time) // item.interval
            gap = Gap(previous.close_time, missing)
        yield item.open_time, code, item, waiting, gap
        previous, waiting = item, []
    if waiting and previous is not None:
        yield previous.close_time, code, None, waiting, None
