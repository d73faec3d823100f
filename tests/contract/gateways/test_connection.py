"""How long a call to the venue may take, however the answer comes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL, to_millis
from aitrader.kernel.errors import NotSent, OutcomeUnknown
from trading.gateways.binance import connection
from trading.gateways.binance.connection import Address, Connection

DRIP_SECONDS = 0.1
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Answer = Callable[[socket.socket], None]


def _whole(line: socket.socket) -> None:
    body = b'{"serverTime": %d}' % to_millis(WALL.now())
    line.sendall(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def _silence(line: socket.socket) -> None:
    line.recv(1)


def _dripping(head: bytes, drip: bytes) -> Answer:
    def answer(line: socket.socket) -> None:
        line.sendall(_HEAD + head + b"\r\n")
        for _ in range(200):
            threading.Event().wait(DRIP_SECONDS)
            line.sendall(drip)

    return answer


@contextmanager
def _venue(answers: dict[bytes, Answer]) -> Iterator[str]:
    """A server that answers by what the path contains."""

    def serve(line: socket.socket) -> None:
        with line:
            while asked := line.recv(65536):
                path = asked.split(b" ")[1]
                try:
                    next(each for part, each in answers.items() if part in path)(line)
                except OSError:
                    return

    def accept() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=[line], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _connection(url: str, timeout_seconds: tuple[float, float]) -> Connection:
    nobody = SecretStr("")
    return Connection(Address(url, nobody, nobody), wall=WALL, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"Content-Length: 200\r\n", b" "),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\n \r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"0"),
        (b"Connection: close\r\n", b" "),
    ],
)
def test_an_answer_that_drips_ends_with_the_time_of_a_call(head: bytes, drip: bytes) -> None:
    with _venue({b"/time": _whole, b"": _dripping(head, drip)}) as url:
        venue = _connection(url, (0.3, 0.4))
        began = monotonic()
        with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
            venue.call(lambda client: client.get_klines(symbol="BTCUSDT", interval="1m"))
        assert monotonic() - began < 3
        # The connection is of use again.
        assert venue.call(lambda client: client.get_server_time())["serverTime"]


def test_the_clock_is_asked_with_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_SAMPLE_TIMEOUT_SECONDS", (0.2, 0.2))
    with _venue({b"/time": _silence}) as url:
        venue = _connection(url, (30.0, 30.0))
        began = monotonic()
        with pytest.raises(NotSent, match="clock could not be read"):
            venue.call(lambda client: client.get_klines(symbol="BTCUSDT", interval="1m"))
        assert monotonic() - began < 5
