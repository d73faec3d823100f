"""One WebSocket of a client: what is sent, when, and how it dies.

1. One writer: what is handed over first is sent first, a delay holds up what comes after it.
2. A connection that the plan makes silent stays open and neither sends nor reads any more.
3. A ping every 20 s; a minute without its pong ends the connection.

Source: binance-spot-api-docs, web-socket-streams.md "General WSS information"; venues.md X17.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from aitrader.kernel.clock import monotonic
from trading.sandbox.faults import ConnectionFate, EventFate

_PING_SECONDS, _DEAD_SECONDS = 20, 60
_HELD_SECONDS = 1.0


class Connection:
    """`farewell` makes the message that goes before a cut with notice."""

    def __init__(self, fate: ConnectionFate, farewell: Callable[[], object]) -> None:
        self.socket = web.WebSocketResponse(autoping=False)
        self.silent = False
        self._fate = fate
        self._farewell = farewell
        self._outbox: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._last_pong = monotonic()
        self._ended = asyncio.Event()

    def send(self, message: object, delay: timedelta = timedelta(0)) -> None:
        self.send_text(orjson.dumps(message).decode(), delay)

    def send_text(self, message: str, delay: timedelta = timedelta(0)) -> None:
        self._outbox.put_nowait((monotonic() + delay.total_seconds(), message))

    def cut(self, *, notice: bool) -> None:
        """End the connection once what was handed over is sent."""
        if notice:
            self.send(self._farewell())
        self._ended.set()

    async def serve(
        self, request: web.Request, on_text: Callable[[str], Awaitable[None]]
    ) -> web.WebSocketResponse:
        """Until the client goes or the plan ends it."""
        await self.socket.prepare(request)
        loop = asyncio.get_running_loop()
        timers = []
        if self._fate.silent_after is not None:
            timers.append(loop.call_later(self._fate.silent_after.total_seconds(), self.hush))
        if self._fate.cut_after is not None:
            seconds, notice = self._fate.cut_after.total_seconds(), self._fate.notice
            timers.append(loop.call_later(seconds, lambda: self.cut(notice=notice)))
        work = [loop.create_task(each) for each in (self._write(), self._ping(), self._end())]
        reader = loop.create_task(self._read(on_text))
        try:
            await asyncio.wait([*work, reader], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for timer in timers:
                timer.cancel()
            for task in (*work, reader):
                task.cancel()
            await asyncio.gather(*work, reader, return_exceptions=True)
            if self.silent and request.transport is not None:
                # It reads no goodbye either.
                request.transport.abort()
            with contextlib.suppress(ConnectionError):
                await self.socket.close(code=WSCloseCode.GOING_AWAY)
        return self.socket

    def hush(self) -> None:
        """From now on nothing is sent and nothing is read."""
        self.silent = True

    async def _read(self, on_text: Callable[[str], Awaitable[None]]) -> None:
        async for message in self.socket:
            if self.silent:
                await asyncio.Event().wait()
            if message.type is WSMsgType.TEXT:
                await on_text(message.data)
            elif message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._last_pong = monotonic()

    async def _write(self) -> None:
        while True:
            due, message = await self._outbox.get()
            await asyncio.sleep(max(0.0, due - monotonic()))
            if self.silent:
                await asyncio.Event().wait()
            try:
                await self.socket.send_str(message)
            except ConnectionError:
                return
            finally:
                self._outbox.task_done()

    async def _ping(self) -> None:
        while monotonic() - self._last_pong < _DEAD_SECONDS or self.silent:
            await asyncio.sleep(_PING_SECONDS)
            if not self.silent:
                await self.socket.ping()

    async def _end(self) -> None:
        await self._ended.wait()
        if self.silent:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._outbox.join(), timeout=_HELD_SECONDS)


class Delivery:
    """Events on their way to a stream: lost, doubled, delayed or overtaken as the plan wants.

    `change` makes of an item what its fate leaves of it."""

    def __init__(
        self,
        send: Callable[[Any, timedelta], None],
        fate_of: Callable[[int], EventFate],
        change: Callable[[Any, EventFate], Any] = lambda item, _fate: item,
    ) -> None:
        self._send = send
        self._change = change
        self._fate_of = fate_of
        self._number = 0
        self._held: list[tuple[int, Any, EventFate]] = []

    def __call__(self, item: Any) -> None:
        self._number += 1
        fate = self._fate_of(self._number)
        if fate.overtaken_by:
            self._held.append((self._number + fate.overtaken_by, item, fate))
            # Where nothing follows, nothing can overtake.
            asyncio.get_running_loop().call_later(_HELD_SECONDS, self._release, None)
            return
        self._emit(item, fate)
        self._release(self._number)

    def _release(self, number: int | None) -> None:
        due = [each for each in self._held if number is None or each[0] <= number]
        self._held = [each for each in self._held if each not in due]
        for _, item, fate in due:
            self._emit(item, fate)

    def _emit(self, item: Any, fate: EventFate) -> None:
        for _ in range(fate.copies):
            self._send(self._change(item, fate), fate.delay)
