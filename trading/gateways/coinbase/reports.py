"""Coinbase's orders and fills as execution reports (API reference: Get Order, List Fills).

1. An order tells its quantity as a total; its fills tell what was paid, each with its trade id.
2. Fees are in the quote asset: that of the product, USD and USDC being two.
3. PENDING, QUEUED and OPEN all mean that the venue has the order. A status that is not listed is
   not guessed: OutcomeUnknown.
4. An order that is FILLED at less than it was for will fill no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import utc
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, Liquidity, Side
from aitrader.kernel.money import CONTEXT, ZERO, amount, ratio
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import Fees, OpenOrder, SeenOrder, VenueTrade
from trading.gateways.coinbase import orders

Answer = Mapping[str, Any]

#: What an order is while it lives, in the order of its life.
NOT_YET_OPEN, OPEN, ENDING = ("PENDING", "QUEUED"), ("OPEN",), ("CANCEL_QUEUED",)
#: Of an order that a person changes by hand; no list is asked for it.
_EDITED = "EDIT_QUEUED"
FILLED = "FILLED"
_ENDED = {
    "CANCELLED": ExecType.CANCELED,
    "EXPIRED": ExecType.EXPIRED,
    "FAILED": ExecType.REJECTED,
}
_LONGEST_TEXT = 200
_SIDES: Mapping[object, Side] = {each.value: each for each in Side}
_LIQUIDITY: Mapping[object, Liquidity] = {"MAKER": Liquidity.MAKER}


def accepted(order_id: str, cl_ord_id: str, instrument: str, at: datetime) -> ExecutionReport:
    """The venue has the order; what became of it is not told by the answer to a new order."""
    return status_report(order_id, cl_ord_id, instrument, ExecType.NEW, ZERO, at)


def queried(order: Answer, fills: Sequence[Answer], *, instrument: str) -> list[ExecutionReport]:
    """The state of an order and all of its fills."""
    order_id, cl_ord_id = _ids(order)
    at = _last_change(order)
    ending = _ending(order, instrument)
    created = instant(order["created_time"])
    found = [status_report(order_id, cl_ord_id, instrument, ExecType.NEW, ZERO, created)]
    cum = ZERO
    # The newest are listed first; those of one instant keep their order.
    listed = fills[::-1]
    for fill in sorted(listed, key=lambda each: instant(each["trade_time"])):
        if str(fill.get("trade_type") or "FILL") != "FILL":
            # A correction is no fill: what it changes shows as a difference, for a person.
            continue
        cum = CONTEXT.add(cum, _qty(fill))
        found.append(_trade(fill, order_id, cl_ord_id, instrument, cum))
    filled = filled_size(order)
    if filled > cum:
        # The order's state is ahead of the list of its fills: they are asked for again.
        found.append(
            status_report(order_id, cl_ord_id, instrument, ExecType.ORDER_STATUS, filled, at)
        )
    return found + ending


def ended(order: Answer, *, instrument: str) -> ExecutionReport | None:
    """How an order ended without being filled whole; None while it may still fill."""
    return next(iter(_ending(order, instrument)), None)


def is_closed(order: Answer) -> bool:
    """Whether the venue says that the order will fill no more."""
    return order["status"] == FILLED or order["status"] in _ENDED


def balances(accounts: Iterable[Answer]) -> dict[str, Decimal]:
    """Available and on hold together, of every asset that is held; an asset may have several
    accounts."""
    totals: dict[str, Decimal] = {}
    for each in accounts:
        held = CONTEXT.add(_value(each["available_balance"]), _value(each.get("hold")))
        asset = str(each["currency"])
        totals[asset] = CONTEXT.add(totals.get(asset, ZERO), held)
    return {asset: total for asset, total in totals.items() if total}


def fees(summary: Answer) -> Fees:
    """The account's two rates, shares of notional, and the name of its tier."""
    tier = summary["fee_tier"]
    maker, taker = amount(tier["maker_fee_rate"]), amount(tier["taker_fee_rate"])
    return Fees(maker, taker, str(tier.get("pricing_tier") or ""))


def open_orders(found: Iterable[Answer]) -> list[OpenOrder]:
    return [OpenOrder(_ids(each)[1], filled_size(each), _whole(each)) for each in found]


def trades(fills: Iterable[Answer], *, instrument: str) -> list[VenueTrade]:
    return [_listed(each, instrument) for each in fills]


def _whole(order: Answer) -> SeenOrder | None:
    """The order itself, which may be anybody's; None for one that we have no words for."""
    side = _SIDES.get(order.get("side"))
    found = side and orders.read(order.get("order_configuration") or {}, side)
    if not side or not found:
        return None
    ord_type, order_qty, price, stop_px = found
    return SeenOrder(
        order_id=str(order["order_id"]),
        symbol=str(order["product_id"]),
        side=side,
        ord_type=ord_type,
        order_qty=order_qty,
        price=price,
        stop_px=stop_px,
    )


def _listed(fill: Answer, instrument: str) -> VenueTrade:
    order_id, qty = str(fill["order_id"]), _qty(fill)
    report = _trade(fill, order_id, "", instrument, qty)
    return VenueTrade(order_id, _trade_id(fill), qty, _SIDES.get(fill.get("side")), report)


def filled_size(order: Answer) -> Decimal:
    """How much of an order has traded, in base; an order that did nothing yet may say nothing."""
    return amount(order["filled_size"] or "0", what="filled_size")


def instant(told: object) -> datetime:
    """RFC 3339, in UTC."""
    return utc(datetime.fromisoformat(str(told)))


def _ids(order: Answer) -> tuple[str, str]:
    order_id, cl_ord_id = str(order["order_id"]), str(order["client_order_id"] or "")
    if not order_id:
        raise OutcomeUnknown("an order without an id")
    return order_id, cl_ord_id


def _trade_id(fill: Answer) -> str:
    told = str(fill["trade_id"] or "")
    if not told:
        raise OutcomeUnknown("a fill without a trade id")
    return told


def _qty(fill: Answer) -> Decimal:
    """In base, also of an order that somebody gave in quote."""
    size = amount(fill["size"], what="size")
    return ratio(size, amount(fill["price"])) if fill.get("size_in_quote") is True else size


def _value(money: Answer | None) -> Decimal:
    return amount(money["value"]) if money else ZERO


def _last_change(order: Answer) -> datetime:
    for name in ("last_update_time", "last_fill_time", "created_time"):
        if order.get(name):
            return instant(order[name])
    raise OutcomeUnknown("an order without a time")


def _ending(order: Answer, instrument: str) -> list[ExecutionReport]:
    status, filled = order["status"], filled_size(order)
    if status == FILLED:
        if filled >= _asked(order):
            return []
        kind = ExecType.EXPIRED
    elif status in _ENDED:
        kind = _ENDED[status]
    elif status in (*NOT_YET_OPEN, *OPEN, *ENDING, _EDITED):
        return []
    else:
        raise OutcomeUnknown(f"order status {status} is not known")
    report = status_report(*_ids(order), instrument, kind, filled, _last_change(order))
    why = str(order.get("reject_message") or order.get("cancel_message") or "")
    return [replace(report, text=why[:_LONGEST_TEXT])]


def _asked(order: Answer) -> Decimal:
    """What the order was for, in base; nothing when it does not say."""
    for settings in (order.get("order_configuration") or {}).values():
        if settings.get("base_size"):
            return amount(settings["base_size"])
    return ZERO


def _trade(
    fill: Answer, order_id: str, cl_ord_id: str, instrument: str, cum_qty: Decimal
) -> ExecutionReport:
    if str(fill["order_id"]) != order_id:
        raise OutcomeUnknown("a fill of another order")
    return ExecutionReport(
        cl_ord_id=cl_ord_id,
        order_id=order_id,
        exec_id=_trade_id(fill),
        exec_type=ExecType.TRADE,
        instrument=instrument,
        cum_qty=cum_qty,
        transact_time=instant(fill["trade_time"]),
        last_qty=_qty(fill),
        last_px=amount(fill["price"], what="price"),
        fee=amount(fill["commission"], what="commission"),
        fee_asset=orders.quote_of(instrument),
        liquidity=Liquidity.MAKER
        if fill.get("liquidity_indicator") == "MAKER"
        else Liquidity.TAKER,
    )
