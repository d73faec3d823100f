"""Entries: from a signal to a sized order.

1. An entry belongs to its signal's bar: once the market has moved on, the signal is dropped.
2. The sizing's inputs are stored on the order; a size of zero drops the signal with the reason.
"""

from datetime import timedelta
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side, TimeInForce
from aitrader.kernel.money import ONE, ZERO
from compliance.services import journal
from risk.domain import sizing
from risk.domain.sizing import Market, Sized
from trading.domain.instrument_limits import step_of
from trading.domain.order import OrderIntent
from trading.domain.signal import Stance
from trading.models import InstrumentRow, Signal, StrategyCursor, Trade
from trading.selectors import snapshot, sql
from trading.selectors.desk import Desk, LoadedStrategy
from trading.services import orders
from trading.services.held import HeldAccount

_SIDES = {Stance.LONG: Side.BUY, Stance.SHORT: Side.SELL}


def enter(
    *, desk: Desk, cursor: StrategyCursor, loaded: LoadedStrategy, held: HeldAccount, at: Moment
) -> int:
    """Act on the cursor's pending signal; returns how many orders were written."""
    signal = _pending(cursor)
    _clear(cursor)
    if at.market > signal.decided_at:
        return _forget(signal, loaded, at)
    side = _SIDES.get(Stance(signal.stance))
    if side is None:
        return 0
    instrument = desk.instruments[cursor.instrument_id]
    view = held.view
    mark = view.marks.get(instrument.pk)
    if mark is None or view.state.equity is None:
        return _drop(signal, loaded, "no price or equity to size on", at)
    sized = sizing.size(
        loaded.sizing,
        _market(desk, instrument, view, side, mark.px),
        snapshot.volatility(desk, instrument.pk),
    )
    if sized.qty <= 0:
        return _drop(signal, loaded, sized.inputs["zero"], at)
    _order(desk, cursor, loaded, signal, side, mark.px, sized, held, at)
    return 1


def drop_if_stale(*, cursor: StrategyCursor, loaded: LoadedStrategy, at: Moment) -> None:
    """Forget a pending signal whose bar is no longer the newest."""
    signal = _pending(cursor)
    if at.market > signal.decided_at:
        _clear(cursor)
        _forget(signal, loaded, at)


def _forget(signal: Signal, loaded: LoadedStrategy, at: Moment) -> int:
    if Stance(signal.stance) in _SIDES:
        _drop(signal, loaded, "the market moved on before the entry could be ordered", at)
    return 0


def _pending(cursor: StrategyCursor) -> Signal:
    (signal,) = sql.load(Signal, "WHERE id = %s", [cursor.pending_signal_id])
    return signal


def _clear(cursor: StrategyCursor) -> None:
    cursor.pending_signal_id = None
    sql.update(cursor, "pending_signal_id")


def _market(
    desk: Desk, instrument: InstrumentRow, view: snapshot.AccountView, side: Side, px: Decimal
) -> Market:
    spot_buy = desk.account.kind == AccountKind.SPOT and side is Side.BUY
    free, limits = snapshot.free(desk, view), instrument.venue_limits
    return Market(
        equity=view.state.equity or ZERO,
        px=px,
        rate=ONE,
        lot=step_of(instrument.lot, limits, OrdType.MARKET),
        min_qty=max(instrument.min_qty, limits.market_min_qty or ZERO),
        min_notional=instrument.min_notional,
        fee_rate=desk.fee_rate,
        cash=free.get(instrument.quote) if spot_buy else None,
    )


def _order(
    desk: Desk,
    cursor: StrategyCursor,
    loaded: LoadedStrategy,
    signal: Signal,
    side: Side,
    px: Decimal,
    sized: Sized,
    held: HeldAccount,
    at: Moment,
) -> None:
    instrument = desk.instruments[cursor.instrument_id]
    reason = f"{loaded.code} {signal.stance}"
    trade = sql.insert(
        Trade(
            public_id=ids.derive(desk.namespace, "trade", signal.public_id),
            cursor=cursor,
            side=side,
            entry_reason=reason,
            created_at=at.market,
        )
    )
    bar = desk.bars.last(desk.feed.pk, instrument.pk)
    intent = OrderIntent(
        intent_id=ids.derive(desk.namespace, "entry", signal.public_id),
        account=desk.account.code,
        instrument=instrument.code,
        side=side,
        ord_type=OrdType.MARKET,
        order_qty=sized.qty,
        origin=Origin.STRATEGY,
        reference_px=px,
        reason=reason,
        decided_at=at.market,
        time_in_force=TimeInForce.GTC,
        strategy=loaded.code,
        sizing={"method": sized.method, **sized.inputs},
    )
    orders.submit(
        desk=desk,
        draft=orders.Draft(
            intent=intent,
            instrument=instrument,
            trace_id=signal.public_id,
            loaded=loaded,
            signal=signal,
            trade=trade,
            bar_extreme=bar is None or bar.exceeds(instrument.max_bar_range),
            expires_at=at.market + timedelta(seconds=desk.feed.interval_seconds),
        ),
        at=at,
        held=held,
    )


def _drop(signal: Signal, loaded: LoadedStrategy, reason: str, at: Moment) -> int:
    event = Event(
        name=EventName.SIGNAL_DROPPED,
        actor=f"strategy:{loaded.code}",
        object_type="signal",
        object_id=signal.public_id,
        trace_id=signal.public_id,
        market_at=at.market,
        data={"reason": reason, "stance": signal.stance},
    )
    journal.record([event], now=at.wall)
    return 0
