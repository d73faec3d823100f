"""From journal entries, alerts and bars to the small messages of the live screen."""

from collections.abc import Iterable
from typing import Any

from aitrader.kernel.clock import WALL, iso
from aitrader.kernel.topics import Topic
from compliance.selectors import alerts, journal
from trading.selectors import chart, desk_view

BATCH = 1_000
ALERTS = 50
#: Which parts of the screen an event concerns, by the noun in front of its name.
CONCERNS: dict[str, tuple[Topic, ...]] = {
    "order": (Topic.ORDERS, Topic.CARDS),
    "signal": (Topic.STRATEGIES,),
    "strategy": (Topic.STRATEGIES,),
    "trading": (Topic.STATE, Topic.CARDS),
    "limit": (Topic.CARDS,),
    "feed": (Topic.CARDS,),
    "stream": (Topic.CARDS,),
    "second_source": (Topic.CARDS,),
    "venue": (Topic.CARDS,),
    "clock": (Topic.CARDS,),
    "parent_order": (Topic.ORDERS,),
    "candles": (),
    "run": (Topic.STATE, Topic.CARDS, Topic.STRATEGIES, Topic.ORDERS),
    "reconciliation": (Topic.CARDS,),
    "position": (Topic.CARDS,),
    "integrity": (Topic.STATE, Topic.CARDS),
    "account": (Topic.CARDS,),
    "instrument": (Topic.CHART,),
    "alert": (Topic.ALERTS,),
}


def topics(entries: Iterable[journal.Entry]) -> dict[Topic, int]:
    """The topics that the entries concern, each with the last number that did."""
    found: dict[Topic, int] = {}
    for entry in entries:
        for topic in CONCERNS.get(entry.event.partition(".")[0], ()):
            found[topic] = entry.leaf_index
        if entry.event == "order.filled":
            found[Topic.CHART] = found[Topic.STRATEGIES] = entry.leaf_index
    return found


def last_number() -> int:
    """The number of the newest entry; -1 for an empty journal."""
    return journal.size() - 1


def read_journal(after: int) -> tuple[int, dict[Topic, int]]:
    """The number reached and the topics concerned since `after`."""
    reached, concerned = after, {}
    while entries := journal.entries_after(reached, BATCH):
        concerned.update(topics(entries))
        reached = entries[-1].leaf_index
        if len(entries) < BATCH:
            break
    return reached, concerned


def open_alerts() -> list[dict[str, Any]]:
    """Open alerts as messages, oldest first."""
    return [
        {
            "type": "alert",
            "seq": row.last_leaf_index,
            "id": row.id,
            "count": row.count,
            "severity": str(row.severity),
            "title": row.title,
            "at": iso(row.last_at),
        }
        for row in sorted(alerts.open_alerts(ALERTS), key=lambda row: row.last_leaf_index)
    ]


def pulse() -> dict[str, Any]:
    """The heartbeat's view of the feed: its age and whether that is too old."""
    now = WALL.now()
    desk = desk_view.desk()
    found: dict[str, Any] = {"type": "hb", "now": iso(now), "feed": None}
    if desk is not None:
        found["feed"] = {
            "age": round(desk.age(now).total_seconds(), 1),
            "stale": desk.stale(now),
            "running": desk.running,
            "market_at": iso(desk.market_at) if desk.market_at else None,
            "id": desk.feed_id,
        }
    return found


def candles(feed_id: int) -> list[dict[str, Any]]:
    """The newest bar of each instrument as messages."""
    return [
        {
            "type": "candle",
            "topic": str(Topic.CHART),
            "instrument": bar.instrument,
            "bar": chart.as_json(bar),
        }
        for bar in chart.newest(feed_id)
    ]
