"""The account as one transaction holds it: locked first, then read once.

1. Locks are taken in the order limit counter → account; who needs cursors has locked them before.
2. What is read is read under the locks, at first use, and kept true as orders are added.
"""

from decimal import Decimal
from functools import cached_property

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from risk.domain import trading_state
from risk.domain.limits import LimitKey
from risk.selectors import states
from trading.models import InstrumentRow, Order
from trading.selectors import second_prices, snapshot
from trading.selectors.desk import Desk, scopes_of
from trading.selectors.orders import WorkingOrder
from trading.services import order_rows


class HeldAccount:
    """Made inside a transaction, for the rest of it."""

    def __init__(self, desk: Desk, at: Moment) -> None:
        self._desk = desk
        self._at = at
        self._store = order_rows.of(desk)
        self.counter = self._store.counter(at)
        desk.account.peak_equity = self._store.peak_equity()

    @cached_property
    def view(self) -> snapshot.AccountView:
        """Holdings, worth and working orders."""
        seconds = second_prices.latest(self._desk.feed, self._at.wall)
        holdings, working = self._store.holdings(), self._store.working()
        return snapshot.view(self._desk, *holdings, working, seconds, self._at)

    def rules(self, instrument: InstrumentRow, strategy: str) -> snapshot.Rules:
        """What risk keeps about an order of this instrument and strategy."""
        scopes = scopes_of(self._desk.account, instrument, strategy)
        return snapshot.Rules(
            limits=self._limits,
            states=states.among(self._restricting, scopes),
            orders_today=self.counter.orders,
            notional_today=self.counter.notional,
            day_start_equity=self._day_start_equity,
        )

    def may_reduce(self, instrument: InstrumentRow, strategy: str) -> bool:
        """Whether an order that only reduces may be sent in the states that apply."""
        scopes = scopes_of(self._desk.account, instrument, strategy)
        governing = trading_state.effective(states.among(self._restricting, scopes))
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
        return self._enabled[version_id]

    @cached_property
    def _limits(self) -> dict[LimitKey, Decimal]:
        return self._store.limits()

    @cached_property
    def _restricting(self) -> tuple[trading_state.ScopedState, ...]:
        return self._store.restricting()

    @cached_property
    def _enabled(self) -> dict[int, bool]:
        return self._store.enabled()

    @cached_property
    def _day_start_equity(self) -> Decimal | None:
        return self._store.day_start_equity(self._at)
