"""When the first byte of an order leaves, its request is committed, and it is what leaves."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg
import pytest
import requests
from django.db import connections
from psycopg.rows import dict_row

from aitrader.kernel.errors import NotSent, RejectedByVenue
from aitrader.kernel.fix import OrdType, Side
from compliance.models import JournalEntry
from tests.factories.road import Road, only_order
from tests.integration.trading.at_venue import BINANCE, BTCTURK, COINBASE, Place, at_venue
from trading.domain import request
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.coinbase import gateway
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.transport import Capped
from trading.models import Order
from trading.services import claims, routing

pytestmark = pytest.mark.usefixtures("fresh_database")
_ORDERS = re.compile(r"/(order|orders)$")


@dataclass
class _Left:
    """What went to the socket, and the order as another session saw it at that instant."""

    body: str
    kept: dict[str, Any]


@contextmanager
def _socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[_Left]]:
    left: list[_Left] = []
    send = Capped.send

    def watched(self: Capped, prepared: requests.PreparedRequest, **given: Any) -> Any:
        path = str(prepared.url).partition("?")[0]
        if prepared.method == "POST" and _ORDERS.search(path):
            body = prepared.body
            assert isinstance(body, str | bytes)
            left.append(_Left(body if isinstance(body, str) else body.decode(), _committed()))
        return send(self, prepared, **given)

    with monkeypatch.context() as patched:
        patched.setattr(Capped, "send", watched)
        yield left


def _committed() -> dict[str, Any]:
    """The one order, as a session that has written nothing sees it."""
    # No cursor class of Django's: it would be of the session that wrote.
    given = connections["default"].get_connection_params()
    wanted = ("dbname", "host", "port", "user", "password")
    with psycopg.connect(**{name: given[name] for name in wanted if name in given}) as apart:
        found = apart.cursor(row_factory=dict_row).execute("SELECT * FROM trading_order").fetchall()
    (order,) = found
    return order


def _as_it_is(left: _Left) -> str:
    return left.body


def _without_the_moment(left: _Left) -> str:
    said = dict(parse_qsl(left.body))
    del said["timestamp"], said["signature"]
    window = timedelta(milliseconds=int(said.pop("recvWindow")))
    assert window == left.kept["recv_window"]
    return request.written(said)


@pytest.mark.parametrize(
    ("place", "canonical"),
    [(BINANCE, _without_the_moment), (COINBASE, _as_it_is), (BTCTURK, _as_it_is)],
    ids=lambda given: getattr(given, "venue", ""),
)
@pytest.mark.parametrize("kind", [OrdType.LIMIT, OrdType.MARKET])
def test_at_the_first_byte_the_request_is_committed_and_is_what_leaves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Place,
    canonical: Callable[[_Left], str],
    kind: OrdType,
) -> None:
    with at_venue(tmp_path, place=place) as venue:
        order = venue.waiting("kept")
        if kind is OrdType.MARKET:
            venue.quotes()
            # BTCTurk takes what buys at the market as a limit order, by the best ask.
            Order.objects.update(ord_type=kind, side=Side.BUY, price=None)
        with _socket(monkeypatch) as socket:
            assert routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now()) == 1
        (left,) = socket
        kept = left.kept
        assert (kept["ord_status"], kept["cl_ord_id"]) == ("PENDING_NEW", order.cl_ord_id)
        assert canonical(left) == kept["body"]
        assert kept["body_sha256"] == hashlib.sha256(kept["body"].encode()).hexdigest()
        able = venue.gateway.capabilities
        assert kept["recv_window"] == able.recv_window
        assert kept["deadline"] - kept["claimed_at"] == able.enters_within
        assert _told("order.sent") == [kept["body_sha256"]]


def test_what_is_sent_again_is_what_was_kept_whatever_would_be_said_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_venue(tmp_path, place=COINBASE) as venue:
        venue.waiting("kept")
        # As if the process had died here, and another revision of the desk had been started.
        claims.claim(venue.desk, venue.gateway, venue.now())
        order = Order.objects.select_related("instrument").get()
        monkeypatch.setattr(gateway, "_body", _never)
        with _socket(monkeypatch) as socket:
            assert routing.repeat(
                desk=venue.desk, gateway=venue.gateway, order=order, at=venue.now()
            )
        (left,) = socket
        assert left.body == left.kept["body"] == order.body
        assert _told("order.sent") == [order.body_sha256] * 2
        assert venue.at_exchange() == [order.cl_ord_id]


def _never(orders: object) -> Any:
    raise AssertionError("the request was kept")


class _Looks(SimGateway):
    """Notes what is committed when it is called."""

    def __init__(self, road: Road) -> None:
        super().__init__(road.rules)
        self.kept: list[dict[str, Any]] = []
        self.sent: list[NewOrder] = []

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        self.kept.append(_committed())
        self.sent.append(order)
        return super().submit(account=account, order=order)


class _Wordless(_Looks):
    def request(self, orders: Sequence[NewOrder]) -> str:
        raise RejectedByVenue("UNSUPPORTED", "no words for it")


def _waiting(road: Road) -> Order:
    road.move(100)
    road.decide(110)
    return only_order()


def test_the_simulated_venue_is_told_the_order_that_was_kept_and_no_other() -> None:
    road = Road()
    _waiting(road)
    venue = _Looks(road)
    assert routing.send_next(desk=road.desk, gateway=venue, at=road.moment) == 1
    (kept,), (sent,) = venue.kept, venue.sent
    assert sent.body == kept["body"] == request.of_orders([sent])
    assert (kept["ord_status"], _told("order.sent")) == ("PENDING_NEW", [kept["body_sha256"]])
    other = replace(sent, cl_ord_id="OTHER", order_qty=sent.order_qty * 2)
    with pytest.raises(NotSent, match="the request that was kept is another"):
        venue.submit(account=road.desk.account.code, order=other)


def test_an_order_whose_request_cannot_be_said_is_refused_and_never_sent() -> None:
    road = Road()
    order = _waiting(road)
    venue = _Wordless(road)
    routing.send_next(desk=road.desk, gateway=venue, at=road.moment)
    order.refresh_from_db()
    assert (order.ord_status, order.body, venue.sent) == ("REJECTED", "", [])


def _told(event: str) -> list[str]:
    rows = JournalEntry.objects.filter(event=event).order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"]["data"]["sha256"] for row in rows]
