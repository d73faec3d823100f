# isort: skip_file
"""A fill at the venue → the browser of a running desk: where the time goes, hop by hop.

The desk is `manage.py run` in a process of its own; the browser is a logged-in WebSocket, which
asks for the list of orders again when it is told to, as the page does. Every event costs the desk
reads that the venue counts: more than one round of fills a minute would be refused.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import psycopg

from benchmarks import _desk as desks
from benchmarks import _venue as venue

import requests
from django.conf import settings
from django.db import connections
from django.test import Client as Browser
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import Origin as By
from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.topics import JOURNAL_CHANNEL
from compliance.domain.roles import FIRST_OPERATOR
from compliance.services import access, installation
from trading.domain.order import OrderIntent
from trading.gateways import registry
from trading.models import Account, Feed, Order
from trading.selectors import desk as loaded
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.services import orders

_QTY = Decimal("0.001")
_ROUND = 20
#: News that come close together are asked about together, so it matters what came before.
_PAUSES_SECONDS = {"alone": 1.5, "soon after another": 0.2}
_MINUTE_SECONDS = 60.0
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_AIM_MILLIS = 250
_HEARD, _NUMBERED = "the user stream tells it, heard bare", "committed and numbered"
_TOLD, _SHOWN = "the browser is told", "the browser has the list of orders"
_LEAF = """
SELECT leaf.leaf_index FROM compliance_journalentry entry
  JOIN compliance_journalleaf leaf ON leaf.entry_id = entry.id
 WHERE entry.object_type = 'order' AND entry.object_id = %s AND entry.event = 'order.filled'
"""
#: An instant and what came then.
Noted = tuple[float, int]


def measure(fills: int) -> None:
    with desks.own_database() as database, venue.sandbox(accounts=1) as exchange:
        venue.point(exchange.there)
        program = [
            *(sys.executable, "-m", "benchmarks._running_desk"),
            *(database, json.dumps(exchange.there)),
        ]
        with venue.ended(program) as process:
            # With the first start the line goes on with a password, which is nobody's business.
            address = venue.said(process, "http://").split()[0].rstrip("/")
            with _Watch(address).watching() as watch:
                watch.take(exchange, fills)


class _Watch:
    """One who rests orders on a running desk, has them filled, and looks on at every hop."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookie = _logged_in()
        line = registry.connect(venue.VENUE, namespace="").line
        assert line is not None
        self._line, self._greetings = line, line.greetings()
        self._heard: SimpleQueue[float] = SimpleQueue()
        self._numbered: SimpleQueue[Noted] = SimpleQueue()
        self._told: SimpleQueue[Noted] = SimpleQueue()
        self._stopping = Event()
        self._browser = requests.Session()
        self._browser.headers["Cookie"] = self._cookie
        self._number = 0

    @contextmanager
    def watching(self) -> "Iterator[_Watch]":
        works = (self._hear, self._listen, self._look)
        watchers = [Thread(target=work, daemon=True) for work in works]
        for each in watchers:
            each.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for each in watchers:
                each.join(_PATIENCE_SECONDS)
            self._browser.close()

    def take(self, exchange: venue.Exchange, fills: int) -> None:
        desk = _desk()
        taken: dict[tuple[str, str], list[float]] = defaultdict(list)
        done = 0
        while done < fills:
            if done:
                time.sleep(_MINUTE_SECONDS - time.time() % _MINUTE_SECONDS)
            for order in self._rest(desk, min(_ROUND, fills - done)):
                how = list(_PAUSES_SECONDS)[done % 2]
                time.sleep(_PAUSES_SECONDS[how])
                for hop, seconds in self._fill(exchange, order).items():
                    taken[how, hop].append(seconds)
                done += 1
        print(f"{desks.server()}, {fills} fills at the venue, one by one; since the trade:")
        for (how, hop), each in taken.items():
            print(f"  {f'{how}: {hop}':<58} {venue.millis(each, 50, 95)}", end="")
            print(f"   (aim: p95 ≤ {_AIM_MILLIS} ms)" if hop == _SHOWN else "")

    def _rest(self, desk: Desk, count: int) -> list[Order]:
        """Orders that rest at the venue, the next to be filled first; the desk sends them."""
        desk.refresh_bars()
        made = [self._order(desk, Decimal(59_900 - number)) for number in range(count)]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        keys = [order.pk for order in made]
        while Order.objects.filter(pk__in=keys, ord_status="NEW").count() < count:
            found = set(Order.objects.filter(pk__in=keys).values_list("ord_status", "text"))
            assert time.monotonic() < deadline, found
            time.sleep(_LOOK_SECONDS)
        return made

    def _order(self, desk: Desk, price: Decimal) -> Order:
        (row,) = desk.instruments.values()
        self._number += 1
        at = venue.now()
        intent = OrderIntent(
            intent_id=ids.derive(desk.namespace, "bench", self._number),
            account=desk.account.code,
            instrument=row.code,
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=_QTY,
            price=price,
            origin=By.OPERATOR,
            reference_px=venue.PX,
            reason="benchmark",
            decided_at=at.market,
        )
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        return orders.submit(desk=desk, draft=draft, at=at)

    def _fill(self, exchange: venue.Exchange, order: Order) -> dict[str, float]:
        for queue in (self._heard, self._numbered, self._told):
            _empty(queue)
        assert order.price is not None
        traded = time.perf_counter()
        exchange.sells(order.price, _QTY)
        told, leaf = self._until_told(order)
        page = self._browser.get(f"{self._address}/d/orders", timeout=_PATIENCE_SECONDS)
        shown = time.perf_counter()
        page.raise_for_status()
        assert order.public_id in page.text
        numbered, _ = _first(self._numbered, leaf)
        heard = self._heard.get(timeout=_PATIENCE_SECONDS)
        ends = {_HEARD: heard, _NUMBERED: numbered, _TOLD: told, _SHOWN: shown}
        return {hop: end - traded for hop, end in ends.items()}

    def _until_told(self, order: Order) -> Noted:
        """When the browser was told of the order's fill, and the number of its entry."""
        while True:
            told, seq = self._told.get(timeout=_PATIENCE_SECONDS)
            row = sql.fetch_one(_LEAF, [order.public_id])
            if row is not None and seq >= row[0]:
                return told, row[0]

    def _hear(self) -> None:
        """The account's own line, opened beside the desk's and listened to bare."""
        with connect(self._line.url) as socket:
            for greeting in self._greetings:
                socket.send(greeting)
            while not self._stopping.is_set():
                try:
                    message = json.loads(socket.recv(timeout=_LOOK_SECONDS))
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                told = message.get("event", {})
                if told.get("e") == "executionReport" and told["x"] == "TRADE":
                    self._heard.put(time.perf_counter())

    def _listen(self) -> None:
        parameters = connections["default"].get_connection_params()
        wanted = ("host", "port", "user", "password", "dbname")
        given = {key: parameters[key] for key in wanted if parameters.get(key)}
        with psycopg.connect(**given, autocommit=True) as connection:
            connection.execute(f"LISTEN {JOURNAL_CHANNEL}")
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=_LOOK_SECONDS):
                    self._numbered.put((time.perf_counter(), int(notice.payload)))

    def _look(self) -> None:
        url = f"{self._address.replace('http', 'ws', 1)}/ws/live/?since=0"
        with connect(
            url, origin=Origin(self._address), additional_headers={"Cookie": self._cookie}
        ) as socket:
            while not self._stopping.is_set():
                try:
                    message: dict[str, Any] = json.loads(socket.recv(timeout=_LOOK_SECONDS))
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                if message.get("topic") == "orders":
                    self._told.put((time.perf_counter(), message["seq"]))


def _logged_in() -> str:
    """The cookie of a browser with both factors."""
    made = access.create_operator(
        username="bench", roles=FIRST_OPERATOR, now=WALL.now(), actor="setup"
    )
    device = TOTPDevice.objects.create(user=made.operator, name="authenticator", confirmed=True)
    browser = Browser()
    browser.force_login(made.operator, backend="django.contrib.auth.backends.ModelBackend")
    session = browser.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _desk() -> Desk:
    """The running desk, once its bars are recorded and its day is begun."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not Account.objects.filter(days__isnull=False).exists():
        assert time.monotonic() < deadline, "the desk does not value its account"
        time.sleep(_LOOK_SECONDS)
    connected = registry.connect(venue.VENUE, namespace="")
    return loaded.load(
        account_id=Feed.objects.get().account_id,
        namespace=installation.namespace(),
        fee_rate=connected.fee_rate,
        capabilities=connected.gateway.capabilities,
    )


def _first(noted: "SimpleQueue[Noted]", number: int) -> Noted:
    """The first that came with at least this number."""
    while True:
        found = noted.get(timeout=_PATIENCE_SECONDS)
        if found[1] >= number:
            return found


def _empty(queue: "SimpleQueue[Any]") -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        pass
