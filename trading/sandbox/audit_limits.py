"""Whether what reaches the exchange is within the account's limits, judged where it is heard.

1. An order that arrives is held against what was there when it was decided: the price of then, and
   the orders that were decided before it. No order is counted that the gate did not know of.
2. What rests and is held is weighed after every change, but for what the price moved since the gate
   judged and what other hands did meanwhile.
3. What only reduces is excused as at the gate: on a SPOT account, sales.
4. Loss of the day, drawdown, volatility, and age and divergence of prices are measures of the
   desk's own history of prices, and two instruments are never more positions than are allowed:
   these are not judged here.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from aitrader.kernel.fix import Origin, Side
from aitrader.kernel.money import ONE, ZERO
from risk.domain.limits import LimitKey
from trading.domain.order import OrderIntent
from trading.models import InstrumentRow
from trading.sandbox.events import BalanceCause, BalanceEvent, Event, Execution, OrderEvent
from trading.sandbox.opening import LIMITS, QUOTE
from trading.sandbox.orders import Fill
from trading.sandbox.records import Records
from trading.sandbox.wire import Wire

#: How far prices may move between the gate and what comes of the order, as a share of the limit.
_DRIFT = Decimal("1.05")
Key = tuple[str, Side]


@dataclass(frozen=True, slots=True)
class _Decided:
    number: int
    day: date
    mark: Decimal
    intent: OrderIntent

    @property
    def opens(self) -> Decimal:
        """What it may bring, in the quote asset."""
        px = self.intent.price or self.mark
        return self.intent.order_qty * px if self.intent.side is Side.BUY else ZERO


class LimitWatch:
    """Of one account. `rows` are instruments by code, `prices` the market's by code; `might` tells
    what of the desk's rests at the exchange or is on its way there."""

    def __init__(
        self,
        records: Records,
        wire: Wire,
        rows: Mapping[str, InstrumentRow],
        prices: Callable[[], Mapping[str, Decimal]],
        might: Callable[[], Mapping[Key, Decimal]],
    ) -> None:
        self._records, self._account, self._codes = records, wire.account, wire.codes
        self._rows, self._prices, self._might = rows, prices, might
        self._names = wire.names
        self._decided: dict[str, _Decided] = {}
        self._arrived: dict[str, _Decided] = {}
        self._traded: set[str] = set()
        #: Base that other hands bought, or that came back with a sale that the exchange took back.
        self._raised: dict[str, Decimal] = defaultdict(lambda: ZERO)
        #: How far beyond a limit anything was, as a share of the limit.
        self.over = ZERO

    def decide(self, cl_ord_id: str, intent: OrderIntent) -> None:
        """Remember what an order is decided on, before the gate is asked."""
        mark = self._prices()[intent.instrument]
        day = intent.decided_at.date()
        self._decided[cl_ord_id] = _Decided(len(self._decided), day, mark, intent)

    def hear(self, event: Event) -> None:
        """A listener of the exchange."""
        if isinstance(event, BalanceEvent) and event.account == self._account:
            if event.cause is BalanceCause.ORDER:
                self._weigh()
        elif isinstance(event, OrderEvent) and event.order.account == self._account:
            if event.execution is Execution.NEW:
                self._judge(self._names.cl_ord_id(event.order))
            if event.fill is not None:
                self._count(event.fill, event.execution)

    def _judge(self, cl_ord_id: str) -> None:
        """An order that has arrived."""
        if cl_ord_id not in self._decided:
            return
        decided = self._arrived[cl_ord_id] = self._decided[cl_ord_id]
        intent, mark = decided.intent, decided.mark
        if intent.origin is not Origin.PROTECTION and intent.price is not None:
            self._note(abs(intent.price - mark) / mark, LimitKey.PRICE_COLLAR)
        if intent.side is not Side.BUY:
            return
        until = [each for each in self._arrived.values() if each.number <= decided.number]
        of_day = [each for each in until if each.day == decided.day]
        resting = set(map(self._names.cl_ord_id, self._records.open_orders(self._account)))
        known = resting & {name for name, each in self._arrived.items() if each in until}
        self._note(decided.opens, LimitKey.MAX_ORDER_NOTIONAL)
        self._note(sum((each.opens for each in of_day), ZERO), LimitKey.MAX_DAY_NOTIONAL)
        self._note(Decimal(len(of_day)), LimitKey.MAX_ORDERS_PER_DAY)
        self._note(Decimal(len(known | {cl_ord_id})), LimitKey.MAX_OPEN_ORDERS)

    def _count(self, fill: Fill, execution: Execution) -> None:
        code = self._codes[fill.instrument]
        is_ours, taken_back = fill.cl_ord_id in self._decided, execution is Execution.TRADE_CANCEL
        if is_ours:
            self._traded.add(code)
        if (fill.side is Side.SELL) if taken_back else (fill.side is Side.BUY and not is_ours):
            self._raised[code] += fill.last_qty

    def _weigh(self) -> None:
        """What is held, with what might come, at the prices of now."""
        might, prices = self._might(), self._prices()
        held = {each.asset: each.total for each in self._records.balances(self._account)}
        worth = {QUOTE: ONE} | {row.base: prices[code] for code, row in self._rows.items()}
        equity = sum((amount * worth[asset] for asset, amount in held.items()), ZERO)
        gross = ZERO
        for code in self._traded | {code for code, _ in might}:
            has = held.get(self._rows[code].base, ZERO) - self._raised[code]
            buys, sells = might.get((code, Side.BUY), ZERO), might.get((code, Side.SELL), ZERO)
            share = max(has + buys, abs(has - sells)) * prices[code] / equity
            self._note(share, LimitKey.MAX_POSITION_SHARE, _DRIFT)
            gross += share
        self._note(gross, LimitKey.MAX_GROSS_EXPOSURE, _DRIFT)

    def _note(self, value: Decimal, key: LimitKey, drift: Decimal = ONE) -> None:
        self.over = max(self.over, value / (LIMITS[key] * drift) - ONE)
