"""Builds the RiskSnapshot that the gate judges an intent on.

1. Read under the account's lock: nothing in it can change before the order is written.
2. Working orders are counted at full size whatever their certainty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import ONE, ZERO, product
from risk.domain.limits import LimitKey
from risk.domain.sizing import annualised_volatility
from risk.domain.snapshot import PositionView, RiskSnapshot
from risk.domain.trading_state import ScopedState
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.domain.order_rules import validate
from trading.domain.position import PositionState
from trading.selectors import account_state, freshness, orders, surroundings
from trading.selectors.account_state import AccountState, Mark
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.selectors.orders import WorkingOrder
from trading.selectors.second_prices import Second


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account as read once for all intents of one transaction."""

    state: AccountState
    marks: Mapping[int, Mark]
    working: list[WorkingOrder]
    #: What a second source says, and how long nothing was heard, by instrument.
    seconds: Mapping[int, Second] = field(default_factory=dict)
    silent: Mapping[int, Decimal] = field(default_factory=dict)


def read(desk: Desk) -> AccountView:
    """Holdings, worth and working orders, as they are now."""
    return view(desk, *account_state.holdings(desk.account), orders.working(desk.account))


def view(
    desk: Desk,
    balances: Mapping[str, Decimal],
    positions: Mapping[int, PositionState],
    working: list[WorkingOrder],
    seconds: Mapping[int, Second] | None = None,
    at: Moment | None = None,
) -> AccountView:
    """What is held and works, valued at the marks of this moment; the gate needs `at`."""
    marks = desk.marks()
    state = account_state.value(desk.account, desk.instruments, balances, positions, marks)
    silent = {} if at is None else _silent(desk, marks, at)
    return AccountView(state, marks, working, seconds or {}, silent)


def _silent(desk: Desk, marks: Mapping[int, Mark], at: Moment) -> dict[int, Decimal]:
    return {
        pk: freshness.silent_seconds(desk.feed, at, behind=max(timedelta(0), at.market - mark.at))
        for pk, mark in marks.items()
    }


def volatility(desk: Desk, instrument_id: int) -> Decimal | None:
    """Annualised volatility of the instrument's last bars; None with too few."""
    bound = desk.instruments[instrument_id].max_bar_range
    last = desk.bars.last(desk.feed.pk, instrument_id)
    kept = desk.volatilities.get(instrument_id)
    if kept is not None and kept[0] is last and kept[1] == bound:
        return kept[2]
    closes = desk.bars.closes(desk.feed.pk, instrument_id, VOLATILITY_BARS + 1, bound=bound)
    found = annualised_volatility(closes, desk.feed.interval_seconds)
    desk.volatilities[instrument_id] = last, bound, found
    return found


@dataclass(frozen=True, slots=True)
class Rules:
    """What risk keeps about the account: limits, the day's counters and baseline, states."""

    limits: Mapping[LimitKey, Decimal]
    states: tuple[ScopedState, ...]
    orders_today: int
    notional_today: Decimal
    day_start_equity: Decimal | None


def build(
    desk: Desk,
    view: AccountView,
    rules: Rules,
    intent: OrderIntent,
    instrument: Instrument,
    *,
    instrument_id: int,
    strategy_enabled: bool | None,
    bar_extreme: bool,
    now: datetime,
) -> RiskSnapshot:
    """Everything the gate reads about this intent; `now` is the market's time."""
    state = view.state
    mark = view.marks.get(instrument_id)
    meets = surroundings.around(
        view.working, state.balances, intent, instrument,
        instrument_id=instrument_id, px=None if mark is None else mark.px,
    )  # fmt: skip
    return RiskSnapshot(
        now=now,
        account_kind=AccountKind(desk.account.kind),
        limits=rules.limits,
        trading_states=rules.states,
        positions=_positions(desk, view, instrument_id),
        free=free(desk, view),
        quote_asset=instrument.quote,
        fee_rate=desk.fee_rate,
        equity=state.equity,
        day_start_equity=rules.day_start_equity,
        peak_equity=desk.account.peak_equity,
        open_orders=len(view.working),
        orders_today=rules.orders_today,
        notional_today=rules.notional_today,
        bar_extreme=bar_extreme,
        strategy_enabled=strategy_enabled,
        instrument_problems=validate(intent, instrument, meets),
        duplicate_of=_twin(view, intent, instrument_id),
        in_doubt=_in_doubt(view, intent, instrument_id),
    )


def _twin(view: AccountView, intent: OrderIntent, instrument_id: int) -> str:
    """A working order that was decided at the same instant and asks for the very same, or ""."""
    for order in view.working:
        same = (order.instrument_id, order.side, order.ord_type, order.leaves_qty) == (
            instrument_id, intent.side, intent.ord_type, intent.order_qty,
        )  # fmt: skip
        of_another = order.strategy != intent.strategy or order.oco_group != intent.oco_group
        of_another = of_another or order.intent_id in (intent.replaces, *intent.beside)
        if same and not of_another and order.created_at == intent.decided_at:
            return order.intent_id
    return ""


def _in_doubt(view: AccountView, intent: OrderIntent, instrument_id: int) -> str:
    """The oldest order in doubt that may have moved the position as the intent would, or ""."""
    place = instrument_id, intent.side
    found = (o for o in view.working if o.doubtful and (o.instrument_id, o.side) == place)
    return next((order.intent_id for order in found), "")


def _positions(desk: Desk, view: AccountView, asked: int) -> dict[str, PositionView]:
    reserved = orders.reserved(view.working)
    held = {pk for pk, position in view.state.positions.items() if position.quantity}
    concerned = held | {pk for pk, _ in reserved} | {asked}
    return {desk.instruments[pk].code: _view(desk, view, reserved, pk) for pk in sorted(concerned)}


def _view(
    desk: Desk, view: AccountView, reserved: Mapping[tuple[int, Side], Decimal], pk: int
) -> PositionView:
    mark = view.marks.get(pk)
    position = view.state.positions.get(pk)
    second = view.seconds.get(pk)
    in_base = desk.instruments[pk].quote == desk.account.base_currency
    return PositionView(
        quantity=ZERO if position is None else position.quantity,
        mark=None if mark is None else mark.px,
        mark_at=None if mark is None else mark.at,
        rate=ONE if in_base else None,
        volatility=volatility(desk, pk),
        feed_interval_seconds=desk.feed.interval_seconds,
        reserved_buy_qty=reserved.get((pk, Side.BUY), ZERO),
        reserved_sell_qty=reserved.get((pk, Side.SELL), ZERO),
        min_qty=desk.instruments[pk].min_qty,
        second_px=None if second is None else second.px,
        second_age_seconds=None if second is None else second.age_seconds,
        silent_seconds=view.silent.get(pk, ZERO),
        heard=freshness.is_heard(desk.feed),
    )


def free(desk: Desk, view: AccountView) -> dict[str, Decimal]:
    """What is left of each asset after reservations; on PERP the margin left, at one times."""
    left = dict(view.state.balances)
    opening = [order for order in view.working if not order.reduce_only]
    if desk.account.kind == AccountKind.PERP:
        used = sum(
            (_worth(position, view.marks.get(pk)) for pk, position in view.state.positions.items()),
            ZERO,
        )
        equity = view.state.equity
        currency = desk.account.base_currency
        left[currency] = ZERO if equity is None else equity - used
    for order in opening:
        if order.side is Side.SELL and desk.account.kind == AccountKind.SPOT:
            continue
        quote = desk.instruments[order.instrument_id].quote
        cost = product(order.leaves_qty, order.worst_px or ZERO)
        left[quote] = left.get(quote, ZERO) - cost - product(cost, desk.fee_rate)
    return left


def _worth(position: PositionState, mark: Mark | None) -> Decimal:
    return ZERO if mark is None else product(abs(position.quantity), mark.px)
