# isort: skip_file
"""A new process on an account with many orders: seconds until its books agree with the venue's.

The venue is the sandbox's Binance, which answers each call after `--latency` milliseconds and
counts request weight as the venue does (6,000 a minute). Of the orders in doubt four in five rest
there, one in ten was filled meanwhile, one in ten never arrived. The account's desk begins in a
process of its own; nothing may be sent before it is done.

    .venv/bin/python -m benchmarks.cold_start [--open N] [--unknown N] [--latency MS] [--moved N]

DATABASE_URL chooses a server; without it the embedded database is used.
"""

from benchmarks import _desk as desks

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.test import override_settings

from aitrader import databases, paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import (
    AccountKind, Certainty, OrdStatus, OrdType, PriceSource, Side, TimeInForce,
)  # fmt: skip
from aitrader.paper import PaperDesk, PaperOptions
from compliance.services import installation
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.domain.order_state import Closedness
from trading.domain.ports import NewOrder
from trading.gateways import registry
from trading.gateways.binance.gateway import BinanceGateway
from trading.models import Order
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.services import external, market_data

_PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "BNB": Decimal(600)}
_MINUTE = timedelta(minutes=1)
#: A venue takes so many orders of an account in ten seconds.
_ORDERS_A_SECOND = 9.5
_BELOW = Decimal("0.99")
_WORTH = Decimal(60)
_CALL_SECONDS = 10
_MOST_TRIES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--open", type=int, default=500)
    parser.add_argument("--unknown", type=int, default=50)
    parser.add_argument("--moved", type=int, default=0, help="of the open ones, traded meanwhile")
    parser.add_argument("--latency", type=int, default=50)
    parser.add_argument("--begin", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.begin:
        print(json.dumps(_begin(json.loads(given.begin))))
        return
    with desks.own_database() as name:
        found = measure(name, given)
        server = desks.server()
    print(
        f"{server}; {given.open} open orders, {given.moved} of them traded meanwhile, "
        f"{given.unknown} in doubt; {given.latency} ms a call"
    )
    print(
        f"green {found['green']}   {found['seconds']:.1f} s, "
        f"with the start of Python {found['whole']:.1f} s"
    )
    print(f"weight {found['weight']}   calls {found['calls']}")
    print(f"orders afterwards {found['orders']}")


def measure(database: str, given: argparse.Namespace) -> dict[str, Any]:
    """What the new process told, and the seconds of its `whole` life. `database` is current, and
    empty of accounts."""
    with _venue() as (there, told):
        _prepare(told, given)
        _change(told, "faults", plan=f"latency_ms={given.latency}")
        before = _orders_at(told)
        started = time.perf_counter()
        asked = json.dumps({"database": database, "venue": there})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.cold_start", "--begin", asked],
            stdout=subprocess.PIPE, check=True, text=True,
        )  # fmt: skip
        whole = time.perf_counter() - started
        assert _orders_at(told) == before, "something was sent"
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "whole": whole}


@contextmanager
def _venue() -> Iterator[tuple[dict[str, str], Mapping[str, Any]]]:
    """The exchange: its addresses as settings, and what it told when it was ready."""
    hold = {"USDT": Decimal(1_000_000), **dict.fromkeys(_PRICES, Decimal(1))}
    options = server.Options(venues=("binance",), market=False, hold=hold)
    with tempfile.TemporaryDirectory() as folder, serving(options) as every:
        told = every["binance"]
        key = Path(folder) / "key.json"
        key.touch(mode=0o600)
        key.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        there = {
            "rest_url": f"{told['rest']}/api",
            "ws_url": told["ws"],
            "ws_api_url": told["ws_api"],
            "credentials": f"file:{key}",
        }
        with _settings(there):
            yield there, told


def _settings(there: Mapping[str, str]) -> override_settings:
    return override_settings(AITRADER_VENUES={**settings.AITRADER_VENUES, "BINANCE": dict(there)})


def _desk() -> PaperDesk:
    """The account's desk, opened or found again."""
    namespace = installation.install(namespace="seed-1", now=WALL.now())
    instruments = [
        Instrument(
            f"BINANCE:{base}-USDT", base, "USDT", AccountKind.SPOT, Decimal("0.01"),
            Decimal("0.00001"), Decimal("0.00001"), Decimal(5),
        )
        for base in _PRICES
    ]  # fmt: skip
    market = paper.Market(
        source=PriceSource.REAL_TIME,
        title="by hand",
        interval=_MINUTE,
        kind=AccountKind.SPOT,
        instruments=[(each, "by hand") for each in instruments],
    )
    return paper.open_desk(
        PaperOptions(venue="BINANCE", at_venue=True, strategies=()),
        market,
        code=registry.account_at("BINANCE"),
        namespace=namespace,
        at=_now(),
        prices={each.code: _PRICES[each.base] for each in instruments},
    )


def _now() -> Moment:
    return Moment(market=WALL.now(), wall=WALL.now())


def _prepare(told: Mapping[str, Any], given: argparse.Namespace) -> None:
    """Orders at the venue and in the books, then what happened while nobody was there."""
    made = _desk()
    rows = list(made.desk.instruments.values())
    for row in rows:
        px = _PRICES[row.base]
        bar = Bar(WALL.now() - _MINUTE, _MINUTE, px, px, px, px, Decimal(1))
        market_data.record(feed=made.desk.feed, bars=[(row, bar)], at=_now())
    lost = given.unknown // 10
    filled = given.unknown // 10 + given.moved
    resting = given.open + given.unknown - lost - filled
    names = []
    for number in range(filled + resting):
        row = rows[number % len(rows)]
        # What trades meanwhile is the best of its book.
        px = _PRICES[row.base] * (_BELOW if number < filled else _BELOW * _BELOW)
        names.append(_submit(made, row.code, number, px.quantize(Decimal("0.01")), row.base))
        time.sleep(1 / _ORDERS_A_SECOND)
    external.take_in(desk=made.desk, gateway=made.gateway, at=_now())
    in_doubt = names[given.moved : given.moved + given.unknown - lost]
    _forget([*in_doubt, *(_lost(names[-1], number) for number in range(lost))])
    for number in range(filled):
        row = rows[number % len(rows)]
        px = (_PRICES[row.base] * _BELOW).quantize(Decimal("0.01"))
        _change(
            told, "book", instrument=f"{row.base}USDT", side="SELL", price=str(px),
            qty=str(_qty(row.base)),
        )  # fmt: skip


def _qty(base: str) -> Decimal:
    return (_WORTH / _PRICES[base]).quantize(Decimal("0.001"))


def _submit(made: PaperDesk, code: str, number: int, px: Decimal, base: str) -> str:
    name = f"bench-{number}"
    order = NewOrder(
        name, code, Side.BUY, OrdType.LIMIT, _qty(base), TimeInForce.GTC, WALL.now(), price=px
    )
    made.gateway.submit(account="", order=order)
    return name


def _forget(names: list[str]) -> None:
    """As if the process had died before it heard of these orders, a minute ago."""
    past = WALL.now() - _MINUTE
    Order.objects.filter(cl_ord_id__in=names).update(
        ord_status=OrdStatus.PENDING_NEW,
        closedness=int(Closedness.SENT),
        certainty=Certainty.UNKNOWN,
        order_id="",
        claimed_at=past,
        lease_until=past,
    )


def _lost(like: str, number: int) -> str:
    """An order that never arrived."""
    order = Order.objects.get(cl_ord_id=like)
    order.pk = None
    order.cl_ord_id, order.order_id = f"lost-{number}", ""
    order.public_id = ids.derive("lost", "public", number)
    order.intent_id = ids.derive("lost", "intent", number)
    order.save()
    return order.cl_ord_id


def _begin(asked: Mapping[str, Any]) -> dict[str, Any]:
    """In the new process: open the desk, reconcile, and tell what it took."""
    databases.use(asked["database"])
    with _settings(asked["venue"]):
        made = _desk()
        meter = _Meter(made.gateway)
        started = time.perf_counter()
        green, tries = False, 0
        while not green and tries < 10:
            green, tries = (
                external.begin(desk=made.desk, gateway=made.gateway, at=_now()),
                tries + 1,
            )
        seconds = time.perf_counter() - started
    orders = Counter(map(" ".join, Order.objects.values_list("ord_status", "certainty")))
    return {
        "green": green, "seconds": seconds, "calls": dict(meter.calls), "weight": meter.weight,
        "orders": dict(orders),
    }  # fmt: skip


class _Meter:
    """Counts what goes over the wire, and the weight that the venue says was used."""

    def __init__(self, gateway: object) -> None:
        assert isinstance(gateway, BinanceGateway)
        self.calls: Counter[str] = Counter()
        self.weight = self._last = 0
        gateway._connection._client.session.hooks["response"].append(self._count)

    def _count(self, response: requests.Response, **_: object) -> None:
        self.calls[response.url.partition("?")[0].rpartition("/")[2]] += 1
        used = int(response.headers.get("X-MBX-USED-WEIGHT-1M", 0))
        # A new minute begins at nothing.
        self.weight += used - self._last if used >= self._last else used
        self._last = used


def _change(told: Mapping[str, Any], what: str, **asked: Any) -> None:
    answer = requests.post(f"{told['control']}/{what}", json=asked, timeout=_CALL_SECONDS)
    answer.raise_for_status()


def _orders_at(told: Mapping[str, Any]) -> int:
    asked = {"account": told["accounts"][0]["account"]}
    answer = requests.get(f"{told['control']}/account", params=asked, timeout=_CALL_SECONDS)
    return len(answer.json()["orders"])


if __name__ == "__main__":
    main()
