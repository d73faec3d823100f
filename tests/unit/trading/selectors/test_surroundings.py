"""What an order would meet at its venue, counted as the venue counts."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import AccountKind, OrdType, Origin, Side
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import Limits
from trading.domain.order import OrderIntent
from trading.domain.order_rules import ALONE, Around, Counts
from trading.selectors.orders import WorkingOrder
from trading.selectors.surroundings import around

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE, ELSEWHERE = 1, 2
COUNTED = Limits(max_orders=200, account_max_stops=5, max_position=D(1_000))
BTC = Instrument(
    code="SIM:BTC-USDT",
    base="BTC",
    quote="USDT",
    kind=AccountKind.SPOT,
    tick=D("0.01"),
    lot=D("0.00001"),
    min_qty=D("0.0001"),
    min_notional=D(10),
)
INTENT = OrderIntent(
    intent_id="I",
    account="paper",
    instrument="SIM:BTC-USDT",
    side=Side.SELL,
    ord_type=OrdType.STOP,
    order_qty=D(1),
    origin=Origin.PROTECTION,
    reference_px=D(100),
    reason="stop_loss",
    decided_at=NOW,
    stop_px=D(90),
)


def _order(intent_id: str, ord_type: OrdType, **fields: Any) -> WorkingOrder:
    usual: dict[str, Any] = {
        "instrument_id": HERE, "side": Side.SELL, "leaves_qty": D(1), "oco_group": "",
        "reduce_only": True, "worst_px": D(90), "strategy": "", "created_at": NOW,
    }  # fmt: skip
    return WorkingOrder(intent_id=intent_id, ord_type=ord_type, **(usual | fields))


def _around(*working: WorkingOrder, limits: Limits = COUNTED, **changes: Any) -> Around:
    return around(
        working,
        {"BTC": D(3), "USDT": D(100)},
        replace(INTENT, **changes),
        replace(BTC, limits=limits),
        instrument_id=HERE,
        px=D(100),
    )


def test_an_order_alone_is_counted_itself() -> None:
    assert _around() == Around(px=D(100), here=ALONE, account=ALONE, position=D(3))
    assert _around(ord_type=OrdType.LIMIT, price=D(110)).here == Counts(1, 0, 0)


def test_those_of_other_instruments_count_for_the_account_only() -> None:
    found = _around(
        _order("A", OrdType.STOP),
        _order("B", OrdType.LIMIT, instrument_id=ELSEWHERE),
        _order("C", OrdType.TRAILING_STOP, instrument_id=ELSEWHERE),
    )
    assert (found.here, found.account) == (Counts(2, 2, 0), Counts(4, 3, 0))


def test_one_that_takes_the_market_does_not_rest() -> None:
    assert _around(_order("A", OrdType.MARKET)).here == ALONE


def test_one_in_whose_place_it_comes_is_gone_by_then() -> None:
    assert _around(_order("A", OrdType.STOP), replaces="A").here == ALONE


def test_of_a_group_each_is_an_order_and_one_waits_for_a_price() -> None:
    first = _order("A", OrdType.STOP, oco_group="G")
    second = _order("B", OrdType.LIMIT_IF_TOUCHED, oco_group="G")
    assert _around(first, second).here == Counts(3, 2, 1)
    joins = _around(first, ord_type=OrdType.LIMIT_IF_TOUCHED, price=D(110), oco_group="G")
    assert joins.here == Counts(2, 1, 1)
    assert _around(first).here.lists == 0


def test_what_may_come_to_be_held_is_what_is_held_and_what_is_being_bought() -> None:
    buying = _order("A", OrdType.LIMIT, side=Side.BUY, leaves_qty=D(2))
    elsewhere = _order("B", OrdType.LIMIT, side=Side.BUY, instrument_id=ELSEWHERE)
    selling = _order("C", OrdType.LIMIT)
    assert _around(buying, elsewhere, selling).position == 5
    assert _around(buying, elsewhere, selling, replaces="A").position == 3


def test_nothing_is_counted_that_no_limit_asks_for() -> None:
    assert _around(_order("A", OrdType.STOP), limits=Limits()) == Around(px=D(100))
