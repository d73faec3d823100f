"""The venues' own gateways within a simulation: their client libraries, signatures and codes, with
a stage's protocol at the other end of the line, and no network.

1. Everything but the sockets is the product's: the library makes the request, `Capped` carries it,
   the error it raises is translated.
2. A process may be stopped when a request is signed and has not left. What its library reads of the
   machine's clock is the process's own.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial, wraps
from http import HTTPStatus
from io import BytesIO
from typing import Any

import requests
from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from trading.domain.ports import Gateway
from trading.gateways.binance import connection as binance_line
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.btcturk import connection as btcturk_line
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.gateways.coinbase import connection as coinbase_line
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.gateways.silence import Silence
from trading.gateways.transport import Capped
from trading.sandbox import carriage, machine_time, protocols
from trading.sandbox.carriage import Carriage, NoAnswer
from trading.sandbox.http import HttpRequest
from trading.sandbox.protocols import Protocol
from trading.sandbox.wire import Process, Wire

_HOST = "127.0.0.1:1"
_URL = f"http://{_HOST}"
#: What a call of each of the gateways waits at the most.
_PATIENCE = timedelta(seconds=sum(binance_line.TIMEOUT_SECONDS))


class _Pool:
    """As urllib3 has them: one host and its lines."""

    def __init__(self, line: Carriage) -> None:
        self._line = line

    def urlopen(
        self, method: str, url: str, body: Any, headers: Mapping[str, str], **given: Any
    ) -> HTTPResponse:
        whole = CaseInsensitiveDict({**headers, "Host": _HOST})
        sent = body.encode() if isinstance(body, str) else body or b""
        # As requests makes it: both are numbers.
        waits: Any = given["timeout"]
        patience = timedelta(seconds=waits.connect_timeout + waits.read_timeout)
        try:
            told = self._line.ask(HttpRequest(method, url, whole, sent, "desk"), patience=patience)
        except NoAnswer as error:
            if error.gave_up:
                raise ReadTimeoutError(self, url, "read timed out") from None  # type: ignore[arg-type]  # of no real pool
            raise ProtocolError("Connection aborted.") from None
        return HTTPResponse(
            BytesIO(told.body), told.headers, told.status,
            reason=HTTPStatus(told.status).phrase, preload_content=False, decode_content=False,
            request_method=method,
        )  # fmt: skip


class _Carried(Capped):
    """Takes to the stage what would go to the network."""

    def __init__(self, line: Carriage) -> None:
        super().__init__()
        self._line = line

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self._line.begin(args[0].method)
        return super().send(*args, **kwargs)

    def bounded(self, deadline: float, response: requests.Response) -> AbstractContextManager[None]:
        """The whole of the answer is there."""
        return nullcontext()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        return _Pool(self._line)


@dataclass(slots=True)
class _Quiet:
    """What the processes know of a silence that was asked for."""

    seconds: Callable[[], float]
    _until: dict[str, float] = field(default_factory=dict)

    def left(self, host: str) -> float:
        return max(0.0, self._until.get(host, 0.0) - self.seconds())

    def begin(self, host: str, seconds: float) -> None:
        self._until[host] = max(self._until.get(host, 0.0), self.seconds() + seconds)


def connect(venue: str) -> Callable[[Wire], Callable[[Process], Gateway]]:
    """How the processes of one account come to the gateway of this venue of the sandbox."""
    return partial(_share, venue)


def _share(venue: str, wire: Wire) -> Callable[[Process], Gateway]:
    protocol = protocols.of(venue, wire)
    carriage.set_out(wire.stage, patience=_PATIENCE)
    return partial(_connected, venue, wire, protocol, _Quiet(wire.seconds))


@dataclass(frozen=True, slots=True)
class _Own:
    """What a process makes its connection of."""

    protocol: Protocol
    process: Process
    quiet: _Quiet
    line: Carriage

    @property
    def key(self) -> SecretStr:
        return SecretStr(self.protocol.api_key)

    @property
    def secret(self) -> SecretStr:
        return SecretStr(self.protocol.api_secret)

    def silence(self) -> Silence:
        return Silence(self.quiet)

    def carrier(self) -> Capped:
        return _Carried(self.line)


def _connected(
    venue: str, wire: Wire, protocol: Protocol, quiet: _Quiet, process: Process
) -> Gateway:
    line = Carriage(wire, process, protocol.respond)
    clock = partial(
        machine_time.shown,
        wall=lambda: process.now().timestamp(),
        seconds=wire.seconds,
        sleep=lambda seconds: wire.pass_time(timedelta(seconds=seconds)),
    )
    with clock():
        gateway = _GATEWAYS[venue](_Own(protocol, process, quiet, line))
    for name in filter(partial(hasattr, gateway), _CALLS):
        setattr(gateway, name, _spoken(getattr(gateway, name), line, clock))
    return gateway


def _spoken(
    call: Callable[..., Any], line: Carriage, clock: Callable[[], AbstractContextManager[None]]
) -> Callable[..., Any]:
    @wraps(call)
    def speak(*args: Any, **named: Any) -> Any:
        line.order = named.get("order")
        try:
            with clock():
                return call(*args, **named)
        finally:
            line.order = None

    return speak


def _binance(own: _Own) -> Gateway:
    address = binance_line.Address(f"{_URL}/api", own.key, own.secret)
    return BinanceGateway(
        binance_line.Connection(
            address, wall=own.process, silence=own.silence(), carrier=own.carrier
        )
    )


def _coinbase(own: _Own) -> Gateway:
    address = coinbase_line.Address(_URL, own.key, own.secret)
    return CoinbaseGateway(
        coinbase_line.Connection(
            address, wall=own.process, silence=own.silence(), carrier=own.carrier
        )
    )


def _btcturk(own: _Own) -> Gateway:
    address = btcturk_line.Address(_URL, _URL, own.key, own.secret)
    return BtcturkGateway(
        btcturk_line.Connection(
            address,
            wall=own.process,
            silence=own.silence(),
            carrier=own.carrier,
            stamps=btcturk_line.Stamps(),
        )
    )


_GATEWAYS = {"binance": _binance, "btcturk": _btcturk, "coinbase": _coinbase}
_CALLS = (
    "look", "submit", "cancel", "query", "open_orders", "trades", "client_id_of", "balances",
)  # fmt: skip
