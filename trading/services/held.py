"""The account as one transaction holds it: locked first, then read once.

1. Locks are taken in the order limit counter → account; who needs cursors has locked them before.
2. What is read is read under the locks, at first use, and kept true as orders are added.
"""

from functools import cached_property

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from risk.domain import trading_state
from risk.selectors import states
from trading.models import InstrumentRow, Order
from trading.selectors import snapshot
from trading.selectors.desk import Desk, scopes_of
from trading.selectors.gate_inputs import GateInputs
from trading.selectors.orders import WorkingOrder
from trading.services import order_rows


class HeldAccount:
    """Made inside a transaction, for the rest of it; perhaps for one intent alone. `derived`: see
    `Books.hold`."""

    def __init__(
        self, desk: Desk, at: Moment, intent_id: str = "", *, derived: bool = False
    ) -> None:
        self._desk = desk
        self._at = at
        self._intent_id = intent_id
        self._store = order_rows.of(desk)
        self.counter, desk.account.peak_equity = self._store.hold(at, derived=derived)

    @cached_property
    def view(self) -> snapshot.AccountView:
        """Holdings, worth and working orders."""
        seen = self._seen
        return snapshot.view(
            self._desk, seen.balances, seen.positions, seen.working, seen.seconds, self._at
        )

    def knows(self, intent_id: str) -> bool:
        """Whether the intent has become an order."""
        if intent_id == self._intent_id:
            return self._seen.is_known
        return self._store.is_known(intent_id)

    def rules(self, instrument: InstrumentRow, strategy: str) -> snapshot.Rules:
        """What risk keeps about an order of this instrument and strategy."""
        scopes = scopes_of(self._desk.account, instrument, strategy)
        return snapshot.Rules(
            limits=self._seen.limits,
            states=states.among(self._seen.restricting, scopes),
            orders_today=self.counter.orders,
            notional_today=self.counter.notional,
            day_start_equity=self._seen.day_start_equity,
        )

    def may_reduce(self, instrument: InstrumentRow, strategy: str) -> bool:
        """Whether an order that only reduces may be sent in the states that apply."""
        scopes = scopes_of(self._desk.account, instrument, strategy)
        governing = trading_state.effective(states.among(self._seen.restricting, scopes))
        return trading_state.permits(governing.state, reduces=True)

    def add(self, order: Order, strategy: str) -> None:
        """Count an order that this transaction has written."""
        self.view.working.append(
            WorkingOrder(
                instrument_id=order.instrument_id,
                side=Side(order.side),
                leaves_qty=order.order_qty,
                oco_group=order.oco_group,
                reduce_only=order.reduce_only,
                worst_px=order.price or order.stop_px or order.reference_px,
                intent_id=order.intent_id,
                strategy=strategy,
                ord_type=order.ord_type,
                created_at=order.created_at,
            )
        )

    def is_enabled(self, version_id: int) -> bool:
        """Whether the strategy of this version is switched on."""
        return self._seen.enabled[version_id]

    @cached_property
    def _seen(self) -> GateInputs:
        return self._store.gate_inputs(self._intent_id, self._at)
