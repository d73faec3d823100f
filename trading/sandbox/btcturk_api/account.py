"""What an account may ask about itself.

1. The answers come from the records of the call, which may lag behind the engine (2.1, X4).
2. Rows are newest first. `allOrders` has pages, 25 rows long unless asked otherwise, and its times
   are in seconds; `transactions/trade` has none, its times are in milliseconds, and it tells the
   newest 200 of the last 30 days, or all trades of one order.

Source: docs.btcturk.com "Private Endpoints"; broker-api-docs issues 442, 543 and 586.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from trading.sandbox.accounts import Balance
from trading.sandbox.btcturk_api import rows
from trading.sandbox.btcturk_api.amounts import long_text, scale, text
from trading.sandbox.btcturk_api.calls import Call
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.orders import Fill

Json = dict[str, Any]
_EVERYTHING = 1_000_000
_USUAL_ORDERS, _MOST_ORDERS, _MOST_TRADES = 25, 1_000, 200
_USUAL_PAST = timedelta(days=30)
_ASSETS = {"TRY": "Türk Lirası", "BTC": "Bitcoin", "ETH": "Ethereum"}
_FIAT_STEP = Decimal("0.01")


def balances(call: Call) -> list[Json]:
    held = {each.asset: each for each in call.records.balances(call.account)}
    assets = dict.fromkeys(
        asset for each in call.venue.listings() for asset in (each.quote, each.base)
    )
    return [_balance(held.get(each, Balance(each))) for each in assets]


def _balance(held: Balance) -> Json:
    return {
        "asset": held.asset,
        "assetname": _ASSETS.get(held.asset, held.asset),
        "balance": long_text(held.total),
        "locked": long_text(held.locked),
        "free": long_text(held.free),
        "orderFund": long_text(held.locked),
        "requestFund": long_text(None),
        "precision": scale(_FIAT_STEP) if held.asset == "TRY" else 8,
    }


def order(call: Call) -> Json:
    wire_id = call.params.integer("orderId")
    found = None
    if wire_id is not None and not call.fate.hide_order:
        order_id = call.venue.engine_id(wire_id)
        found = call.records.order(call.account, None, order_id=order_id)
    if found is not None and found.instrument in call.venue.symbols:
        for row in rows.of_order(call.venue, call.records, found):
            if row["id"] == wire_id:
                return row
    raise ApiError("Order not found")


def open_orders(call: Call) -> Json:
    symbol = call.listing().instrument if call.params.text("pairSymbol") else None
    told: dict[str, list[Json]] = {"asks": [], "bids": []}
    for each in reversed(call.records.open_orders(call.account, symbol)):
        if each.instrument not in call.venue.symbols:
            continue
        # What works now is the last row.
        *_, row = rows.of_order(call.venue, call.records, each)
        row |= {"time": 0, "leftAmount": text(Decimal(row["leftAmount"]))}
        told["bids" if row["type"] == "buy" else "asks"].append(row)
    return told


def all_orders(call: Call) -> list[Json]:
    params, symbol = call.params, call.listing().instrument
    limit = call.page(params.count("limit", _USUAL_ORDERS, _MOST_ORDERS))
    page, from_id = params.count("page", 1, _EVERYTHING), params.integer("orderId")
    found = call.records.all_orders(
        call.account,
        symbol,
        start=params.seconds("startTime"),
        end=params.seconds("endTime"),
        limit=_EVERYTHING,
    )
    told = [row for each in found for row in rows.of_order(call.venue, call.records, each)]
    kept = [row for row in told if from_id is None or row["id"] >= from_id]
    kept.sort(key=lambda row: row["id"], reverse=True)
    return kept[(page - 1) * limit : page * limit]


def trades(call: Call) -> list[Json]:
    wire_id = call.params.integer("orderId")
    if wire_id is not None:
        # Alone, as the venue wants it.
        if set(call.params.given) != {"orderid"}:
            raise ApiError("INVALID_REQUEST")
        engine_id = call.venue.engine_id(wire_id)
        found = call.records.account_trades(call.account, order_id=engine_id, limit=_EVERYTHING)
        mine = [each for each in found if call.venue.id_of_fill(each.order_id) == wire_id]
        return _newest_first(call, mine)
    start, end = call.params.millis("startDate"), call.params.millis("endDate")
    symbol = call.listing().instrument if call.params.text("pairSymbol") else None
    found = call.records.account_trades(
        call.account,
        symbol,
        start=start or call.now - _USUAL_PAST,
        end=end,
        limit=_EVERYTHING,
    )
    chosen = [each for each in found if _wanted(call, each)]
    return _newest_first(call, chosen)[: call.page(_MOST_TRADES)]


def transfers(call: Call) -> list[Json]:
    """Deposits and withdrawals: this exchange tells none here."""
    call.params.millis("startDate")
    return []


def _wanted(call: Call, fill: Fill) -> bool:
    """`type` is a side, `symbol` an asset of the pair."""
    if fill.instrument not in call.venue.symbols:
        return False
    sides, assets = call.params.texts("type"), call.params.texts("symbol")
    listing = rows.listed(call.venue, fill.instrument)
    of_asset = {listing.base.lower(), listing.quote.lower()} & assets
    return (not sides or rows.side_name(fill.side) in sides) and (not assets or bool(of_asset))


def _newest_first(call: Call, fills: list[Fill]) -> list[Json]:
    told = [rows.of_trade(call.venue, each) for each in fills if not each.busted]
    return sorted(told, key=lambda row: (row["timestamp"], row["id"]), reverse=True)
