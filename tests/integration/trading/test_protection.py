"""What is held rests behind its stops, exactly; and a close waits until nothing else can fill."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import AccountKind, OrdType, PriceSource
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road, plan
from tests.integration.trading.venues import DeafToCancels
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.models import CancelRequest, Order, Position, Strategy, Trade
from trading.services import alignment, executions, exits, routing, strategies

pytestmark = pytest.mark.usefixtures("fresh_database")

STOP_AND_TARGET = {"stop_loss_pct": "1", "take_profit_pct": "2"}


def _covered() -> D:
    """Quantity behind working protection, by the venue's own rule: one leg of a group fills."""
    groups = {
        (order.oco_group, order.order_qty - order.filled_qty)
        for order in roads.orders(origin="PROTECTION", ord_status="NEW")
    }
    return sum((qty for _, qty in groups), D(0))


def _events(*names: str) -> list[str]:
    rows = JournalEntry.objects.filter(event__in=names).order_by("pk")
    return list(rows.values_list("event", flat=True))


def test_partial_fills_are_protected_as_they_come() -> None:
    road = Road(exits=STOP_AND_TARGET)
    # A tenth of the bar before may fill: 30 of 99.009, then 30 more, then what is left.
    road.move(101, volume=300)
    seen = []
    for _ in range(4):
        road.hold(volume=300)
        held = Position.objects.get().quantity
        seen.append(held)
        assert _covered() == held
    assert seen == [D(30), D(60), D(90), D("99.009")]
    assert road.wrong() == []
    road.bar(101, 101, 90, 101)
    assert Position.objects.get().quantity == 0
    assert {order.ord_status for order in roads.orders(ord_type="STOP")} == {"FILLED"}
    assert road.wrong() == []


def test_two_partial_fills_at_one_instant_are_both_protected() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.decide(101)
    entry = roads.only_order()
    Order.objects.filter(pk=entry.pk).update(ord_status="NEW", closedness=2)
    for number, cum in enumerate(("40", "99.009")):
        roads.report_trade(road, entry.cl_ord_id, cum_qty=cum, px="101", exec_id=f"T{number}")
        alignment.align_all(desk=road.desk, at=road.moment)
    protected = roads.orders(origin="PROTECTION", ord_type="STOP")
    assert sum(order.order_qty for order in protected) == D("99.009")


def test_a_close_is_ordered_only_after_its_protection_is_gone() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    road.move("100.5")
    told = _events("order.created", "order.closed", "order.cancel_requested")
    assert told[-5:] == [
        *["order.cancel_requested"] * 2,
        *["order.closed"] * 2,
        "order.created",
    ]
    road.hold()
    assert roads.fills()[-1] == ("SELL", D("99.009"), D("100.48"))
    assert roads.only_trade().closed_at is not None


def test_while_a_cancel_is_unanswered_nothing_else_is_ordered() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    deaf = DeafToCancels(road.rules)
    road.restart(gateway=deaf)
    road.move("100.5", "100.4")
    assert not roads.orders(side="SELL", ord_type="MARKET")
    assert _covered() == D("99.009")
    deaf.deaf = False
    road.move("100.3")
    assert roads.only_order(side="SELL", ord_type="MARKET").order_qty == D("99.009")
    road.hold()
    assert Position.objects.get().quantity == 0
    assert road.wrong() == []


def test_a_stop_that_fills_before_its_cancel_leaves_nothing_to_close() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    road.restart(gateway=DeafToCancels(road.rules))
    road.move("100.5")
    road.bar("100.5", "100.5", 99, 99)
    assert Position.objects.get().quantity == 0
    assert not roads.orders(side="SELL", ord_type="MARKET")
    assert not CancelRequest.objects.filter(answered_at=None).exists()
    assert road.wrong() == []


def test_an_exit_that_fills_in_parts_needs_no_protection_of_its_own() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    road.move("100.5", volume=300)
    road.hold(volume=300)
    # 30 are sold; the strategy wants to be long again while the rest is on its way out.
    assert Position.objects.get().quantity == D("69.009")
    road.move("100.6", volume=10_000_000)
    assert not roads.orders(ord_status="DENIED")
    assert "position.unprotected" not in _events("position.unprotected")


def test_what_fills_after_a_gap_is_protected_at_the_next_close_at_the_latest() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    # The price is older than two intervals when the entry fills: the gate refuses the stop.
    road.bar(101, 101, 101, 101, after=5)
    assert Position.objects.get().quantity == D("99.009")
    assert _covered() == D("99.009")


def test_a_disabled_strategy_opens_nothing_and_keeps_its_protection() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    strategy = Strategy.objects.get()
    strategies.disable(strategy_id=strategy.pk, actor="ann", reason="to see", now=WALL.now())
    road.move("100.5", "101.5", "100.9")
    assert roads.only_order(ord_type="STOP").ord_status == "NEW"
    assert len(roads.orders(ord_type="MARKET")) == 1
    road.move(99)
    assert roads.fills()[-1] == ("SELL", D("99.009"), D("100"))
    road.move(102, 103, 104)
    assert len(roads.orders(ord_type="MARKET")) == 1
    assert road.wrong() == []


def test_strategies_on_opposite_sides_of_one_perpetual_both_get_out() -> None:
    both = [plan(stop_loss_pct="20"), plan("donchian", stop_loss_pct="20")]
    road = Road(kind=AccountKind.PERP, strategies=both)
    road.bar(100, 101, "99.5", 101)
    road.bar(101, 101, "99.5", "100.9")
    road.bar("100.9", "100.9", "99.5", "100.9")
    mixed = Trade.objects.filter(closed_at=None).order_by("pk")
    assert [trade.side for trade in mixed] == ["BUY", "SELL"]
    for trade in mixed:
        stop = roads.only_order(trade=trade, ord_type="STOP", ord_status="NEW")
        assert stop.order_qty == trade.entry_qty - trade.exit_qty
    # Everybody short, then everybody long.
    road.bar("100.9", "100.9", 99, 99)
    road.bar(99, 103, 99, 103)
    road.hold()
    still_open = Trade.objects.filter(closed_at=None)
    assert [trade.side for trade in still_open] == ["BUY", "BUY"]
    assert not roads.orders(ord_status="DENIED")
    assert road.wrong() == []


def test_what_fills_while_halted_is_said_to_be_naked_and_protected_after_the_release() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    kill_switch.engage(
        scope=Scope.GLOBAL, reason="drill", actor="ann", now=WALL.now(), market_at=road.at
    )
    road.hold(2)
    assert Position.objects.get().quantity == D("99.009")
    assert _covered() == 0
    assert _events("position.unprotected") == ["position.unprotected"]
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=WALL.now(), now=WALL.now(),
        market_at=road.at,
    )  # fmt: skip
    road.hold()
    assert _covered() == D("99.009")
    assert roads.only_trade().unprotected_since is None
    assert road.wrong() == []


def test_protection_rests_through_a_halt_and_acts() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    kill_switch.engage(
        scope=Scope.GLOBAL, reason="drill", actor="ann", now=WALL.now(), market_at=road.at
    )
    # The strategy wants out, which a halt forbids: the stop is not taken away for nothing.
    road.move("100.5")
    assert _covered() == D("99.009")
    road.move(99)
    assert Position.objects.get().quantity == 0
    assert roads.fills()[-1] == ("SELL", D("99.009"), D("100"))
    assert road.wrong() == []


def test_a_stance_that_comes_back_keeps_the_position_and_its_protection() -> None:
    road = Road(exits=STOP_AND_TARGET)
    road.move(101)
    road.hold()
    kill_switch.engage(
        scope=Scope.GLOBAL, reason="drill", actor="ann", now=WALL.now(), market_at=road.at
    )
    road.move("100.9", "101.2")
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=WALL.now(), now=WALL.now(),
        market_at=road.at,
    )  # fmt: skip
    road.hold(2)
    assert len(roads.orders(ord_type="MARKET")) == 1
    assert _covered() == Position.objects.get().quantity == D("99.009")


class _NoStops(SimGateway):
    """A venue that takes no stop while `refuses`."""

    refuses = True

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        if self.refuses and order.ord_type is OrdType.STOP:
            raise RejectedByVenue("NO_STOPS", "not now")
        return super().submit(account=account, order=order)


def test_a_position_whose_stops_the_venue_refuses_is_said_to_be_naked_and_sold() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    road.restart_with(_NoStops(SimRules(seed=roads.NAMESPACE)), road.made.engine)
    road.move(101)
    road.hold()
    assert _events("position.unprotected") == ["position.unprotected"]
    road.hold(4)
    assert roads.only_trade().exit_reason == "unprotected"
    assert Position.objects.get().quantity == 0
    assert road.wrong() == []


def test_on_prices_in_real_time_a_naked_position_does_not_wait_for_long_bars() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    venue = _NoStops(SimRules(seed=roads.NAMESPACE))
    road.restart_with(venue, road.made.engine)
    road.move(101)
    road.hold()
    road.desk.feed.source = PriceSource.REAL_TIME
    now = road.moment
    for waited, wanted in (
        (exits.UNPROTECTED_LONGEST / 2, ""),
        (exits.UNPROTECTED_LONGEST, "unprotected"),
    ):
        alignment.align_all(desk=road.desk, at=replace(now, wall=now.wall + waited))
        assert roads.only_trade().exit_wanted == wanted


def test_a_position_whose_stop_is_taken_at_last_is_kept() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    venue = _NoStops(SimRules(seed=roads.NAMESPACE))
    road.restart_with(venue, road.made.engine)
    road.move(101)
    road.hold()
    assert roads.only_trade().unprotected_since is not None
    venue.refuses = False
    road.hold()
    assert roads.only_trade().unprotected_since is None
    road.hold(4)
    assert roads.only_trade().exit_wanted == ""
    assert road.wrong() == []


def test_a_stance_that_comes_back_before_the_cancel_is_answered_has_its_stop_again() -> None:
    road = Road(exits={"stop_loss_pct": "5"})
    road.move(101)
    road.hold()
    deaf = DeafToCancels(road.rules)
    road.restart_with(deaf, road.made.engine)
    road.move("100.9")
    assert CancelRequest.objects.filter(answered_at=None).count() == 1
    # The strategy wants the position again, and the venue has not said whether the stop is gone.
    road.move("101.2")
    assert not roads.orders(ord_status="DENIED")
    assert roads.only_trade().unprotected_since is not None
    deaf.deaf = False
    at = road.moment
    routing.cancel_all(desk=road.desk, gateway=deaf, at=at)
    executions.drain(desk=road.desk, gateway=deaf, at=at)
    alignment.align_all(desk=road.desk, at=at)
    assert roads.only_order(origin="PROTECTION", ord_status="CREATED").order_qty == D("99.009")
