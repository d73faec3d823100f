"""One HTTP request and its answer, whoever carries them: the server's sockets, or a caller within
the same process (inside_line.py)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Handler

from trading.sandbox.calls import Dropped, drop


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`target` is path and query as they were sent; names of headers in any case; `address` is
    whom the limits count."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    address: str

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Bytes that may be garbage, as the headers say or not."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[HttpRequest], Awaitable[HttpAnswer]]


def plain(status: int, text: str = "") -> HttpAnswer:
    """A bare line of text."""
    return HttpAnswer(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


def served(respond: Respond) -> Handler:
    """What a server does with a request that `respond` answers; it may raise Dropped."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = HttpRequest(
            request.method,
            request.raw_path,
            request.headers,
            await request.read(),
            request.remote or "",
        )
        try:
            told = await respond(asked)
        except Dropped:
            return drop(request)
        return web.Response(status=told.status, body=told.body, headers=told.headers)

    return handle
