"""MONITOR: whether prices still move, a second source speaks, and books are still compared."""

from celery import shared_task

from aitrader.kernel.clock import WALL
from aitrader.kernel.topics import Task
from trading.models import Feed
from trading.models.feed import FeedStatus
from trading.services import feeds, overdue, second_prices


@shared_task(name=Task.MONITOR.value)
def monitor(**_: object) -> None:
    """Journal what has gone silent or has recovered, of each running feed."""
    now = WALL.now()
    running = Feed.objects.filter(status=FeedStatus.RUNNING)
    for feed in running.select_related("account__venue"):
        feeds.note_freshness(feed=feed, now=now)
        second_prices.note_freshness(feed=feed, now=now)
        overdue.note(feed=feed, now=now)
