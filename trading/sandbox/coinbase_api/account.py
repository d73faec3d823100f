"""What an account may ask about itself: wallets, fees, its key, its portfolio.

1. The answers come from the records of the call, which may lag behind the engine (2.1, X4).

Source: docs.cdp.coinbase.com, Advanced Trade API, "List Accounts", "Get Transactions Summary".
"""

from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import EPOCH, iso
from aitrader.kernel.money import ZERO
from trading.sandbox.accounts import Balance
from trading.sandbox.coinbase_api import errors
from trading.sandbox.coinbase_api.amounts import text
from trading.sandbox.coinbase_api.calls import Call

Json = dict[str, Any]
_USUAL, _MOST = 49, 250
_FIAT = {"USD", "EUR", "GBP", "USDC"}
_EVERY = 1_000_000


def accounts(call: Call) -> Json:
    wallets = [_wallet(call, each) for each in call.records.balances(call.account)]
    limit = call.query.limit(default=_USUAL, most=_MOST)
    begin = call.query.integer("cursor") or 0
    page = wallets[begin : begin + limit]
    more = begin + limit < len(wallets)
    return {
        "accounts": page,
        "has_next": more,
        "cursor": str(begin + limit) if more else "",
        "size": len(page),
    }


def account(call: Call) -> Json:
    for each in call.records.balances(call.account):
        wallet = _wallet(call, each)
        if wallet["uuid"] == call.named:
            return {"account": wallet}
    raise errors.not_found("account not found")


def summary(call: Call) -> Json:
    """The fees that the account pays, and what it has traded."""
    rates = call.venue.fees[call.account]
    fills = call.records.account_trades(call.account, limit=_EVERY)
    volume = sum((each.quote_qty for each in fills if not each.busted), ZERO)
    paid = sum((each.fee for each in fills if not each.busted), ZERO)
    return {
        "total_volume": _bare(volume),
        "total_fees": _bare(paid),
        "fee_tier": {
            "pricing_tier": "Intro 1",
            "usd_from": "",
            "usd_to": "",
            "taker_fee_rate": text(rates.taker),
            "maker_fee_rate": text(rates.maker),
            "aop_from": "0",
            "aop_to": "1000000",
        },
        "margin_rate": None,
        "goods_and_services_tax": None,
        "advanced_trade_only_volume": _bare(volume),
        "advanced_trade_only_fees": _bare(paid),
        "coinbase_pro_volume": 0,
        "coinbase_pro_fees": 0,
        "total_balance": "",
        "has_promo_fee": False,
    }


def permissions(call: Call) -> Json:
    return {
        "can_view": True,
        "can_trade": True,
        "can_transfer": False,
        "portfolio_uuid": call.venue.portfolio(call.account),
        "portfolio_type": "DEFAULT",
    }


def portfolios(call: Call) -> Json:
    only = {"name": "Default", "type": "DEFAULT", "deleted": False}
    return {"portfolios": [{**only, "uuid": call.venue.portfolio(call.account)}]}


def _wallet(call: Call, held: Balance) -> Json:
    fiat = held.asset in _FIAT
    return {
        "uuid": call.venue.wallet(call.account, held.asset),
        "name": f"Cash ({held.asset})" if fiat else f"{held.asset} Wallet",
        "currency": held.asset,
        "available_balance": {"value": text(held.free), "currency": held.asset},
        "default": True,
        "active": True,
        "created_at": iso(EPOCH),
        "updated_at": iso(call.now),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if fiat else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": text(held.locked), "currency": held.asset},
        "retail_portfolio_id": call.venue.portfolio(call.account),
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def _bare(amount: Decimal) -> float:
    """The venue writes these sums as JSON numbers; nobody here reckons with them."""
    return float(amount)
