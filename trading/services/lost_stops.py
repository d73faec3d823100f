"""A person's stop that ended otherwise than by a fill, and that nobody asked to end.

1. Of one OCO group, all legs end with the first fill. Which leg's end is told first is the venue's
   choice, so a leg that was taken back is judged when the last of its group is closed; one that the
   venue refused is judged at once.
2. What waits in the place of a stop counts as that stop: the successor of a replaced one, and the
   sale at its target.
"""

from collections.abc import Iterable

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import CLOSED, OrdStatus, OrdType, Origin
from trading.models import Order
from trading.selectors.desk import Desk
from trading.services import order_rows

_STOPS = (OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP)
_ENDS = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)


def living(orders: Iterable[Order]) -> list[Order]:
    """Those among them that may bound a person's loss and have not ended."""
    return [each for each in orders if _protects(each) and each.ord_status not in CLOSED]


def say(desk: Desk, orders: Iterable[Order], at: Moment) -> None:
    """Tell which of these orders, that were living and are kept, are missed now. The caller's
    transaction is open."""
    store = order_rows.of(desk)
    lost = [each for each in orders if _has_failed(each) and store.is_missed(each)]
    store.record([_event(desk, order, at) for order in lost], now=at.wall)


def _protects(order: Order) -> bool:
    # Whether a sale at the market is in the place of a stop is known to the store.
    may_stop = order.ord_type in _STOPS or bool(order.oco_group) or order.ord_type == OrdType.MARKET
    return order.origin == Origin.OPERATOR and may_stop


def _has_failed(order: Order) -> bool:
    return _protects(order) and order.ord_status in _ENDS and order.cum_qty < order.order_qty


def _event(desk: Desk, order: Order, at: Moment) -> Event:
    return Event(
        name=EventName.STOP_LOST,
        actor="desk",
        object_type="order",
        object_id=order.public_id,
        trace_id=order.trace_id,
        market_at=at.market,
        data={
            "account": desk.account.code,
            "instrument": desk.instruments[order.instrument_id].code,
            "protection": order.oco_group or order.public_id,
            "ord_type": order.ord_type,
            "side": order.side,
            "order_qty": order.order_qty,
            "cum_qty": order.cum_qty,
            "ord_status": order.ord_status,
            "text": order.text,
        },
    )
