"""MONITOR: whether the prices still move, and those of a second source."""

from datetime import datetime

from celery import shared_task

from aitrader.kernel.clock import WALL
from aitrader.kernel.topics import Task
from trading.models import Feed
from trading.models.feed import FeedStatus
from trading.services import feeds, second_prices

#: By feed, as the journal has it; a process that knows nothing asks the journal once.
_stale: dict[str, bool] = {}
_second_stale: dict[str, bool] = {}


@shared_task(name=Task.MONITOR.value)
def monitor(**_: object) -> None:
    """Journal each running feed that has gone stale or has recovered, and its second source."""
    now = WALL.now()
    for feed in Feed.objects.filter(status=FeedStatus.RUNNING):
        before = _stale[feed.code] if feed.code in _stale else feeds.was_stale(feed)
        stale = feeds.is_stale(feed, now)
        if stale != before:
            feeds.note_freshness(feed=feed, stale=stale, now=now)
        _stale[feed.code] = stale
        _watch_second_source(feed, now)


def _watch_second_source(feed: Feed, now: datetime) -> None:
    known = _second_stale.get(feed.code)
    before = second_prices.was_stale(feed) if known is None else known
    stale = second_prices.is_stale(feed, now)
    if stale != before:
        second_prices.note(feed=feed, stale=stale, now=now)
    _second_stale[feed.code] = stale
