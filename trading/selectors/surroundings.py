"""What an order would meet at its venue, counted from the account's working orders.

1. An order in whose place the new one is to come is gone by then.
2. Of a group of which one order ends the others, a venue counts each as an order, and one at most
   as waiting for a price. Two of a group are a list; a group of one is none.
3. Nothing is counted that the instrument's limits do not ask for: every order comes by here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.domain.order_rules import ALONE, WAITING, Around, Counts
from trading.selectors.orders import WorkingOrder, reserved


def around(
    working: Sequence[WorkingOrder],
    balances: Mapping[str, Decimal],
    intent: OrderIntent,
    instrument: Instrument,
    *,
    instrument_id: int,
    px: Decimal | None,
) -> Around:
    """`balances` by asset; `px` the price of now, None without one."""
    limits = instrument.limits
    here, account, position = ALONE, ALONE, ZERO
    if limits.counts_orders:
        here = _counts((each for each in working if each.instrument_id == instrument_id), intent)
    if limits.counts_of_account:
        account = _counts(working, intent)
    if limits.max_position is not None:
        buying = reserved(each for each in working if each.intent_id != intent.replaces)
        held = balances.get(instrument.base, ZERO)
        position = CONTEXT.add(held, buying.get((instrument_id, Side.BUY), ZERO))
    return Around(px=px, here=here, account=account, position=position)


def _counts(others: Iterable[WorkingOrder], intent: OrderIntent) -> Counts:
    """Orders that rest, those that wait for a price, and lists, with the new one."""
    group, waits = intent.oco_group or intent.intent_id, intent.ord_type in WAITING
    sizes, waiting = Counter([group]), {group} if waits else set()
    for order in others:
        if order.ord_type == OrdType.MARKET or order.intent_id == intent.replaces:
            continue
        group = order.oco_group or order.intent_id
        sizes[group] += 1
        if order.ord_type in WAITING:
            waiting.add(group)
    lists = sum(1 for size in sizes.values() if size > 1)
    return Counts(sizes.total(), len(waiting), lists)
