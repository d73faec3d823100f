"""One per web process: reads the journal once and tells every browser that watches.

1. It LISTENs on its own connection; when that fails it reads once a second until it works again,
   so a lost notification costs a second and nothing else.
2. It runs only while someone watches, and never writes.
3. Bars are not in the journal: the feed's row is looked at twice a second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from channels.db import database_sync_to_async
from django.db import Error as DatabaseFault
from django.db import connections

from aitrader.kernel.topics import JOURNAL_CHANNEL, Topic
from dashboard import tidings
from dashboard.outbox import Message, Outbox

log = logging.getLogger(__name__)
FALLBACK_SECONDS = 1.0
FEED_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0
_FAULTS = (DatabaseFault, psycopg.Error, OSError)

in_thread: Callable[..., Callable[..., Awaitable[Any]]] = database_sync_to_async


class Hub:
    def __init__(self) -> None:
        self.seq = -1
        self._watchers: set[Outbox] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._alerts: dict[int, int] = {}
        self._pulse: Message = {}

    async def join(self, outbox: Outbox, *, since: int) -> None:
        """Start telling a browser; everything it may have missed since number `since` comes first.

        Open alerts are always repeated: a browser knows by id and count which it has shown.
        """
        first = not self._watchers
        if first:
            self.seq = await in_thread(tidings.last_number)()
        for alert in await in_thread(tidings.open_alerts)():
            self._alerts[alert["id"]] = alert["count"]
            outbox.put(alert)
        self._watchers.add(outbox)
        if since < self.seq:
            for topic in Topic:
                outbox.put({"type": "topic", "topic": str(topic), "seq": self.seq})
        pulse = await in_thread(tidings.pulse)()
        outbox.put({**pulse, "seq": self.seq})
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._forever(work))
                for work in (self._tail, self._watch_feed, self._beat)
            ]

    async def leave(self, outbox: Outbox) -> None:
        """Stop telling a browser; without any, the hub rests."""
        self._watchers.discard(outbox)
        if not self._watchers:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()

    def _tell(self, message: Message) -> None:
        for outbox in self._watchers:
            outbox.put(message)

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except _FAULTS as error:
                log.warning("live screen: %s failed, trying again: %s", work.__name__, error)
                await asyncio.sleep(FALLBACK_SECONDS)

    async def _tail(self) -> None:
        # Before listening, too: what was written while there was no connection.
        await self._read()
        async with await psycopg.AsyncConnection.connect(
            **_address(), autocommit=True, connect_timeout=5
        ) as connection:
            await connection.execute(f"LISTEN {JOURNAL_CHANNEL}")
            while True:
                async for _notice in connection.notifies(timeout=FALLBACK_SECONDS, stop_after=1):
                    pass
                await self._read()

    async def _read(self) -> None:
        self.seq, concerned = await in_thread(tidings.read_journal)(self.seq)
        for topic, seq in concerned.items():
            self._tell({"type": "topic", "topic": str(topic), "seq": seq})
        await self._read_alerts()

    async def _read_alerts(self) -> None:
        found = await in_thread(tidings.open_alerts)()
        fresh = [each for each in found if self._alerts.get(each["id"]) != each["count"]]
        gone = set(self._alerts) - {each["id"] for each in found}
        self._alerts = {each["id"]: each["count"] for each in found}
        for alert in fresh:
            self._tell(alert)
        if fresh or gone:
            self._tell({"type": "topic", "topic": str(Topic.ALERTS), "seq": self.seq})

    async def _watch_feed(self) -> None:
        while True:
            pulse = await in_thread(tidings.pulse)()
            before, self._pulse = self._pulse.get("feed") or {}, pulse
            feed = pulse["feed"] or {}
            if feed.get("market_at") != before.get("market_at"):
                for message in await in_thread(tidings.candles)(feed["id"]):
                    self._tell({**message, "seq": self.seq})
                self._tell({"type": "topic", "topic": str(Topic.CARDS), "seq": self.seq})
            turned = [key for key in ("id", "stale", "running") if feed.get(key) != before.get(key)]
            if turned:
                for topic in (Topic.STATE, Topic.CARDS):
                    self._tell({"type": "topic", "topic": str(topic), "seq": self.seq})
            await asyncio.sleep(FEED_SECONDS)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            pulse = await in_thread(tidings.pulse)()
            self._tell({**pulse, "seq": self.seq})
            if (pulse["feed"] or {}).get("stale"):
                # The age on the cards grows while nothing else happens.
                self._tell({"type": "topic", "topic": str(Topic.CARDS), "seq": self.seq})


def _address() -> dict[str, Any]:
    given = connections["default"].settings_dict
    named = {
        "host": given["HOST"],
        "port": given["PORT"],
        "user": given["USER"],
        "password": given["PASSWORD"],
        "dbname": given["NAME"],
        "application_name": "aitrader live screen",
    }
    # Only what says how to reach the server; timeouts of statements do not suit a listener.
    named |= {key: value for key, value in given["OPTIONS"].items() if key.startswith("ssl")}
    return {key: value for key, value in named.items() if value}


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
