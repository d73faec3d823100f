"""Faults of a venue over the wire that no gateway can settle by itself: what the desk makes of
them. The numbers are those of venues.md 2.3."""

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from django.db import IntegrityError, transaction

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import ExecType
from compliance.domain.alert_rules import Severity, judge
from compliance.models import JournalEntry
from risk.models import TradingStateRow
from tests.factories.road import Road, fills, only_order
from tests.integration.trading.at_venue import SYMBOL, AtVenue, at_venue
from trading.domain.execution_report import status_report
from trading.models import Fill, LedgerPosting, LedgerTransaction, Order, ReconBreak
from trading.selectors import order_story
from trading.services import (
    claims,
    executions,
    external,
    order_rows,
    orders,
    reconciliation,
    routing,
)
from trading.tasks import sweep, workbench

pytestmark = pytest.mark.usefixtures("fresh_database")

LATER = external.FLOW_AGE + timedelta(seconds=1)
NOW = "0.001"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        opened.begin()
        yield opened


class Posts:
    """How often an order left for the venue."""

    def __init__(self, venue: AtVenue) -> None:
        gateway: Any = venue.gateway
        gateway._connection._client.session.hooks["response"].append(self._heard)
        self.orders = 0

    def _heard(self, response: requests.Response, **_: object) -> None:
        self.orders += response.request.method == "POST" and "/order" in str(response.url)


def _route(venue: AtVenue, times: int = 1) -> None:
    """What a worker of the gateway does in a task."""
    for _ in range(times):
        at = venue.now()
        routing.cancel_all(desk=venue.desk, gateway=venue.gateway, at=at)
        routing.send_all(desk=venue.desk, gateway=venue.gateway, at=at)
        reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=at)
        reconciliation.resolve(desk=venue.desk, gateway=venue.gateway, at=at)


def _told(name: EventName) -> list[dict[str, Any]]:
    rows = JournalEntry.objects.filter(event=name).order_by("pk")
    return [orjson.loads(bytes(row.payload))["body"]["data"] for row in rows]


def test_an_order_of_unknown_outcome_that_the_venue_then_tells_of_has_left_once(
    venue: AtVenue,
) -> None:
    """X3: the answer is a timeout, the stream tells of the order, then the next sweep comes."""
    posts, order = Posts(venue), venue.waiting("first")
    venue.change("faults", plan="timeout_code=1")
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("PENDING_NEW", "UNKNOWN")
    venue.change("faults", plan="")
    _route(venue, times=3)
    order.refresh_from_db()
    assert (order.ord_status, order.certainty) == ("NEW", "CERTAIN")
    assert posts.orders == 1
    assert venue.at_exchange() == [order.cl_ord_id]


def test_a_client_id_is_never_given_to_a_second_order_even_after_the_fill() -> None:
    """X6: where ids are free again after the fill, ours are not."""
    road = Road()
    road.move(101, 102)
    order = only_order(ord_status="FILLED")
    filled = fills()
    again = Order.objects.get(pk=order.pk)
    again.pk, again.public_id, again.intent_id = None, "P" * 32, "I" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save()
    assert fills() == filled


def test_maintenance_ends_without_a_storm_and_what_is_too_old_is_dropped(venue: AtVenue) -> None:
    """X21: 503 for a while; one order left before that was known, one waited."""
    posts, first = Posts(venue), venue.waiting("first")
    venue.gateway.balances(account="")
    venue.change("faults", plan=f"maintenance_at_s={NOW},maintenance_s=600")
    _route(venue, times=5)
    second = venue.waiting("second")
    Order.objects.filter(pk=second.pk).update(expires_at=venue.now().market)
    venue.change("faults", plan="")
    # The venue is held back from for a while: by then the second is too old.
    venue.desk.held_back_until = 0.0
    _route(venue, times=5)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (second.ord_status, second.text) == ("EXPIRED", "EXPIRED_BEFORE_SEND")
    assert first.certainty == "UNKNOWN"
    assert posts.orders == 1
    assert venue.at_exchange() == []


def test_a_voided_trade_is_taken_back_by_a_booking_that_names_it(venue: AtVenue) -> None:
    """X25: what was booked stays as it was told; a compensating booking follows the venue."""
    venue.waiting("first")
    venue.quotes()
    _route(venue)
    venue.change("book", instrument=SYMBOL, side="BUY", price="60200", qty="2")
    _route(venue)
    fill = Fill.objects.get()
    assert (fill.last_qty, venue.position(), venue.differences()) == (D("0.001"), D("0.999"), {})
    venue.change("faults", plan="bust_every_s=1")
    while not venue.differences():
        time.sleep(0.1)
    venue.change("faults", plan="")
    venue.look()
    assert venue.look(LATER) == 1
    assert (venue.differences(), venue.position()) == ({}, D(1))
    same = Fill.objects.get()
    assert (same.last_qty, same.last_px, same.fee) == (fill.last_qty, fill.last_px, fill.fee)
    entries = LedgerTransaction.objects.filter(fill=fill).order_by("pk")
    assert [each.kind for each in entries] == ["FILL", "VOID"]
    sums: defaultdict[str, D] = defaultdict(D)
    for posting in LedgerPosting.objects.filter(transaction__fill=fill):
        sums[f"{posting.ledger_account} {posting.asset}"] += posting.amount
    assert not any(sums.values())
    (told,) = _told(EventName.FILL_VOIDED)
    assert (told["exec_id"], told["last_qty"]) == (fill.exec_id, "0.001")
    assert _told(EventName.FLOW_BOOKED) == []
    assert venue.look(2 * LATER) == 0
    found = order_story.story(fill.order.public_id)
    assert found is not None
    assert [(each.exec_id, each.voided_at is not None) for each in found.fills] == [
        (fill.exec_id, True)
    ]


def test_what_was_announced_and_taken_back_before_its_trade_was_told_is_waited_for_no_longer(
    venue: AtVenue,
) -> None:
    """X25: of the fill there was one word, how much of the order had traded."""
    order = venue.waiting("first")
    venue.quotes()
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    venue.change("book", instrument=SYMBOL, side="BUY", price="60200", qty="2")
    order.refresh_from_db()
    (row,) = venue.desk.instruments.values()
    word = status_report(
        order.order_id, order.cl_ord_id, row.code, ExecType.ORDER_STATUS, D("0.001"), WALL.now()
    )
    executions.apply(desk=venue.desk, reports=[word], at=venue.now())
    venue.change("faults", plan="bust_every_s=1")
    while venue.differences():
        time.sleep(0.1)
    venue.change("faults", plan="")
    venue.look()
    order.refresh_from_db()
    assert (order.certainty, order.cum_qty) == ("FILLS_INCOMPLETE", D("0.001"))
    assert ReconBreak.objects.get(closed_at=None).kind == "FILLS"
    assert venue.look(LATER) == 1
    order.refresh_from_db()
    assert (order.certainty, order.cum_qty, order.ord_status) == ("CERTAIN", 0, "CANCELED")
    assert (venue.differences(), venue.position(), Fill.objects.count()) == ({}, D(1), 0)
    assert not ReconBreak.objects.filter(closed_at=None).exists()


def test_a_refused_key_of_an_idle_account_shows_within_five_seconds(venue: AtVenue) -> None:
    """X27: nothing rests and nothing is to be sent; the sweep of every second goes on."""
    workbench._paces._last.clear()
    sweep.sweep()
    assert not TradingStateRow.objects.exists()
    venue.change("faults", plan=f"key_revoked_at_s={NOW},key_revoked_s=600")
    began = time.monotonic()
    while not TradingStateRow.objects.exists() and time.monotonic() - began < 10:
        time.sleep(1)
        sweep.sweep()
    assert time.monotonic() - began <= 5
    state = TradingStateRow.objects.get()
    assert (state.state, state.scope) == ("HALTED", "ACCOUNT")
    assert "nothing of ours rests there" in state.reason


@pytest.mark.parametrize("met_by", ["an order", "a look", "the comparison", "a cancel"])
def test_a_refused_key_halts_the_account_and_says_what_cannot_be_cancelled(
    venue: AtVenue, met_by: str
) -> None:
    """X27: the first call that is refused for our key is enough, whichever it is."""
    resting = venue.waiting("resting")
    _route(venue)
    resting.refresh_from_db()
    assert resting.ord_status == "NEW"
    venue.change("faults", plan=f"key_revoked_at_s={NOW},key_revoked_s=600")
    at = venue.now()
    match met_by:
        case "an order":
            venue.waiting("second")
            routing.send_all(desk=venue.desk, gateway=venue.gateway, at=at)
        case "a look":
            reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=at)
        case "the comparison":
            with pytest.raises(RejectedByVenue, match="-2015"):
                external.take_in(desk=venue.desk, gateway=venue.gateway, at=at)
        case "a cancel":
            orders.request_cancel(
                order_id=resting.pk, requested_by="ann", reason="drill", now=at.wall
            )
            routing.cancel_all(desk=venue.desk, gateway=venue.gateway, at=at)
    (state,) = TradingStateRow.objects.all()
    assert (state.state, state.scope) == ("HALTED", "ACCOUNT")
    assert resting.cl_ord_id in state.reason
    (data,) = _told(EventName.TRADING_HALTED)
    alert = judge(EventName.TRADING_HALTED, data | {"actor": "desk"})
    assert alert is not None
    assert (alert.severity, "cannot cancel" in alert.text) == (Severity.CRITICAL, True)
    posts = Posts(venue)
    assert not claims.may_send(venue.desk, resting, order_rows.of(venue.desk).restricting())
    _route(venue, times=3)
    assert posts.orders == 0
