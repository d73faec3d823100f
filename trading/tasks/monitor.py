"""MONITOR: whether the prices still move."""

from celery import shared_task

from aitrader.kernel.clock import WALL
from aitrader.kernel.topics import Task
from trading.models import Feed
from trading.models.feed import FeedStatus
from trading.services import feeds

#: By feed, as the journal has it; a process that knows nothing asks the journal once.
_stale: dict[str, bool] = {}


@shared_task(name=Task.MONITOR.value)
def monitor(**_: object) -> None:
    """Journal each running feed that has gone stale or has recovered."""
    now = WALL.now()
    for feed in Feed.objects.filter(status=FeedStatus.RUNNING):
        before = _stale[feed.code] if feed.code in _stale else feeds.was_stale(feed)
        stale = feeds.is_stale(feed, now)
        if stale != before:
            feeds.note_freshness(feed=feed, stale=stale, now=now)
        _stale[feed.code] = stale
