"""Kraken's words for instruments, orders and trades of the sandbox exchange.

Source: docs.kraken.com (Spot REST API).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.fix import OrdStatus, OrdType
from aitrader.kernel.money import ZERO
from trading.sandbox.orders import Fill, Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing

Json = dict[str, Any]

# Smaller than the venue's own least quantity, so that the cards may trade little.
LISTINGS = (
    Listing("XBTUSD", "BTC", "USD", lot=Decimal("0.00000001"), min_notional=Decimal("0.5")),
    Listing("ETHUSD", "ETH", "USD", lot=Decimal("0.00000001"), min_notional=Decimal("0.5")),
)
ASSETS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}
TYPES = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "stop-loss": OrdType.STOP,
    "stop-loss-limit": OrdType.STOP_LIMIT,
    "take-profit": OrdType.MARKET_IF_TOUCHED,
    "take-profit-limit": OrdType.LIMIT_IF_TOUCHED,
}
_NAMES = {kind: name for name, kind in TYPES.items()}
_STATUSES = {
    OrdStatus.NEW: "open",
    OrdStatus.PARTIALLY_FILLED: "open",
    OrdStatus.FILLED: "closed",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
}


def of_order(records: Records, order: Order, *, with_trades: bool) -> Json:
    request, kind = order.request, _NAMES[order.ord_type]
    first = order.price if request.stop_px is None else request.stop_px
    fills = records.account_trades(order.account, order_id=order.order_id, limit=1_000_000)
    told: Json = {
        "refid": None,
        "userref": None,
        "cl_ord_id": order.cl_ord_id,
        "status": _STATUSES[order.ord_status],
        "reason": None,
        "opentm": float(seconds(order.created_at)),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": order.instrument,
            "type": order.side.value.lower(),
            "ordertype": kind,
            "price": text(first),
            "price2": text(None if request.stop_px is None else order.price),
            "leverage": "none",
            "order": sentence(order),
            "close": "",
        },
        "vol": text(order.order_qty),
        "vol_exec": text(order.cum_qty),
        "cost": text(order.cum_quote),
        "fee": text(sum((each.fee for each in fills), ZERO)),
        "price": text(order.avg_px),
        "stopprice": "0.00000000",
        "limitprice": "0.00000000",
        "misc": "",
        "oflags": "fciq",
    }
    if not order.is_open:
        told["closetm"] = float(seconds(order.transact_time))
    if with_trades and fills:
        told["trades"] = [trade_id(each) for each in fills]
    return told


def sentence(order: Order) -> str:
    """`buy 0.01 XBTUSD @ limit 50000`, `sell 1 XBTUSD @ stop loss 59000 -> limit 58000`."""
    kind = _NAMES[order.ord_type].removesuffix("-limit").replace("-", " ")
    said = f"{order.side.value.lower()} {text(order.order_qty)} {order.instrument} @ {kind}"
    if order.request.stop_px is not None:
        said += f" {text(order.request.stop_px)}" + (" -> limit" if order.price else "")
    return said if order.price is None else f"{said} {text(order.price)}"


def of_trade(records: Records, fill: Fill) -> Json:
    order = records.by_id(fill.order_id)
    listing = next(each for each in LISTINGS if each.instrument == fill.instrument)
    return {
        "ordertxid": order_id(fill.order_id),
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": pair_of(listing),
        "time": float(seconds(fill.transact_time)),
        "type": fill.side.value.lower(),
        "ordertype": _NAMES[order.ord_type],
        "price": text(fill.last_px),
        "cost": text(fill.quote_qty),
        "fee": text(fill.fee),
        "vol": text(fill.last_qty),
        "margin": "0.00000000",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.liquidity.value == "MAKER",
    }


def pair_of(listing: Listing) -> str:
    return ASSETS[listing.base] + ASSETS[listing.quote]


def symbol_of(pair: str) -> str | None:
    named = (each for each in LISTINGS if pair in (pair_of(each), each.instrument))
    return next((each.instrument for each in named), None)


def order_id(number: int) -> str:
    return f"O{number:06d}-SANDB-XKRAKN"


def trade_id(fill: Fill) -> str:
    return f"T{fill.trade_id:05d}-{fill.order_id:05d}-{fill.instrument}"


def text(number: Decimal | None) -> str:
    return f"{number or ZERO:.8f}"


def decimal(given: str | None) -> Decimal | None:
    return None if given is None else Decimal(given)


def seconds(at: datetime) -> Decimal:
    return Decimal((at - EPOCH) // timedelta(microseconds=1)) / 1_000_000
