"""What an order would meet at its venue, counted from the account's working orders.

1. An order in whose place the new one is to come is gone by then.
2. Of a group of which one order ends the others, a venue counts each as an order, and one at most
   as waiting for a price. Two of a group are a list; a group of one is none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO
from trading.domain.order import OrderIntent
from trading.domain.order_rules import WAITING, Around
from trading.selectors.orders import WorkingOrder, reserved


def around(
    working: Sequence[WorkingOrder],
    balances: Mapping[str, Decimal],
    intent: OrderIntent,
    *,
    instrument_id: int,
    base: str,
    px: Decimal | None,
) -> Around:
    """`balances` by asset, `base` the instrument's; `px` the price of now, None without one."""
    others = [order for order in working if order.intent_id != intent.replaces]
    here = [order for order in others if order.instrument_id == instrument_id]
    buying = reserved(here).get((instrument_id, Side.BUY), ZERO)
    orders, stops, lists = _counts(here, intent)
    account_orders, account_stops, account_lists = _counts(others, intent)
    return Around(
        px=px,
        orders=orders,
        stops=stops,
        lists=lists,
        account_orders=account_orders,
        account_stops=account_stops,
        account_lists=account_lists,
        position=CONTEXT.add(balances.get(base, ZERO), buying),
    )


def _counts(others: Sequence[WorkingOrder], intent: OrderIntent) -> tuple[int, int, int]:
    """Orders, those that wait for a price, and lists, with the new one."""
    rest = [
        (order.oco_group, order.intent_id, order.ord_type)
        for order in others
        if order.ord_type != OrdType.MARKET
    ]
    rest.append((intent.oco_group, intent.intent_id, intent.ord_type))
    waiting = {group or intent_id for group, intent_id, ord_type in rest if ord_type in WAITING}
    groups = Counter(group for group, _, _ in rest if group)
    return len(rest), len(waiting), sum(1 for count in groups.values() if count > 1)
