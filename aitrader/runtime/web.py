"""The web server inside the process: one address on loopback, signals left to the desk.

1. The port is taken before anything else is done; whoever has it already gets us one clear line.
2. Two signals of the kind that ask to stop end what is being answered; one waits two seconds.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn

from aitrader.kernel.errors import BadInput

HOST = "127.0.0.1"
_BACKLOG = 2048
_LAST_PORT = 65_535
_GRACE_SECONDS = 2


def take_port(port: int) -> socket.socket:
    """A listening socket. Raises BadInput when the port is taken or not allowed."""
    if not 0 <= port <= _LAST_PORT:
        raise BadInput(f"port {port} is not between 0 and {_LAST_PORT}: choose another with PORT")
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"port {port} cannot be used ({reason}): choose another with PORT") from None
    taken.setblocking(False)
    return taken


class Web(uvicorn.Server):
    """uvicorn, telling when it answers and leaving signals alone."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                "aitrader.asgi:application",
                lifespan="off",
                ws="websockets-sansio",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()
