"""What an account's own stream says about an event of the exchange.

1. An event is told to the accounts it concerns and to nobody else.
2. Balances come as they are now; movements from outside are told as such first.
3. A cancelled order carries the cancel's client id as `c` and its own as `C`.

Source: binance-spot-api-docs, user-data-stream.md (2026-07).
"""

from collections.abc import Iterator
from typing import Any

from aitrader.kernel.fix import Liquidity, OrdStatus
from aitrader.kernel.money import ZERO
from trading.sandbox.binance_api import reports, vocabulary
from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.events import (
    BalanceCause,
    BalanceEvent,
    Event,
    Execution,
    ListEvent,
    OrderEvent,
)
from trading.sandbox.faults import EventFate
from trading.sandbox.records import Records

Json = dict[str, Any]
_OUTSIDE = {BalanceCause.DEPOSIT, BalanceCause.WITHDRAWAL, BalanceCause.BUST}


def account_of(event: Event) -> str | None:
    """Whom the event concerns; None if it is the market's."""
    match event:
        case OrderEvent():
            return event.order.account
        case BalanceEvent():
            return event.account
        case ListEvent():
            return event.order_list.account
    return None


def told(event: Event, records: Records) -> Iterator[Json]:
    """What the account is told, in the order in which it is sent."""
    match event:
        case OrderEvent():
            if event.execution in vocabulary.EXECUTIONS:
                yield execution_report(event)
        case BalanceEvent():
            yield from _movement(event)
            yield _position(event)
        case ListEvent():
            listed = event.order_list
            found = (records.order(listed.account, None, order_id=i) for i in listed.order_ids)
            legs = [each for each in found if each is not None]
            yield _list_status(event, reports.order_list(listed, legs))


def execution_report(event: OrderEvent) -> Json:
    order, fill = event.order, event.fill
    request = order.request
    own_cancel = event.execution is Execution.CANCELED and order.cancel_cl_ord_id
    report: Json = {
        "e": "executionReport",
        "E": millis(event.at),
        "s": order.instrument,
        "c": order.cancel_cl_ord_id if own_cancel else order.cl_ord_id,
        "S": order.side.value,
        "o": vocabulary.type_name(order),
        "f": request.time_in_force.value,
        "q": text(order.order_qty),
        "p": text(order.price),
        "P": text(request.stop_px),
        "F": text(None),
        "g": reports.list_number(order.list_id),
        "C": order.cl_ord_id if own_cancel else "",
        "x": vocabulary.EXECUTIONS[event.execution],
        "X": vocabulary.status_name(order),
        "r": "INSUFFICIENT_BALANCES" if order.ord_status is OrdStatus.REJECTED else "NONE",
        "i": order.order_id,
        "l": text(fill.last_qty if fill else None),
        "z": text(order.cum_qty),
        "L": text(fill.last_px if fill else None),
        "n": text(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": millis(order.transact_time),
        "t": fill.trade_id if fill else -1,
        "I": event.seq,
        "w": order.working and order.is_open,
        "m": fill is not None and fill.liquidity is Liquidity.MAKER,
        "M": fill is not None,
        "O": millis(order.created_at),
        "Z": text(order.cum_quote),
        "Y": text(fill.quote_qty if fill else None),
        "Q": text(request.quote_qty),
        "V": request.self_trade.value,
    }
    return report | _conditional(event)


def changed(message: Json, fate: EventFate) -> Json:
    """A fill may be told before its fee is known."""
    if fate.without_fee and message.get("x") == "TRADE":
        return message | {"n": "0", "N": None}
    return message


def terminated(at_millis: int) -> Json:
    return {"e": "eventStreamTerminated", "E": at_millis}


def shutdown(at_millis: int) -> Json:
    return {"e": "serverShutdown", "E": at_millis}


def _conditional(event: OrderEvent) -> Json:
    order = event.order
    more: Json = {}
    if order.working_at is not None:
        more["W"] = millis(order.working_at)
    if order.request.trailing_bps is not None:
        more["d"] = int(order.request.trailing_bps)
        if order.best_px is not None:
            more["D"] = millis(order.transact_time)
    if event.prevented_qty is not None:
        more |= {
            "v": event.seq,
            "A": text(order.prevented_qty),
            "B": text(event.prevented_qty),
            "u": 1,
            "U": event.counter_order_id,
            "Cs": order.instrument,
            "pl": text(event.prevented_qty),
        }
    if event.execution is Execution.EXPIRED and order.ending in vocabulary.EXPIRY_REASONS:
        more["eR"] = vocabulary.EXPIRY_REASONS[order.ending]
    return more


def _position(event: BalanceEvent) -> Json:
    return {
        "e": "outboundAccountPosition",
        "E": millis(event.at),
        "u": millis(event.at),
        "B": [
            {"a": each.asset, "f": text(each.free), "l": text(each.locked)}
            for each in event.balances
        ],
    }


def _movement(event: BalanceEvent) -> Iterator[Json]:
    if event.cause is BalanceCause.ORDER or len(event.balances) != 1:
        return
    name = "balanceUpdate" if event.cause in _OUTSIDE else "externalLockUpdate"
    yield {
        "e": name,
        "E": millis(event.at),
        "a": event.balances[0].asset,
        "d": text(event.delta or ZERO),
        "T": millis(event.at),
    }


def _list_status(event: ListEvent, told_list: Json) -> Json:
    return {
        "e": "listStatus",
        "E": millis(event.at),
        "s": told_list["symbol"],
        "g": told_list["orderListId"],
        "c": told_list["contingencyType"],
        "l": told_list["listStatusType"],
        "L": told_list["listOrderStatus"],
        "r": "NONE",
        "C": told_list["listClientOrderId"],
        "T": told_list["transactionTime"],
        "O": [
            {"s": each["symbol"], "i": each["orderId"], "c": each["clientOrderId"]}
            for each in told_list["orders"]
        ],
    }
