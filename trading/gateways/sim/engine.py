"""The matching engine of the simulated venue: bars against resting orders.

A bar arrives in two phases: `open_phase` at its open_time, `range_phase` at its close. Market
orders that come in between fill at the open price of the bar that is running (`match_arrivals`).

1. A phase is idempotent per order (`opened_to`, `ranged_to`), so bars fed again after a crash
   change nothing.
2. A bar wider than the instrument's bound is matched against nothing: stops wait for the next.
3. Within one OCO group one order fills and the others are cancelled, in one transaction.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
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

    def opened(self, bar: Bar | None) -> None:
        """A bar begins; None: one that is matched against nothing."""
        self.open_time = None if bar is None else bar.open_time
        self.open_px = None if bar is None else bar.open


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
        self._trailed: dict[int, SimOrder] = {}
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
            good = not self._is_extreme(code, bar)
            self._markets[code].open_time = bar.open_time if good else None
            self._markets[code].open_px = bar.open if good else None
        hits = [
            _Hit(order, hit, opened_to=market.open_time)
            for order in self._open_orders(bars)
            if (market := self._markets[order.instrument]).open_time and market.open_px is not None
            if (hit := self._at_open(order, market.open_time, market.open_px))
        ]
        return self._fill(hits, "venue.open_phase")

    def run_on(self, bars: Mapping[str, Bar]) -> None:
        """Running bars of a market in real time: what comes now is filled at the price now."""
        for code, bar in bars.items():
            good = not self._is_extreme(code, bar)
            self._markets[code].open_px = bar.close if good else None

    def match_arrivals(self) -> int:
        """Fill market orders that came after the open of the running bar."""
        hits = [
            _Hit(order, hit, opened_to=market.open_time)
            for order in self._open_orders(self._markets)
            if (market := self._markets[order.instrument]).open_time and market.open_px is not None
            if order.ord_type == OrdType.MARKET
            if (hit := self._touch_open(order, market.open_time, market.open_px))
        ]
        return self._fill(hits, "venue.arrivals")

    def range_phase(self, bars: Mapping[str, Bar]) -> int:
        """The bars' ranges; returns how many reports were written."""
        good = {code: bar for code, bar in bars.items() if not self._is_extreme(code, bar)}
        hits, missed = [], []
        for order in self._open_orders(good):
            bar = good[order.instrument]
            if hit := self._in_range(order, bar):
                hits.append(_Hit(order, hit, ranged_to=bar.open_time))
            else:
                missed.append(order)
        written = self._fill(hits, "venue.range_phase")
        self._trail(missed, good)
        self.keep_trailed()
        self._end(bars)
        return written

    def fills_nothing(self, bars: Mapping[str, Bar]) -> bool:
        """Whether both phases of these bars would fill no order. Nothing is changed."""
        return not any(
            self._at_open(order, bar.open_time, bar.open) or self._in_range(order, bar)
            for order in self._open_orders(bars)
            if (bar := bars[order.instrument])
        )

    def pass_by(self, bars: Mapping[str, Bar]) -> None:
        """Both phases of bars that fill nothing. Trailing levels move in memory until
        `keep_trailed`; only for an engine that is alone with the books."""
        self._trail(self._open_orders(bars), bars)
        self._end(bars)

    def keep_trailed(self) -> None:
        """Write down how far trailing stops have moved."""
        for order in self._trailed.values():
            books.save(order, "best_px", "ranged_to")
        self._trailed.clear()

    def _is_extreme(self, code: str, bar: Bar) -> bool:
        return bar.exceeds(self._instruments[code].max_bar_range)

    def _end(self, bars: Mapping[str, Bar]) -> None:
        for code, bar in bars.items():
            # The bar is over: what arrives now waits for the next open, never for this one's.
            self._markets[code] = _Market(prior_volume=bar.volume)

    def _open_orders(self, codes: Container[str]) -> list[SimOrder]:
        """The orders of these instruments that can fill."""
        if not self._alone or self._book_as_of != books.writes():
            self._book, self._book_as_of = books.open_orders(self._account), books.writes()
        return [order for order in self._book if order.instrument in codes]

    def _fill(self, hits: list["_Hit"], crash_point: str) -> int:
        if not hits:
            return 0
        crash.point(crash_point)
        written = 0
        with books.writing(self._account):
            # Read again under the lock: one may have been cancelled meanwhile.
            still = {order.pk for order in books.open_orders(self._account)}
            for group in _groups(each for each in hits if each.order.pk in still):
                first = matching.first_of_group([each.execution for each in group])
                hit = next(each for each in group if each.execution is first)
                hit.order.opened_to = hit.opened_to or hit.order.opened_to
                hit.order.ranged_to = hit.ranged_to or hit.order.ranged_to
                volume = self._markets[hit.order.instrument].prior_volume
                written += self._filler.fill(hit.order, first, prior_volume=volume)
        return written

    def _at_open(self, order: SimOrder, at: datetime, px: Decimal) -> Execution | None:
        if order.ord_type != OrdType.MARKET and order.accepted_at >= at:
            return None
        return self._touch_open(order, at, px)

    def _touch_open(self, order: SimOrder, at: datetime, px: Decimal) -> Execution | None:
        if order.opened_to is not None and order.opened_to >= at:
            return None
        tick = self._instruments[order.instrument].tick
        costs = self._rules.costs
        return matching.at_open(_resting(order), px, open_time=at, costs=costs, tick=tick)

    def _in_range(self, order: SimOrder, bar: Bar) -> Execution | None:
        if not _meets(order, bar):
            return None
        tick = self._instruments[order.instrument].tick
        costs = self._rules.costs
        return matching.in_range(
            _trailing_from(order, bar), bar.high, bar.low, costs=costs, tick=tick
        )

    def _trail(self, orders: Iterable[SimOrder], bars: Mapping[str, Bar]) -> None:
        for order in orders:
            bar = bars[order.instrument]
            if order.ord_type != OrdType.TRAILING_STOP or not _meets(order, bar):
                continue
            trailed = matching.trail(_trailing_from(order, bar), bar.high, bar.low)
            if trailed.best_px != order.best_px:
                order.best_px, order.ranged_to = trailed.best_px, bar.open_time
                self._trailed[order.pk] = order


@dataclass(frozen=True, slots=True)
class _Hit:
    """An order that a phase fills; the phase's bar is not matched against it again."""

    order: SimOrder
    execution: Execution
    opened_to: datetime | None = None
    ranged_to: datetime | None = None


def _meets(order: SimOrder, bar: Bar) -> bool:
    """Whether the order rested while the bar ran and was not held against it before."""
    if order.ord_type == OrdType.MARKET or order.accepted_at >= bar.close_time:
        return False
    return order.ranged_to is None or order.ranged_to < bar.open_time


def _trailing_from(order: SimOrder, bar: Bar) -> Resting:
    """The order as it rests; a trailing stop that saw no price yet starts at the bar's open."""
    resting = _resting(order)
    if resting.best_px is None and resting.ord_type is OrdType.TRAILING_STOP:
        return replace(resting, best_px=bar.open)
    return resting


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


def _groups(hits: Iterable[_Hit]) -> Iterable[list[_Hit]]:
    grouped: dict[str, list[_Hit]] = defaultdict(list)
    for hit in hits:
        grouped[hit.order.oco_group or hit.order.cl_ord_id].append(hit)
    return grouped.values()
