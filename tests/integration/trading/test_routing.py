"""From an approved order to the venue: once, only when it may, and never by guesswork."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connections

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import ExecType
from compliance.models import JournalEntry
from risk.domain.trading_state import Scope
from risk.models import TradingStateRow
from risk.services import kill_switch
from tests.factories import road as roads
from tests.factories.road import Road
from tests.integration.trading.venues import Lost, Slow, Unreachable
from trading.domain.execution_report import status_report
from trading.models import CancelRequest, Position, ReconBreak, SimOrder
from trading.services import executions, orders, reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


def _events(*names: str) -> list[str]:
    rows = JournalEntry.objects.filter(event__in=names).order_by("pk")
    return list(rows.values_list("event", flat=True))


def _send(road: Road, at: Moment | None = None) -> int:
    done = routing.cancel_all(desk=road.desk, gateway=road.gateway, at=at or road.moment)
    return done + routing.send_all(desk=road.desk, gateway=road.gateway, at=at or road.moment)


def _halt(scope: Scope = Scope.GLOBAL, code: str = "") -> None:
    kill_switch.engage(
        scope=scope, scope_code=code, reason="drill", actor="ann", now=WALL.now(),
        market_at=roads.START,
    )  # fmt: skip


def _release() -> None:
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=WALL.now(), now=WALL.now(),
        market_at=roads.START,
    )  # fmt: skip


def _in_thread(work: Callable[[], object]) -> threading.Thread:
    """Started; leaves no connection behind."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_accepted_but_unanswered_is_unknown_until_the_venue_is_asked() -> None:
    road = Road(unanswered_rate=1.0)
    road.decide(101)
    order = roads.only_order()
    _send(road)
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert SimOrder.objects.count() == 1
    assert reconciliation.resolve(desk=road.desk, gateway=road.gateway, at=road.moment) == 1
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("NEW", "CERTAIN")
    assert SimOrder.objects.count() == 1
    names = ("order.sent", "order.outcome_unknown", "order.outcome_resolved", "order.acknowledged")
    assert _events(*names) == list(names)


def test_what_was_lost_on_its_way_is_sent_again_under_the_same_id() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    order = roads.only_order()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    assert not SimOrder.objects.exists()
    road.restart()
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("NEW", "CERTAIN")
    assert SimOrder.objects.get().cl_ord_id == order.cl_ord_id
    assert not ReconBreak.objects.exists()


def test_what_was_lost_and_is_too_late_was_never_accepted() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=late)
    order = roads.only_order()
    assert (order.ord_status, order.text) == ("REJECTED", "NEVER_ACCEPTED")
    assert not SimOrder.objects.exists()


def test_a_refusal_of_the_venue_is_told_with_its_code() -> None:
    road = Road(reject_rate=1.0)
    road.move(101)
    order = roads.only_order()
    assert order.ord_status == "REJECTED"
    assert order.text.startswith("SIM_REJECTED: ")
    assert not SimOrder.objects.exists()
    assert roads.only_trade().closed_at is not None
    assert road.wrong() == []


def test_an_entry_waits_while_halted_and_expires_with_its_bar() -> None:
    road = Road()
    road.decide(101)
    _halt()
    assert _send(road) == 0
    assert roads.only_order().ord_status == "CREATED"
    _release()
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    _send(road, late)
    order = roads.only_order()
    assert (order.ord_status, order.text) == ("EXPIRED", "EXPIRED_BEFORE_SEND")
    assert not SimOrder.objects.exists()


def test_an_exit_waits_while_halted_and_goes_after_the_release() -> None:
    road = Road()
    road.move(101)
    road.hold()
    road.decide("100.5")
    _halt(Scope.ACCOUNT, road.desk.account.code)
    _halt()
    assert _send(road) == 0
    exit_order = roads.only_order(side="SELL")
    assert exit_order.ord_status == "CREATED"
    _release()
    assert _send(road) == 0
    kill_switch.release(
        scope=Scope.ACCOUNT, scope_code=road.desk.account.code, reason="over", actor="ann",
        verified_at=WALL.now(), now=WALL.now(), market_at=roads.START,
    )  # fmt: skip
    assert _send(road) == 1
    road.hold()
    assert roads.fills()[-1] == ("SELL", D("99.009"), D("100.48"))


def test_what_halted_a_venue_or_instrument_holds_its_orders_back() -> None:
    road = Road()
    road.decide(101)
    _halt(Scope.VENUE, "SIM")
    assert _send(road) == 0
    _halt(Scope.INSTRUMENT, road.code)
    assert _send(road) == 0
    assert roads.only_order().ord_status == "CREATED"


def test_a_halt_denies_what_is_decided_after_it() -> None:
    road = Road()
    _halt()
    road.move(101)
    order = roads.only_order()
    assert (order.ord_status, order.text) == ("DENIED", "STATE_HALTED")


def test_a_halt_waits_for_a_send_that_is_under_way_and_then_nothing_is_sent() -> None:
    road = Road()
    slow = Slow(road.rules)
    road.restart(gateway=slow)
    road.decide(101)
    sender = _in_thread(lambda: _send(road))
    assert slow.inside.wait(10)
    halt = _in_thread(_halt)
    halt.join(0.3)
    assert halt.is_alive()
    assert _events("trading.halted") == []
    slow.go.set()
    sender.join(10)
    halt.join(10)
    assert not halt.is_alive()
    assert _events("trading.halted") == ["trading.halted"]
    assert SimOrder.objects.count() == 1
    road.move(101, 100, 102)
    assert SimOrder.objects.count() == 1


def test_two_senders_send_an_order_once() -> None:
    road = Road()
    road.decide(101)
    at, start = road.moment, threading.Barrier(2)

    def send() -> None:
        start.wait(10)
        _send(road, at)

    senders = [_in_thread(send) for _ in range(2)]
    for sender in senders:
        sender.join(20)
    assert SimOrder.objects.count() == 1
    assert _events("order.sent") == ["order.sent"]
    order = roads.only_order()
    assert (order.ord_status, order.fencing_token) == ("NEW", 1)


def test_what_is_proven_not_sent_waits_for_the_next_call() -> None:
    road = Road()
    unreachable = Unreachable(road.rules)
    road.restart(gateway=unreachable)
    road.decide(101)
    _send(road)
    assert unreachable.attempts == 1
    assert roads.only_order().ord_status == "CREATED"
    assert _events("order.sent", "order.not_sent") == ["order.sent", "order.not_sent"]


def test_an_order_that_never_left_is_withdrawn_by_a_cancel() -> None:
    road = Road()
    road.decide(101)
    _halt()
    order = roads.only_order()
    assert orders.request_cancel(order_id=order.pk, requested_by="ann", reason="no", now=WALL.now())
    _send(road)
    order.refresh_from_db()
    assert (order.ord_status, order.text) == ("CANCELED", "WITHDRAWN")
    assert not SimOrder.objects.exists()


def test_cancels_pass_while_halted() -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    _halt()
    stop = roads.only_order(ord_type="STOP")
    assert orders.request_cancel(order_id=stop.pk, requested_by="ann", reason="no", now=WALL.now())
    _send(road)
    stop.refresh_from_db()
    assert stop.ord_status == "CANCELED"
    assert SimOrder.objects.get(cl_ord_id=stop.cl_ord_id).ord_status == "CANCELED"


def test_a_cancel_that_comes_too_late_is_answered_and_the_fill_counts() -> None:
    road = Road(exits={"take_profit_pct": "2"})
    road.move(101)
    road.hold()
    target = roads.only_order(ord_type="LIMIT_IF_TOUCHED")
    assert orders.request_cancel(
        order_id=target.pk, requested_by="ann", reason="no", now=WALL.now()
    )
    # The venue fills it before the wish arrives there.
    road.bar(101, 104, 101, 101)
    target.refresh_from_db()
    assert target.ord_status == "FILLED"
    assert CancelRequest.objects.get().answered_at is not None
    assert Position.objects.get().quantity == 0
    assert road.wrong() == []


def test_a_halt_waits_for_an_order_that_is_sent_again_too() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    slow = Slow(road.rules)
    at = road.moment
    again = _in_thread(lambda: reconciliation.resolve(desk=road.desk, gateway=slow, at=at))
    assert slow.inside.wait(10)
    halt = _in_thread(_halt)
    halt.join(0.3)
    assert halt.is_alive()
    slow.go.set()
    again.join(10)
    halt.join(10)
    assert SimOrder.objects.count() == 1
    assert _events("order.acknowledged", "trading.halted") == [
        "order.acknowledged",
        "trading.halted",
    ]


def test_after_a_halt_nothing_is_sent_again() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    _halt()
    reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=road.moment)
    assert roads.only_order().text == "NEVER_ACCEPTED"
    assert not SimOrder.objects.exists()


def test_a_lease_is_as_long_as_its_sender_believes_however_old_its_moment_is() -> None:
    road = Road()
    slow = Slow(road.rules)
    road.restart(gateway=slow)
    road.decide(101)
    old = Moment(market=road.moment.market, wall=WALL.now() - timedelta(minutes=1))
    sender = _in_thread(lambda: _send(road, old))
    assert slow.inside.wait(10)
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    assert reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=late) == 0
    slow.go.set()
    sender.join(10)
    assert (roads.only_order().ord_status, SimOrder.objects.get().ord_status) == ("NEW", "NEW")


def test_an_order_that_was_given_up_and_is_seen_later_opens_a_break() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=late)
    roads.report_trade(road, roads.only_order().cl_ord_id, cum_qty="40", px=101)
    assert ReconBreak.objects.get().kind == "ZOMBIE"
    assert Position.objects.get().quantity == 40
    state = TradingStateRow.objects.get()
    assert (state.scope, state.scope_code) == ("INSTRUMENT", road.code)
    assert (state.state, state.changed_by) == ("CANCEL_ONLY", "desk")
    assert roads.only_order().cl_ord_id in state.reason


def test_what_is_told_of_a_risen_order_after_a_person_released_restricts_nothing() -> None:
    road = Road()
    road.restart(gateway=Lost(road.rules))
    road.decide(101)
    _send(road)
    late = Moment(market=road.moment.market + timedelta(minutes=1), wall=WALL.now())
    reconciliation.resolve(desk=road.desk, gateway=road.made.gateway, at=late)
    order = roads.only_order()
    roads.report_trade(road, order.cl_ord_id, cum_qty=order.order_qty, px=101)
    kill_switch.release(
        scope=Scope.INSTRUMENT, scope_code=road.code, reason="seen", actor="ann",
        verified_at=WALL.now(), now=WALL.now(), market_at=late.market,
    )  # fmt: skip
    told = status_report("7", order.cl_ord_id, road.code, ExecType.NEW, D(0), road.moment.market)
    executions.apply(desk=road.desk, reports=[told], at=road.moment)
    assert TradingStateRow.objects.get().state == "ACTIVE"
