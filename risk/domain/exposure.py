"""How large a position may become: exact in quantity, every open order taken at full size.

1. An order reduces only if it, and all open orders of its side, fit inside the position.
2. Flat means that nothing reduces.
3. Of two sides the larger counts; the two are never netted against each other.
"""

from decimal import Decimal

from aitrader.kernel.fix import Side
from aitrader.kernel.money import ZERO
from risk.domain.snapshot import GateIntent, PositionView, RiskSnapshot


def reduces(
    *, position_qty: Decimal, reserved_qty: Decimal, side: Side, order_qty: Decimal
) -> bool:
    """Whether the order can only shrink the position; `reserved_qty` is open on the same side."""
    return order_qty + reserved_qty <= -side.sign * position_qty


def same_side_reserved(intent: GateIntent, view: PositionView) -> Decimal:
    """Open quantity of the intent's side that can fill beside it."""
    return max(ZERO, view.reserved(intent.side) - intent.shared_qty)


def intent_reduces(intent: GateIntent, snapshot: RiskSnapshot) -> bool:
    """Whether the intent can only shrink the account's position in its instrument."""
    view = snapshot.view(intent.instrument)
    return reduces(
        position_qty=view.quantity,
        reserved_qty=same_side_reserved(intent, view),
        side=intent.side,
        order_qty=intent.order_qty,
    )


def worst_qty(view: PositionView) -> Decimal:
    """The largest absolute position that open orders can lead to."""
    longest = view.quantity + view.reserved_buy_qty
    shortest = view.quantity - view.reserved_sell_qty
    return max(abs(longest), abs(shortest))


def worst_qty_after(intent: GateIntent, view: PositionView) -> Decimal:
    """The largest absolute position that open orders and this one can lead to.

    The opposite side counts only if orders are open there: a position that the order turns around
    is on its way out, and counting it would lock the account into it.
    """
    sign = intent.side.sign
    own_side = view.quantity + sign * (same_side_reserved(intent, view) + intent.order_qty)
    opposite = view.reserved(intent.side.opposite)
    if opposite == 0:
        return abs(own_side)
    return max(abs(own_side), abs(view.quantity - sign * opposite))


def opening_qty(intent: GateIntent, view: PositionView) -> Decimal:
    """The part of the order that may open or enlarge a position."""
    left_to_close = -intent.side.sign * view.quantity - same_side_reserved(intent, view)
    return max(ZERO, intent.order_qty - max(ZERO, left_to_close))


def quantities_after(intent: GateIntent, snapshot: RiskSnapshot) -> dict[str, Decimal]:
    """Worst absolute quantity by instrument once the order is open, without flat ones and dust."""
    after = {}
    for code, view in snapshot.positions.items():
        qty = worst_qty(view)
        if qty != 0 and qty >= view.min_qty:
            after[code] = qty
    after[intent.instrument] = worst_qty_after(intent, snapshot.view(intent.instrument))
    return after
