"""What an account may ask about itself.

1. The answers come from the records of the call, which may lag behind the engine (2.1, X4).
2. Rows are oldest first; beside an id they are counted from it, without one from the newest back.

Source: binance-spot-api-docs, rest-api.md "Account Endpoints".
"""

from datetime import datetime, timedelta
from typing import Any

from trading.sandbox.binance_api import errors, reports
from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.binance_api.calls import Call
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.binance_api.trading import which_order

Json = dict[str, Any]
_LONGEST = timedelta(hours=24)
_BPS = 10_000


def order(call: Call) -> Json:
    symbol = call.symbol()
    order_id, cl_ord_id = which_order(call, "orderId", "origClientOrderId")
    found = call.records.order(call.account, symbol, order_id=order_id, cl_ord_id=cl_ord_id)
    if found is None or call.fate.hide_order:
        raise errors.no_such_order()
    return reports.queried(found)


def open_orders(call: Call) -> list[Json]:
    found = call.records.open_orders(call.account, call.optional_symbol())
    return [reports.queried(each) for each in found]


def all_orders(call: Call) -> list[Json]:
    start, end = _window(call)
    found = call.records.all_orders(
        call.account,
        call.symbol(),
        from_id=call.params.integer("orderId"),
        start=start,
        end=end,
        limit=call.params.limit(),
    )
    return [reports.queried(each) for each in found]


def trades(call: Call) -> list[Json]:
    start, end = _window(call)
    from_id = call.params.integer("fromId")
    if from_id is not None and (start or end):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    found = call.records.account_trades(
        call.account,
        call.symbol(),
        order_id=call.params.integer("orderId"),
        from_id=from_id,
        start=start,
        end=end,
        limit=call.params.limit(),
    )
    return [reports.trade(each) for each in found if not each.busted]


def account(call: Call) -> Json:
    without_zeros = call.params.boolean("omitZeroBalances")
    fees, held = call.venue.fees[call.account], call.records.balances(call.account)
    return {
        "makerCommission": int(fees.maker * _BPS),
        "takerCommission": int(fees.taker * _BPS),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text(fees.maker),
            "taker": text(fees.taker),
            "buyer": text(None),
            "seller": text(None),
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": millis(call.now),
        "accountType": "SPOT",
        "balances": [
            {"asset": each.asset, "free": text(each.free), "locked": text(each.locked)}
            for each in held
            if each.total or not without_zeros
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def order_counts(call: Call) -> list[Json]:
    return call.venue.limits.order_status(call.account, call.now)


def _window(call: Call) -> tuple[datetime | None, datetime | None]:
    """From startTime to endTime, a day if only one is given. Raises ApiError -1127 for more."""
    start, end = call.params.instant("startTime"), call.params.instant("endTime")
    if start and end and not timedelta(0) <= end - start <= _LONGEST:
        raise errors.too_long()
    if start and end is None:
        end = start + _LONGEST
    if end and start is None:
        start = end - _LONGEST
    return start, end
