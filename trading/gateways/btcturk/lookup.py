"""Which orders of the venue are the order with a client order id of ours.

1. The venue finds an order by its own id only. Ids are remembered from the answers; without a
   memory of it, everything is looked through: open orders, all orders page by page, trades.
2. A stop that is triggered shows as cancelled, and a new order with the same client id works in its
   place (broker-api-docs, issue 616): the two are one order, under the id that it had first.
3. Nothing says that a client id is unique there. Any other two orders that bear the same one are a
   double: OutcomeUnknown, so that it stays in doubt and is seen.
4. "Not found" is said only when all pages were read. Even so it proves little: the venue has been
   seen to list the last 25 orders alone (issue 442).
5. Open orders are read first: one that closes meanwhile is among all orders then.
6. A client id that is not of a desk's form is a stranger's, and strangers share them: such an order
   goes by the venue's own id.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from aitrader.kernel.errors import OutcomeUnknown
from trading.gateways.btcturk import reports
from trading.gateways.btcturk.connection import Connection
from trading.gateways.btcturk.reports import Seen
from trading.gateways.generic.client_ids import unnamed

ORDER = "/api/v1/order"
OPEN_ORDERS = "/api/v1/openOrders"
ALL_ORDERS = "/api/v1/allOrders"
TRADES = "/api/v1/users/transactions/trade"
_PAGE = 1000
_MOST_PAGES = 20
_MOST_REMEMBERED = 10_000
#: As aitrader/kernel/ids.py derives them.
_OF_A_DESK = re.compile(r"[A-Z2-7]{32}")


class Several(OutcomeUnknown):
    """Orders that are not one bear the same client id."""


@dataclass(frozen=True, slots=True)
class Found:
    """`first_id` is the id that the venue gave the order; `works` is what stands for it now, the
    order itself or the one that its trigger made."""

    first_id: str
    works: Seen


@dataclass(frozen=True, slots=True)
class Ids:
    """The id that an order had first, and the one under which it works."""

    first: str
    works: str


class Memory:
    """Ids by client order id; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, Ids] = OrderedDict()

    def remember(self, cl_ord_id: str, ids: Ids) -> None:
        with self._lock:
            self._known[cl_ord_id] = ids
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)

    def known(self, cl_ord_id: str) -> Ids | None:
        with self._lock:
            return self._known.get(cl_ord_id)

    def name(self, order: Seen) -> str:
        """What an order goes by: its client id, or the venue's own where that is a stranger's."""
        ours = is_of_a_desk(order.cl_ord_id) or self.known(order.cl_ord_id) is not None
        return order.cl_ord_id if ours else unnamed(order.order_id)


def is_of_a_desk(cl_ord_id: str) -> bool:
    return _OF_A_DESK.fullmatch(cl_ord_id) is not None


def single(connection: Connection, order_id: str, *, quick: bool = False) -> Seen:
    """One order by the venue's id."""
    return reports.seen(connection.read(f"{ORDER}/{order_id}", quick=quick))


def search(connection: Connection, pair: str, cl_ord_id: str) -> Found | None:
    """None if no order bears this client id. Raises Several if orders do that are not one, and
    OutcomeUnknown if there are more orders than are looked through."""
    asked = {"pairSymbol": pair}
    rows = reports.sides(connection.read(OPEN_ORDERS, asked))
    found = {each.order_id: each for each in _bearing(rows, cl_ord_id)}
    found |= _in_all(connection, pair, cl_ord_id)
    if not found:
        for row in connection.read(TRADES, asked):
            order_id = str(row.get("orderId") or "")
            if order_id and order_id not in found and reports.client_id_of(row) == cl_ord_id:
                found[order_id] = single(connection, order_id)
    return one(cl_ord_id, found.values()) if found else None


def one(cl_ord_id: str, found: Iterable[Seen]) -> Found:
    """The one order that these are. Raises Several if they are more."""
    stops = [each for each in found if each.is_stop]
    others = [each for each in found if not each.is_stop]
    alive = bool(others) and any(each.is_open for each in stops)
    if len(stops) > 1 or len(others) > 1 or alive:
        ids = ", ".join(sorted(each.order_id for each in (*stops, *others)))
        raise Several(f"several orders bear the client id {cl_ord_id}: {ids}")
    return Found(first_id=(stops or others)[0].order_id, works=(others or stops)[0])


def _in_all(connection: Connection, pair: str, cl_ord_id: str) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    ids: set[str] = set()
    for asked in _pages(pair):
        rows = connection.read(ALL_ORDERS, asked)
        found |= {each.order_id: each for each in _bearing(rows, cl_ord_id)}
        fresh = {str(row["id"]) for row in rows} - ids
        ids |= fresh
        # The first page by number may be the one that came without a number.
        if not rows or (not fresh and asked.get("page") != "1"):
            return found
    if not found:
        raise OutcomeUnknown(f"{len(ids)} orders were looked through, and there are more")
    return found


def _pages(pair: str) -> Iterator[Mapping[str, str]]:
    """The newest orders, then page by page: it is not told whether the first is 0 or 1."""
    asked = {"pairSymbol": pair, "limit": str(_PAGE)}
    yield asked
    for number in range(1, _MOST_PAGES):
        yield {**asked, "page": str(number)}


def _bearing(rows: Iterable[Any], cl_ord_id: str) -> Iterator[Seen]:
    return (reports.seen(row) for row in rows if row["orderClientId"] == cl_ord_id)
