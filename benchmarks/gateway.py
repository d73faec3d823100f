# isort: skip_file
"""What the desk adds to a venue's own time: decision → bytes on the socket, event → screen.

The venue is the sandbox's Binance, a process of its own. Beside our orders and cancels the library
that we call is called bare, in turns, on a second account. What is added is our time less the
median of the bare one. The orders are a strategy's; those of a person wait for the disk once more,
before he is told of them. A call through the broker, which a running desk makes between the
decision and the sending, is not in the first table; it is in the second. Run in one go:

    .venv/bin/python -m benchmarks.gateway [--orders N] [--fills N]

DATABASE_URL chooses a server; without it the embedded database is measured.
"""

import argparse
import statistics
import time
from decimal import Decimal

from benchmarks import _desk as desks
from benchmarks import _event_to_screen as event_to_screen
from benchmarks import _venue as venue

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import OrdType, Origin, Side
from aitrader.paper import PaperDesk
from trading.domain.order import OrderIntent
from trading.models import Order
from trading.services import orders, routing

_QTY = Decimal("0.001")
_PLACE, _CANCEL = b"POST /api/v3/order", b"DELETE /api/v3/order"
_AIM_MILLIS = 5
#: The server plans a statement anew until it was run eight times.
_WARM = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=150)
    parser.add_argument("--fills", type=int, default=20)
    given = parser.parse_args()
    with desks.own_database(), venue.sandbox(accounts=2) as exchange:
        venue.point(exchange.there)
        print(f"{desks.server()}, {given.orders} orders, each cancelled, ours and bare in turns")
        with venue.FirstByte().watched() as byte:
            turns = _Turns(venue.open_desk(), _Bare(exchange, byte), byte)
            turns.run(given.orders)
    event_to_screen.measure(given.fills)


class _Bare:
    """The library alone: what the same calls cost without a desk."""

    def __init__(self, exchange: venue.Exchange, byte: venue.FirstByte) -> None:
        self._client = exchange.client(1)
        self._byte = byte

    def place(self, name: str, price: Decimal) -> venue.Instant:
        started = self._byte.wait_for(_PLACE)
        self._client.create_order(
            symbol=venue.SYMBOL, side="BUY", type="LIMIT", quantity=str(_QTY), price=str(price),
            timeInForce="GTC", newClientOrderId=name, newOrderRespType="FULL",
        )  # fmt: skip
        return self._byte.at - started

    def cancel(self, name: str) -> venue.Instant:
        started = self._byte.wait_for(_CANCEL)
        self._client.cancel_order(symbol=venue.SYMBOL, origClientOrderId=name)
        return self._byte.at - started


class _Turns:
    """One resting order after the other, ours and bare, each cancelled; paced as the venue asks."""

    def __init__(self, made: PaperDesk, bare: _Bare, byte: venue.FirstByte) -> None:
        self._made = made
        self._bare = bare
        self._byte = byte
        self._number = 0

    def run(self, count: int) -> None:
        taken: dict[str, list[venue.Instant]] = {}
        for turn in range(_WARM + count):
            due = time.perf_counter() + venue.SECONDS_PER_ORDER
            if turn % 200 == 0:
                venue.tell_prices(self._made)
            for name, span in self._turn().items():
                if turn >= _WARM:
                    taken.setdefault(name, []).append(span)
            time.sleep(max(0.0, due - time.perf_counter()))
        print("until the first byte is on the socket:")
        for name, spans in taken.items():
            cpu = statistics.median(each.cpu for each in spans)
            clock = venue.millis([each.clock for each in spans], 50, 99)
            print(f"  {name:<36} {clock}   at work itself p50 {cpu * 1e3:5.2f} ms")
        for what in ("order", "cancel"):
            usual = statistics.median(each.clock for each in taken[f"{what}, library bare"])
            added = [each.clock - usual for each in taken[f"{what}, ours"]]
            print(f"  {what + ', added by us':<36} {venue.millis(added, 50, 99)}", end="")
            print(f"   (aim: p99 ≤ {_AIM_MILLIS} ms)")

    def _turn(self) -> dict[str, venue.Instant]:
        self._number += 1
        name, price = f"BARE-{self._number}", Decimal(59_000 + self._number % 500)
        if self._number % 2:
            return self._ours(price) | self._theirs(name, price)
        theirs = self._theirs(name, price)
        return self._ours(price) | theirs

    def _theirs(self, name: str, price: Decimal) -> dict[str, venue.Instant]:
        placed = self._bare.place(name, price)
        return {"order, library bare": placed, "cancel, library bare": self._bare.cancel(name)}

    def _ours(self, price: Decimal) -> dict[str, venue.Instant]:
        desk, gateway = self._made.desk, self._made.gateway
        draft, at = self._draft(price), venue.now()
        decided = self._byte.wait_for(_PLACE)
        order = orders.submit(desk=desk, draft=draft, at=at)
        written = venue.Instant.now()
        routing.send_next(desk=desk, gateway=gateway, at=at)
        sent = self._byte.at
        _see(order, "NEW")
        at = venue.now()
        wished = self._byte.wait_for(_CANCEL)
        orders.request_cancel(
            order_id=order.pk, requested_by="operator:bench", reason="benchmark", now=WALL.now()
        )
        noted = venue.Instant.now()
        routing.cancel_all(desk=desk, gateway=gateway, at=at)
        cancelled = self._byte.at
        _see(order, "CANCELED")
        return {
            "order, ours": sent - decided,
            "order, ours, from send_next on": sent - written,
            "cancel, ours": cancelled - wished,
            "cancel, ours, from cancel_all on": cancelled - noted,
        }

    def _draft(self, price: Decimal) -> orders.Draft:
        desk, at = self._made.desk, venue.now()
        (row,) = desk.instruments.values()
        intent = OrderIntent(
            intent_id=ids.derive(desk.namespace, "bench", self._number),
            account=desk.account.code,
            instrument=row.code,
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=_QTY,
            price=price,
            origin=Origin.STRATEGY,
            reference_px=venue.PX,
            reason="benchmark",
            decided_at=at.market,
        )
        return orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)


def _see(order: Order, status: str) -> None:
    order.refresh_from_db(fields=["ord_status", "text"])
    assert order.ord_status == status, (order.ord_status, order.text)


if __name__ == "__main__":
    main()
