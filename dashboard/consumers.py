"""The live socket: says what changed, never HTML.

1. Who connects must have a session with both factors, and must still have it every six seconds.
2. 4401 means: log in again. It is sent after accepting, or the browser would not see the code.
3. Nothing is read from the client but the number of the last entry it knows.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard import sessions
from dashboard.hub import hub
from dashboard.outbox import Outbox, TooSlow

RECHECK_SECONDS = 6.0
LOG_IN = 4401
START_AGAIN = 4408


class Live(AsyncWebsocketConsumer):
    outbox: Outbox
    tasks: tuple[asyncio.Task[None], ...] = ()

    async def connect(self) -> None:
        await self.accept()
        if not await self._verified():
            await self.close(LOG_IN)
            return
        self.outbox = Outbox()
        await hub().join(self.outbox, since=self._since())
        self.tasks = (asyncio.create_task(self._pump()), asyncio.create_task(self._guard()))

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await hub().leave(self.outbox)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what a client says."""

    async def _pump(self) -> None:
        try:
            while True:
                message = await self.outbox.get()
                await self.send(text_data=orjson.dumps(message).decode())
        except TooSlow:
            await self.close(START_AGAIN)

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if not await self._verified():
                await self.close(LOG_IN)
                return

    async def _verified(self) -> bool:
        session: Any = self.scope.get("session")
        key = getattr(session, "session_key", None)
        return bool(await database_sync_to_async(sessions.verified)(key))

    def _since(self) -> int:
        found = parse_qs(self.scope.get("query_string", b"").decode("ascii", "ignore"))
        text = found.get("since", ["-1"])[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else -1
