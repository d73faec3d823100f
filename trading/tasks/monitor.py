"""MONITOR: whether the prices of every instrument still move, and those of a second source."""

from celery import shared_task

from aitrader.kernel.clock import WALL
from aitrader.kernel.topics import Task
from trading.models import Feed
from trading.models.feed import FeedStatus
from trading.services import feeds, second_prices


@shared_task(name=Task.MONITOR.value)
def monitor(**_: object) -> None:
    """Journal what has gone silent or has recovered, of each running feed."""
    now = WALL.now()
    for feed in Feed.objects.filter(status=FeedStatus.RUNNING):
        feeds.note_freshness(feed=feed, now=now)
        second_prices.note_freshness(feed=feed, now=now)
