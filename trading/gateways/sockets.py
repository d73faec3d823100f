"""A WebSocket to a venue for a thread that waits: the library's asyncio client behind it.

1. The library's own client for threads reads and writes one TLS connection from two threads, which
   Python's TLS does not bear: about one handshake in a hundred hangs. Here one thread does both.
2. That thread serves every line of the process; nobody else's code runs on it.
3. Every call ends: connecting, receiving and closing have their timeouts.
"""

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_connection
from websockets.exceptions import WebSocketException

from aitrader.kernel.errors import GatewayError

T = TypeVar("T")

#: What a line ends with; the client tells a connection that closed in its handshake by EOFError.
LINE_FAULTS = (GatewayError, WebSocketException, OSError, EOFError)
_OPEN_SECONDS = 5.0
_SEND_SECONDS = 5.0
_CLOSE_SECONDS = 1.0
#: The thread answers at once or not at all.
_GRACE_SECONDS = 1.0
_MOST_BYTES = 5 * 1024 * 1024


class Socket:
    """One open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, text: str) -> None:
        """Raises what LINE_FAULTS lists."""
        _run(self._connection.send(text), _SEND_SECONDS)

    def recv(self, timeout: float) -> str | bytes:
        """The next message. Raises TimeoutError when none came in time, else what LINE_FAULTS
        lists."""
        return _run(asyncio.wait_for(self._connection.recv(), timeout), timeout + _GRACE_SECONDS)


@contextmanager
def connect(url: str, *, context: ssl.SSLContext | None = None) -> Iterator[Socket]:
    """An open connection until the block ends. Raises what LINE_FAULTS lists."""
    options: dict[str, Any] = {} if context is None else {"ssl": context}
    connection = _run(_opened(url, options), _OPEN_SECONDS + _GRACE_SECONDS)
    try:
        yield Socket(connection)
    finally:
        with suppress(*LINE_FAULTS):
            _run(connection.close(), _CLOSE_SECONDS + _GRACE_SECONDS)


async def _opened(url: str, options: dict[str, Any]) -> ClientConnection:
    return await open_connection(
        url,
        open_timeout=_OPEN_SECONDS,
        close_timeout=_CLOSE_SECONDS,
        max_size=_MOST_BYTES,
        **options,
    )


def _run(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Have the sockets' thread do it. Raises what it raises, TimeoutError when it takes longer."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        future.cancel()
        raise


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="sockets", daemon=True).start()
    return loop
