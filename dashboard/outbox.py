"""What waits to be sent to one browser.

1. A topic and a candle replace the one that waits: only the newest matters.
2. An alert is never dropped; a client that lets too many wait is cut off and replays on return.
"""

import asyncio
from collections import deque
from typing import Any

Message = dict[str, Any]
MOST_ALERTS = 500


class TooSlow(Exception):
    """The client does not read."""


class Outbox:
    def __init__(self) -> None:
        self._alerts: deque[Message] = deque()
        self._latest: dict[str, Message] = {}
        self._ready = asyncio.Event()
        self._too_slow = False

    def put(self, message: Message) -> None:
        """Add without waiting."""
        if message["type"] == "alert":
            self._too_slow = self._too_slow or len(self._alerts) >= MOST_ALERTS
            self._alerts.append(message)
        else:
            slot = f"{message['type']}:{message.get('topic', '')}:{message.get('instrument', '')}"
            self._latest.pop(slot, None)
            self._latest[slot] = message
        self._ready.set()

    async def get(self) -> Message:
        """The next message, alerts first. Raises TooSlow when the client must start again."""
        while True:
            if self._too_slow:
                raise TooSlow
            if self._alerts:
                return self._alerts.popleft()
            if self._latest:
                return self._latest.pop(next(iter(self._latest)))
            self._ready.clear()
            await self._ready.wait()
