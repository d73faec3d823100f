"""Which path, and which method of the WebSocket API, means what, and what it costs.

Source: binance-spot-api-docs, rest-api.md and web-socket-api.md (weights of 2026-07).
"""

from trading.sandbox.binance_api import account, lists, market, trading
from trading.sandbox.binance_api.calls import Operation, Security
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.faults import Request

_READ, _TRADE = Security.USER_DATA, Security.TRADE


def _open_orders_weight(params: Parameters) -> int:
    return 6 if "symbol" in params.given else 80


def _trades_weight(params: Parameters) -> int:
    return 5 if "orderId" in params.given else 20


PING = Operation(market.ping)
TIME = Operation(market.time)
INFO = Operation(market.describe, 20)
DEPTH = Operation(market.depth, market.depth_weight)
TRADES = Operation(market.trades, 25)
KLINES = Operation(market.klines, 2)
AVERAGE = Operation(market.average_price, 2)
BOOK_TICKER = Operation(market.book_ticker, market.ticker_weight)
PRICE_TICKER = Operation(market.price_ticker, market.ticker_weight)
PLACE = Operation(trading.place, 1, _TRADE, Request.ORDER)
TEST = Operation(trading.test_place, 1, _TRADE, Request.READ)
CANCEL = Operation(trading.cancel, 1, _TRADE, Request.CANCEL)
CANCEL_ALL = Operation(trading.cancel_all, 1, _TRADE, Request.CANCEL)
REPLACE = Operation(trading.replace, 1, _TRADE, Request.REPLACE)
PLACE_OCO = Operation(lists.place_oco, 1, _TRADE, Request.ORDER)
PLACE_OLD_OCO = Operation(lists.place_old_oco, 1, _TRADE, Request.ORDER)
CANCEL_LIST = Operation(lists.cancel, 1, _TRADE, Request.CANCEL)
LIST = Operation(lists.query, 4, _READ, Request.READ)
OPEN_LISTS = Operation(lists.query_open, 6, _READ, Request.READ)
ALL_LISTS = Operation(lists.query_all, 20, _READ, Request.READ)
ORDER = Operation(account.order, 4, _READ, Request.READ)
OPEN_ORDERS = Operation(account.open_orders, _open_orders_weight, _READ, Request.READ)
ALL_ORDERS = Operation(account.all_orders, 20, _READ, Request.READ)
MY_TRADES = Operation(account.trades, _trades_weight, _READ, Request.READ)
ACCOUNT = Operation(account.account, 20, _READ, Request.READ)
ORDER_COUNTS = Operation(account.order_counts, 40, _READ, Request.READ)

PATHS: dict[tuple[str, str], Operation] = {
    ("GET", "ping"): PING,
    ("GET", "time"): TIME,
    ("GET", "exchangeInfo"): INFO,
    ("GET", "depth"): DEPTH,
    ("GET", "trades"): TRADES,
    ("GET", "klines"): KLINES,
    ("GET", "avgPrice"): AVERAGE,
    ("GET", "ticker/bookTicker"): BOOK_TICKER,
    ("GET", "ticker/price"): PRICE_TICKER,
    ("POST", "order"): PLACE,
    ("GET", "order"): ORDER,
    ("DELETE", "order"): CANCEL,
    ("POST", "order/test"): TEST,
    ("POST", "order/cancelReplace"): REPLACE,
    ("GET", "openOrders"): OPEN_ORDERS,
    ("DELETE", "openOrders"): CANCEL_ALL,
    ("GET", "allOrders"): ALL_ORDERS,
    ("GET", "myTrades"): MY_TRADES,
    ("GET", "account"): ACCOUNT,
    ("GET", "rateLimit/order"): ORDER_COUNTS,
    ("POST", "orderList/oco"): PLACE_OCO,
    ("POST", "order/oco"): PLACE_OLD_OCO,
    ("DELETE", "orderList"): CANCEL_LIST,
    ("GET", "orderList"): LIST,
    ("GET", "openOrderList"): OPEN_LISTS,
    ("GET", "allOrderList"): ALL_LISTS,
}

METHODS: dict[str, Operation] = {
    "ping": PING,
    "time": TIME,
    "exchangeInfo": INFO,
    "depth": DEPTH,
    "trades.recent": TRADES,
    "klines": KLINES,
    "avgPrice": AVERAGE,
    "ticker.book": BOOK_TICKER,
    "ticker.price": PRICE_TICKER,
    "order.place": PLACE,
    "order.test": TEST,
    "order.cancel": CANCEL,
    "order.cancelReplace": REPLACE,
    "order.status": ORDER,
    "openOrders.status": OPEN_ORDERS,
    "openOrders.cancelAll": CANCEL_ALL,
    "allOrders": ALL_ORDERS,
    "myTrades": MY_TRADES,
    "account.status": ACCOUNT,
    "account.rateLimits.orders": ORDER_COUNTS,
    "orderList.place": PLACE_OLD_OCO,
    "orderList.place.oco": PLACE_OCO,
    "orderList.cancel": CANCEL_LIST,
    "orderList.status": LIST,
    "openOrderLists.status": OPEN_LISTS,
    "allOrderLists": ALL_LISTS,
}
