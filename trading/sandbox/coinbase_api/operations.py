"""Which path below /api/v3/brokerage means what.

Source: docs.cdp.coinbase.com, Advanced Trade API; coinbase-advanced-py 1.8.4.
"""

import re
from collections.abc import Iterator

from trading.sandbox.coinbase_api import account, edits, market, orders, trading
from trading.sandbox.coinbase_api.calls import Operation
from trading.sandbox.faults import Request

_PUBLIC = {
    "time": Operation(market.time, Request.PUBLIC),
    "market/products": Operation(market.products, Request.PUBLIC),
    "market/product_book": Operation(market.product_book, Request.PUBLIC),
    r"market/products/([^/]+)": Operation(market.product, Request.PUBLIC),
    r"market/products/([^/]+)/candles": Operation(market.candles, Request.PUBLIC),
    r"market/products/([^/]+)/ticker": Operation(market.trades, Request.PUBLIC),
}
_GET = _PUBLIC | {
    "products": Operation(market.products),
    r"products/([^/]+)": Operation(market.product),
    r"products/([^/]+)/candles": Operation(market.candles),
    r"products/([^/]+)/ticker": Operation(market.trades),
    "product_book": Operation(market.product_book),
    "best_bid_ask": Operation(market.best_bid_ask),
    "accounts": Operation(account.accounts),
    r"accounts/([^/]+)": Operation(account.account),
    "transaction_summary": Operation(account.summary),
    "key_permissions": Operation(account.permissions),
    "portfolios": Operation(account.portfolios),
    "orders/historical/batch": Operation(orders.listed),
    "orders/historical/fills": Operation(orders.fills),
    r"orders/historical/([^/]+)": Operation(orders.get),
}
_POST = {
    "orders": Operation(trading.place, Request.ORDER, with_body=True),
    "orders/batch_cancel": Operation(trading.cancel, Request.CANCEL, with_body=True),
    "orders/edit": Operation(edits.edit, Request.REPLACE, with_body=True),
    "orders/edit_preview": Operation(edits.preview_edit, with_body=True),
    "orders/preview": Operation(edits.preview, with_body=True),
}
_TABLES = {"GET": _GET, "POST": _POST}


def find(method: str, path: str) -> tuple[Operation, str] | None:
    """The operation and what the path names; None where the method does not fit."""
    return next(_matching(method, path), None)


def known(path: str) -> bool:
    """Whether any method fits the path."""
    return any(find(method, path) for method in _TABLES)


def _matching(method: str, path: str) -> Iterator[tuple[Operation, str]]:
    for pattern, operation in _TABLES.get(method, {}).items():
        found = re.fullmatch(pattern, path)
        if found:
            yield operation, found[1] if found.groups() else ""
