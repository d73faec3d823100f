"""A bar that its venue lists late is recorded, and nothing is done because of it."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from aitrader.kernel.events import EventName
from compliance.models import JournalEntry
from tests.factories.road import MINUTE, Road
from trading.domain.bar import Bar
from trading.models import BarRow, Feed, FeedGap, Signal, StrategyCursor
from trading.selectors import desk_view
from trading.services import late_bars

pytestmark = pytest.mark.usefixtures("fresh_database")


def _with_gap() -> tuple[Road, FeedGap]:
    """Two bars are missing before the last one."""
    road = Road()
    road.hold()
    road.bar(100, 100, 100, 100, after=2)
    (gap,) = late_bars.open_gaps(road.desk.feed.pk, road.at)
    return road, gap


def _told(gap: FeedGap, count: int) -> list[Bar]:
    """So many bars of the gap, after the one before it; the price would raise a signal."""
    begin = gap.first_missing - MINUTE
    return [
        Bar(begin + number * MINUTE, MINUTE, D(150), D(150), D(150), D(150), D(1))
        for number in range(count + 1)
    ]


def _entries() -> int:
    return JournalEntry.objects.filter(event=EventName.FEED_GAP_FILLED).count()


def _open_gaps() -> tuple[int, int, int]:
    desk = desk_view.desk()
    assert desk is not None
    health = desk_view.feed_health(desk)
    return health.gaps, health.open_gaps, health.missing_bars


def test_a_gap_whose_bars_are_there_after_all_is_filled_and_nothing_is_decided() -> None:
    road, gap = _with_gap()
    assert _open_gaps() == (1, 1, 2)
    known = BarRow.objects.get(open_time=gap.first_missing - MINUTE)
    before = Feed.objects.values().get(), StrategyCursor.objects.values().get()
    assert late_bars.fill(gap=gap, told=_told(gap, 5), now=road.at)
    assert BarRow.objects.filter(open_time__gte=gap.first_missing, close=150).count() == 2
    known.refresh_from_db()
    assert known.close == 100
    assert (Feed.objects.values().get(), StrategyCursor.objects.values().get()) == before
    assert (_entries(), _open_gaps()) == (1, (1, 0, 0))
    road.hold(2)
    assert not Signal.objects.exists()
    assert late_bars.open_gaps(gap.feed_id, road.at) == []
    assert not late_bars.fill(gap=gap, told=_told(gap, 2), now=road.at)
    assert _entries() == 1


def test_a_gap_stays_open_until_its_last_bar_is_there() -> None:
    road, gap = _with_gap()
    assert not late_bars.fill(gap=gap, told=[], now=road.at)
    assert not late_bars.fill(gap=gap, told=_told(gap, 1), now=road.at)
    assert (_entries(), _open_gaps()) == (0, (1, 1, 2))
    assert late_bars.fill(gap=gap, told=_told(gap, 2), now=road.at)
    assert (_entries(), _open_gaps()) == (1, (1, 0, 0))


def test_what_a_strategy_has_not_passed_yet_is_not_filled() -> None:
    road, gap = _with_gap()
    StrategyCursor.objects.update(last_open_time=gap.first_missing)
    before = BarRow.objects.count()
    assert not late_bars.fill(gap=gap, told=_told(gap, 2), now=road.at)
    assert BarRow.objects.count() == before
    StrategyCursor.objects.update(last_open_time=gap.first_missing + MINUTE)
    assert late_bars.fill(gap=gap, told=_told(gap, 2), now=road.at)


def test_after_a_day_a_gap_is_not_asked_for_any_more() -> None:
    _, gap = _with_gap()
    day_later = gap.first_missing + timedelta(days=1)
    assert late_bars.open_gaps(gap.feed_id, day_later) == [gap]
    assert late_bars.open_gaps(gap.feed_id, day_later + MINUTE) == []
