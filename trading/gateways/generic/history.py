"""What a venue keeps of an account: orders by client id, trades to the last page.

1. Nothing is made up: a trade without an id, a quantity, a price or a fee is not a trade yet. An id
   of our own making would merge two equal trades of one millisecond, or make two of one that is
   told again with more.
2. A list goes on until pages bring nothing up to now; one that never ends is no answer
   (OutcomeUnknown).
3. Where orders are found by reading lists, the lists reach back `SCAN_DAYS`. An order that is not
   in them, and is older, is not known either: the evidence ladder asks within minutes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import to_millis
from aitrader.kernel.errors import OutcomeUnknown, RejectedByVenue
from aitrader.kernel.money import ZERO, amount
from trading.gateways.generic.connection import Connection
from trading.gateways.generic.profiles import Find, Paging

Row = Mapping[str, Any]
#: Asks for one page: the client, and where it begins.
Ask = Callable[[Any, int], Sequence[Row]]

SCAN_DAYS = 7
_DAY_MILLIS = 86_400_000
_MOST_PAGES = 1000
_PAGE = 1000
#: The library asks for one batch too many where twenty divides them.
_TRADES_AT_ONCE = 19


def find_order(connection: Connection, symbol: str, client_id: str) -> Row | None:
    """The order with this client id as the venue writes it, or None."""
    find = connection.profile.find
    if find is Find.DIRECT:
        return _asked_for(connection, "", symbol, {"clientOrderId": client_id})
    if find is Find.FILTER:
        return _filtered(connection, symbol, client_id)
    return _scanned(connection, symbol, client_id)


def order_by_id(connection: Connection, symbol: str, order_id: str) -> Row | None:
    """The order with this id of the venue's, or None."""
    return _asked_for(connection, order_id, symbol, {})


def trades_of(connection: Connection, symbol: str, order: Row) -> list[Row]:
    """Every trade of the order; enough of them is all of them."""
    order_id, executed = str(order["id"]), amount(order.get("filled") or "0")
    if executed == ZERO:
        return []
    if connection.profile.names_trades:
        return _named(connection, symbol, order)
    found: dict[str, Row] = {}
    for trade in _of_order(connection, symbol, order):
        if str(trade["order"]) == order_id and trade.get("id") is not None:
            found[str(trade["id"])] = trade
        if sum((amount(each["amount"]) for each in found.values()), ZERO) >= executed:
            break
    return list(found.values())


def account_trades(connection: Connection, symbol: str, since: datetime) -> list[Row]:
    """Every trade of the account in this instrument from that instant on."""
    paging, start = connection.profile.paging, to_millis(since)
    if paging is Paging.OFFSET:
        rows = _by_offset(connection, start)
    elif paging is Paging.FROM_ID:
        rows = _by_id(
            connection,
            lambda client, at: client.fetch_my_trades(symbol, None, _PAGE, {"fromId": at}),
            first=lambda client: client.fetch_my_trades(symbol, start, _PAGE),
        )
    else:
        rows = _by_time(connection, start, lambda client, at: client.fetch_my_trades(symbol, at))
    found = [each for each in rows if each["symbol"] == symbol and each["timestamp"] >= start]
    if any(each.get("id") is None for each in found):
        raise OutcomeUnknown("a trade without an id")
    return list({str(each["id"]): each for each in found}.values())


def quantity(trades: Sequence[Row]) -> Decimal:
    return sum((amount(each["amount"]) for each in trades), ZERO)


def _asked_for(connection: Connection, order_id: str, symbol: str, params: Row) -> Row | None:
    try:
        found: Row = connection.call(lambda client: client.fetch_order(order_id, symbol, params))
    except RejectedByVenue as error:
        if error.gone:
            return None
        raise
    return found


def _filtered(connection: Connection, symbol: str, client_id: str) -> Row | None:
    """Open orders first: one that closes meanwhile is in the second list."""
    asked = {**connection.profile.list_params, "clientOrderId": client_id}
    lists: tuple[Callable[[Any], Sequence[Row]], ...] = (
        lambda client: client.fetch_open_orders(symbol, None, None, asked),
        lambda client: client.fetch_closed_orders(symbol, None, None, asked),
    )
    for work in lists:
        found = _newest(connection.call(work), client_id)
        if found is not None:
            return found
    return None


def _scanned(connection: Connection, symbol: str, client_id: str) -> Row | None:
    asked = dict(connection.profile.list_params)
    still_open = connection.call(lambda client: client.fetch_open_orders(symbol, None, None, asked))
    found = _newest(still_open, client_id)
    start = to_millis(connection.now() - timedelta(days=SCAN_DAYS))
    for name in _lists(connection):
        if found is not None:
            break
        rows = _by_time(connection, start, _page_of_orders(name, symbol))
        found = _newest(list(rows), client_id)
    return found


def _page_of_orders(name: str, symbol: str) -> Ask:
    def ask(client: Any, at: int) -> Sequence[Row]:
        page: Sequence[Row] = getattr(client, name)(symbol, at)
        return page

    return ask


def _lists(connection: Connection) -> list[str]:
    """The library's calls that together tell every order that is over."""
    if connection.has("fetchOrders"):
        return ["fetch_orders"]
    if connection.has("fetchCanceledAndClosedOrders"):
        return ["fetch_canceled_and_closed_orders"]
    both = (("fetchClosedOrders", "fetch_closed_orders"),
            ("fetchCanceledOrders", "fetch_canceled_orders"))  # fmt: skip
    return [call for name, call in both if connection.has(name)]


def _newest(orders: Sequence[Row], client_id: str) -> Row | None:
    ours = [each for each in orders if each.get("clientOrderId") == client_id]
    return max(ours, key=lambda each: each.get("timestamp") or 0, default=None)


def _named(connection: Connection, symbol: str, order: Row) -> list[Row]:
    ids = [str(each["id"]) for each in order.get("trades") or ()]
    found: list[Row] = []
    for first in range(0, len(ids), _TRADES_AT_ONCE):
        asked = {"trades": ids[first : first + _TRADES_AT_ONCE]}
        found += connection.call(_trades_named(order["id"], symbol, asked))
    return found


def _trades_named(order_id: str, symbol: str, asked: Row) -> Callable[[Any], Sequence[Row]]:
    return lambda client: client.fetch_order_trades(order_id, symbol, None, None, asked)


def _of_order(connection: Connection, symbol: str, order: Row) -> Iterator[Row]:
    if connection.profile.paging is Paging.FROM_ID:
        # Without a first id the newest page would come, and no other.
        return _by_id(
            connection,
            lambda client, at: client.fetch_order_trades(
                order["id"], symbol, None, _PAGE, {"fromId": at}
            ),
        )
    start = order.get("timestamp") or to_millis(connection.now() - timedelta(days=SCAN_DAYS))
    return _by_time(
        connection, int(start) - 1000, lambda client, at: client.fetch_my_trades(symbol, at)
    )


def _by_id(
    connection: Connection, ask: Ask, *, first: Callable[[Any], Sequence[Row]] | None = None
) -> Iterator[Row]:
    """Pages by the id of the next trade: many may share a millisecond."""
    at = 0
    for number in range(_MOST_PAGES):
        if number == 0 and first is not None:
            page = connection.call(first)
        else:
            page = connection.call(_at(ask, at))
        if not page:
            return
        yield from page
        at = max(int(each["id"]) for each in page) + 1
    raise OutcomeUnknown("a list of trades that does not end")


def _at(ask: Ask, at: int) -> Callable[[Any], Sequence[Row]]:
    return lambda client: ask(client, at)


def _by_time(connection: Connection, start: int, ask: Ask) -> Iterator[Row]:
    """Pages by time, from the last instant that was seen on; from the next one when nothing new
    comes of it. Some venues tell a day at most from where a page begins (Binance: "the time between
    startTime and endTime can't be longer than 24 hours"): a day without anything is no end."""
    at, seen = start, set[str]()
    for _ in range(_MOST_PAGES):
        page = connection.call(_at(ask, at))
        if not page:
            at += _DAY_MILLIS
            if at > to_millis(connection.now()):
                return
            continue
        fresh = [each for each in page if str(each["id"]) not in seen]
        yield from fresh
        seen |= {str(each["id"]) for each in fresh}
        newest = max(int(each["timestamp"]) for each in page)
        at = max(newest, at) if fresh else max(newest, at) + 1
    raise OutcomeUnknown("a list that does not end")


def _by_offset(connection: Connection, start: int) -> Iterator[Row]:
    """Pages from the newest back. New trades push the others on: what comes twice counts once."""
    taken = 0
    # The start itself is left out by the venue.
    asked = {"start": start // 1000 - 1}

    def ask(client: Any, ofs: int) -> Sequence[Row]:
        page: Sequence[Row] = client.fetch_my_trades(None, None, None, {**asked, "ofs": ofs})
        return page

    for _ in range(_MOST_PAGES):
        page = connection.call(_at(ask, taken))
        if not page:
            return
        yield from page
        taken += len(page)
    raise OutcomeUnknown("a list of trades that does not end")
