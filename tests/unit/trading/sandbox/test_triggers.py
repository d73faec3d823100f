"""Stops, targets and trailing stops. The trailing scenarios are those of Binance's FAQ."""

from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.fix import OrdStatus, OrdType, Side, TimeInForce
from tests.factories.sandbox import BUY, SELL, D, Desk, order
from trading.sandbox.events import Execution, OrderEvent
from trading.sandbox.orders import Ending
from trading.sandbox.rules import Refusal

STOP_LIMIT, TARGET_LIMIT = OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED


def walk(desk: Desk, *prices: str) -> None:
    for px in prices:
        desk.print_trade(px, "0.011")


@pytest.mark.parametrize(
    ("side", "kind", "stop", "limit", "bps", "still", "triggers"),
    [
        # A: a stop-loss buy tracks from 44,000 on; the lowest is 42,000, and 5 % above is 44,100.
        (
            *(BUY, STOP_LIMIT, "44000", "45000", 500),
            ("38000", "37000", "43999", "44000", "45000", "46000", "42000", "44099.99"),
            "44100",
        ),
        # B: a stop-loss sell tracks from 39,000 on; highest 41,000, 10 % below is 36,900.
        (
            *(SELL, STOP_LIMIT, "39000", "38000", 1000),
            ("41500", "39000", "37000", "41000", "36900.01"),
            "36900",
        ),
        # C: a take-profit buy tracks from 38,000 on; lowest 37,000, 8.5 % above is 40,145.
        (
            *(BUY, TARGET_LIMIT, "38000", "38500", 850),
            ("42000", "38000", "37000", "39000", "38000", "40144.99"),
            "40145",
        ),
        # D: a take-profit sell tracks from 42,000 on; highest 46,500, 7.5 % below is 43,012.50.
        (
            *(SELL, TARGET_LIMIT, "42000", "41000", 750),
            ("41500", "39000", "42000", "45000", "44000", "46500", "43012.51"),
            "43012.50",
        ),
        # E: without a stop price it tracks at once; highest 45,500, 7 % below is 42,315.
        (
            *(SELL, STOP_LIMIT, None, "39000", 700),
            ("42000", "39500", "45500", "42315.01"),
            "42315",
        ),
    ],
    ids="ABCDE",
)
def test_trailing_scenarios(
    side: Side,
    kind: OrdType,
    stop: str | None,
    limit: str,
    bps: int,
    still: tuple[str, ...],
    triggers: str,
) -> None:
    desk = Desk("anna")
    walk(desk, "40000")
    trailing = desk.place(
        order(
            "anna",
            side,
            "1",
            ord_type=kind,
            price=D(limit),
            stop_px=D(stop) if stop else None,
            trailing_bps=D(bps),
        )
    )
    walk(desk, *still)
    assert not desk.read(trailing).working
    walk(desk, triggers)
    assert desk.read(trailing).working


@pytest.mark.parametrize(
    ("side", "kind", "stop_px", "not_yet", "then"),
    [
        (SELL, OrdType.STOP, "98", "98.01", "98"),
        (BUY, OrdType.STOP, "102", "101.99", "103"),
        (SELL, OrdType.MARKET_IF_TOUCHED, "102", "101.99", "102"),
        (BUY, OrdType.MARKET_IF_TOUCHED, "98", "98.01", "97"),
    ],
)
def test_stops_and_targets(
    side: Side, kind: OrdType, stop_px: str, not_yet: str, then: str
) -> None:
    desk = Desk("anna", "boris")
    walk(desk, "100")
    waiting = desk.place(order("anna", side, "1", ord_type=kind, stop_px=D(stop_px)))
    assert not waiting.working
    walk(desk, not_yet)
    assert not desk.read(waiting).working
    desk.limit("boris", BUY, "5", "50")
    desk.limit("boris", SELL, "5", "200")
    walk(desk, then)
    assert desk.read(waiting).ord_status is OrdStatus.FILLED
    assert desk.read(waiting).avg_px == (50 if side is SELL else 200)


def test_a_stop_limit_rests_at_its_limit() -> None:
    desk = Desk("anna")
    walk(desk, "100")
    stop = desk.place(order("anna", SELL, "1", ord_type=STOP_LIMIT, price=D("97.5"), stop_px=D(98)))
    assert desk.locked("anna", "BTC") == 1
    walk(desk, "98")
    assert desk.exchange.depth("BTC-USDT").asks == ((D("97.5"), D(1)),)
    assert desk.read(stop).working
    told = [
        (event.execution, event.order.working)
        for event in desk.log.events
        if isinstance(event, OrderEvent) and event.order.order_id == stop.order_id
    ]
    assert told == [(Execution.NEW, False), (Execution.TRIGGERED, True)]


def test_a_triggered_order_keeps_its_time_in_force() -> None:
    desk = Desk("anna")
    walk(desk, "100")
    stop = desk.place(
        order(
            *("anna", SELL, "1"),
            ord_type=STOP_LIMIT,
            price=D(99),
            stop_px=D(98),
            time_in_force=TimeInForce.FOK,
        )
    )
    walk(desk, "98")
    assert desk.read(stop).ending is Ending.FILL_OR_KILL


def test_one_stop_sets_off_the_next() -> None:
    desk = Desk("anna", "boris", "carla")
    walk(desk, "100")
    first = desk.place(order("anna", SELL, "1", ord_type=OrdType.STOP, stop_px=D(98)))
    second = desk.place(order("boris", SELL, "1", ord_type=OrdType.STOP, stop_px=D(96)))
    desk.limit("carla", BUY, "1", "95")
    desk.limit("carla", BUY, "1", "94")
    walk(desk, "98")
    assert [desk.read(each).avg_px for each in (first, second)] == [95, 94]
    assert desk.exchange.last_px("BTC-USDT") == 94


def test_every_price_of_a_sweep_is_seen() -> None:
    desk = Desk("anna", "boris")
    walk(desk, "100")
    trailing = desk.place(
        order("anna", SELL, "1", ord_type=OrdType.TRAILING_STOP, trailing_bps=D(100))
    )
    # One order trades at 102 and then at 103; a return to 101.97 is one per cent below 103.
    desk.limit("boris", SELL, "1", "102")
    desk.limit("boris", SELL, "1", "103")
    desk.open("carla")
    desk.market("carla", BUY, "2")
    assert desk.read(trailing).best_px == 103
    walk(desk, "101.98")
    assert desk.read(trailing).is_open
    walk(desk, "101.97")
    assert desk.read(trailing).working


@pytest.mark.parametrize(
    "fields",
    [
        {"ord_type": OrdType.STOP, "stop_px": D(100)},
        {"ord_type": OrdType.STOP, "stop_px": D(101)},
        {"ord_type": OrdType.MARKET_IF_TOUCHED, "stop_px": D(99)},
    ],
)
def test_what_is_reached_already_is_refused(fields: dict[str, Any]) -> None:
    desk = Desk("anna")
    walk(desk, "100")
    assert desk.send(order("anna", SELL, "1", **fields)).reason is Refusal.WOULD_TRIGGER


def test_a_trailing_buyer_holds_what_it_may_cost() -> None:
    desk = Desk("anna")
    walk(desk, "100")
    desk.place(order("anna", BUY, "2", ord_type=OrdType.TRAILING_STOP, trailing_bps=D(150)))
    assert desk.locked("anna", "USDT") == Decimal(2) * D("101.50")


def test_a_cancelled_stop_is_not_told_of_again() -> None:
    desk = Desk("anna")
    walk(desk, "100")
    stop = desk.place(order("anna", SELL, "1", ord_type=OrdType.STOP, stop_px=D(98)))
    desk.exchange.cancel("anna", None, order_id=stop.order_id, now=desk.now)
    walk(desk, "97")
    told = [
        event.execution
        for event in desk.log.events
        if isinstance(event, OrderEvent) and event.order.order_id == stop.order_id
    ]
    assert told == [Execution.NEW, Execution.CANCELED]
