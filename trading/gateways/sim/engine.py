"""The matching engine of the simulated venue: bars against resting orders.

A bar arrives in two phases: `open_phase` at its open_time, `range_phase` at its close. Market
orders that come in between fill at the open price of the bar that is running (`match_arrivals`).

1. A phase is idempotent per order (`opened_to`, `ranged_to`), so bars fed again after a crash
   change nothing.
2. A bar wider than the instrument's bound is matched against nothing: stops wait for the next.
3. Within one OCO group one order fills and the others are cancelled, in one transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.fix import OrdType, Side
from aitrader.kernel.money import CONTEXT
from trading.domain import matching
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.domain.matching import Execution, Resting
from trading.gateways.sim import books
from trading.gateways.sim.fills import Filler
from trading.gateways.sim.rules import SimRules
from trading.models import SimOrder


@dataclass(slots=True)
class _Market:
    """What the venue knows of one instrument: the running bar's open, the last bar's volume."""

    open_time: datetime | None = None
    open_px: Decimal | None = None
    prior_volume: Decimal | None = None


class SimEngine:
    """One per account; the process that feeds it is the only one that matches."""

    def __init__(
        self,
        rules: SimRules,
        instruments: Mapping[str, Instrument],
        *,
        account: str,
        alone: bool = False,
    ) -> None:
        """`account`: whose orders meet these bars; another account's are of another market.
        `alone`: no other process or thread writes to the books while this engine lives."""
        self._account = account
        self._alone = alone
        self._book: list[SimOrder] = []
        self._book_as_of = -1
        self._rules = rules
        self._instruments = instruments
        self._filler = Filler(rules, instruments)
        self._markets = {code: _Market() for code in instruments}

    def prime(self, instrument: str, bar: Bar) -> None:
        """Take note of a bar that is past, without matching (warm-up, restart)."""
        self._markets[instrument].prior_volume = bar.volume

    def open_phase(self, bars: Mapping[str, Bar]) -> int:
        """The bars' open prices; returns how many reports were written."""
        for code, bar in bars.items():
            market = self._markets[code]
            good = not self._is_extreme(code, bar)
            market.open_time = bar.open_time if good else None
            market.open_px = bar.open if good else None
        return self._match(self._at_open, bars, "venue.open_phase")

    def match_arrivals(self) -> int:
        """Fill market orders that came after the open of the running bar."""
        running = {code: market for code, market in self._markets.items() if market.open_time}
        return self._match(self._arrival, running, "venue.arrivals")

    def range_phase(self, bars: Mapping[str, Bar]) -> int:
        """The bars' ranges; returns how many reports were written."""
        good = {code: bar for code, bar in bars.items() if not self._is_extreme(code, bar)}
        written = self._match(
            lambda order: self._in_range(order, good[order.instrument]), good, "venue.range_phase"
        )
        for code, bar in bars.items():
            # The bar is over: what arrives now waits for the next open, never for this one's.
            self._markets[code] = _Market(prior_volume=bar.volume)
        return written

    def _is_extreme(self, code: str, bar: Bar) -> bool:
        return bar.range_share > self._instruments[code].max_bar_range

    def _match(
        self,
        rule: Callable[[SimOrder], Execution | None],
        codes: Iterable[str],
        crash_point: str,
    ) -> int:
        """Apply one phase's rule to every open order of these instruments."""
        wanted = set(codes)
        orders = [order for order in self._open_orders() if order.instrument in wanted]
        hits = [(order, hit) for order in orders if (hit := rule(order)) is not None]
        if not hits:
            return 0
        crash.point(crash_point)
        with books.writing(self._account):
            # Read again under the lock: one may have been cancelled meanwhile.
            still = {order.pk for order in books.open_orders(self._account)}
            return self._fill_hits([hit for hit in hits if hit[0].pk in still])

    def _open_orders(self) -> list[SimOrder]:
        if not self._alone or self._book_as_of != books.writes():
            self._book, self._book_as_of = books.open_orders(self._account), books.writes()
        return self._book

    def _fill_hits(self, hits: list[tuple[SimOrder, Execution]]) -> int:
        written = 0
        for group in _groups(hits):
            first = matching.first_of_group([hit for _, hit in group])
            order = next(each for each, hit in group if hit is first)
            written += self._filler.fill(
                order, first, prior_volume=self._markets[order.instrument].prior_volume
            )
        return written

    def _at_open(self, order: SimOrder) -> Execution | None:
        market = self._markets[order.instrument]
        if market.open_time is None or market.open_px is None:
            return None
        if order.opened_to is not None and order.opened_to >= market.open_time:
            return None
        if order.ord_type != OrdType.MARKET and order.accepted_at >= market.open_time:
            return None
        return self._touch_open(order, market.open_time, market.open_px)

    def _arrival(self, order: SimOrder) -> Execution | None:
        market = self._markets[order.instrument]
        if order.ord_type != OrdType.MARKET or market.open_time is None or market.open_px is None:
            return None
        if order.opened_to is not None and order.opened_to >= market.open_time:
            return None
        return self._touch_open(order, market.open_time, market.open_px)

    def _touch_open(self, order: SimOrder, at: datetime, px: Decimal) -> Execution | None:
        tick = self._instruments[order.instrument].tick
        hit = matching.at_open(
            _resting(order), px, open_time=at, costs=self._rules.costs, tick=tick
        )
        if hit is not None:
            order.opened_to = at
        return hit

    def _in_range(self, order: SimOrder, bar: Bar) -> Execution | None:
        if order.ord_type == OrdType.MARKET or order.accepted_at >= bar.close_time:
            return None
        if order.ranged_to is not None and order.ranged_to >= bar.open_time:
            return None
        tick = self._instruments[order.instrument].tick
        resting = _resting(order)
        if resting.best_px is None and order.ord_type == OrdType.TRAILING_STOP:
            resting = replace(resting, best_px=bar.open)
        hit = matching.in_range(resting, bar.high, bar.low, costs=self._rules.costs, tick=tick)
        if hit is None and order.ord_type == OrdType.TRAILING_STOP:
            trailed = matching.trail(resting, bar.high, bar.low)
            if trailed.best_px != order.best_px:
                order.best_px = trailed.best_px
                order.ranged_to = bar.open_time
                books.save(order, "best_px", "ranged_to")
        elif hit is not None:
            order.ranged_to = bar.open_time
        return hit


def _resting(order: SimOrder) -> Resting:
    return Resting(
        side=Side(order.side),
        ord_type=OrdType(order.ord_type),
        leaves_qty=CONTEXT.subtract(order.order_qty, order.cum_qty),
        accepted_at=order.accepted_at,
        price=order.price,
        stop_px=order.stop_px,
        trailing_bps=order.trailing_bps,
        best_px=order.best_px,
        cl_ord_id=order.cl_ord_id,
    )


def _groups(
    hits: list[tuple[SimOrder, Execution]],
) -> Iterable[list[tuple[SimOrder, Execution]]]:
    grouped: dict[str, list[tuple[SimOrder, Execution]]] = defaultdict(list)
    for order, hit in hits:
        grouped[order.oco_group or order.cl_ord_id].append((order, hit))
    return grouped.values()
