"""An account at a venue: its instruments' rules, and whether they trade, are followed."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdType, Side
from aitrader.runtime import instrument_rules as runtime
from aitrader.runtime.instrument_rules import InstrumentRules
from compliance.models import JournalEntry
from compliance.selectors import journal as journal_of
from compliance.services import access, journal, sequencer
from risk.domain.trading_state import Scope, TradingState
from risk.models import TradingStateRow
from risk.services import kill_switch
from tests.integration.trading.at_venue import CODE, SYMBOL, AtVenue, at_venue
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.domain.instrument_limits import Limits
from trading.gateways.binance import listing
from trading.models import InstrumentRow, Order
from trading.selectors.desk import as_instrument
from trading.services import instrument_rules, person_orders, routing

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as made:
        yield made


@pytest.fixture
def follow(venue: AtVenue, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstrumentRules]:
    monkeypatch.setattr(runtime, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(runtime, "SOON_SECONDS", 0.1)
    thread = InstrumentRules("BINANCE", instruments=venue.desk.instruments)
    thread.start()
    yield thread
    thread.stop()
    thread.join(15)
    assert not thread.is_alive()


def _until(told: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not told():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _row() -> InstrumentRow:
    return InstrumentRow.objects.get(code=CODE)


def _state() -> str:
    row = TradingStateRow.objects.filter(scope=Scope.INSTRUMENT, scope_code=CODE).first()
    return "ACTIVE" if row is None else str(row.state)


def _said(event: str) -> int:
    return JournalEntry.objects.filter(event=event).count()


def _refused() -> None:
    """As the journal has it when a venue refuses an order."""
    event = Event(
        name=EventName.ORDER_CLOSED, actor="desk", object_type="order", object_id="O",
        market_at=WALL.now(), data={"ord_status": "REJECTED", "text": "-1013"},
    )  # fmt: skip
    with transaction.atomic():
        journal.record([event], now=WALL.now())
    sequencer.catch_up()


def _halt(reason: str = "BREAK") -> None:
    now = WALL.now()
    instrument_rules.follow(
        code=CODE,
        venue="BINANCE",
        listed=instrument_rules.Listed(None, reason),
        at=Moment(market=now, wall=now),
    )


def _trades(venue: AtVenue) -> None:
    (row,) = venue.desk.instruments.values()
    now = WALL.now()
    instrument_rules.follow(
        code=CODE,
        venue="BINANCE",
        listed=instrument_rules.Listed(as_instrument(row)),
        at=Moment(market=now, wall=now),
    )


def test_rules_are_read_at_the_start_and_after_a_refusal(
    venue: AtVenue, follow: InstrumentRules
) -> None:
    _until(lambda: _row().rules_at)
    first = _row()
    InstrumentRow.objects.update(tick=Decimal(7), min_notional=Decimal(1))
    time.sleep(0.5)
    assert _row().tick == 7
    _refused()
    _until(lambda: _row().tick == first.tick)
    assert _row().min_notional == first.min_notional
    changes = JournalEntry.objects.filter(event="instrument.changed")
    assert changes.exists()
    assert _row().rules_at != first.rules_at


def test_limits_are_followed_and_are_the_running_desks_at_once(
    venue: AtVenue, follow: InstrumentRules
) -> None:
    (held,) = venue.desk.instruments.values()
    assert held.venue_limits == Limits()
    _until(lambda: _row().rules_at)
    limits = _row().venue_limits
    assert (limits.max_qty, limits.market_max_qty) == (Decimal(9_000), Decimal(1_000))
    assert (limits.bid_down, limits.ask_up) == (Decimal("0.2"), Decimal(5))
    assert (limits.max_stops, limits.band_minutes) == (5, 0)
    _until(lambda: next(iter(venue.desk.instruments.values())).venue_limits == limits)
    changes = journal_of.last_data("instrument", CODE, [EventName.INSTRUMENT_CHANGED]) or {}
    assert changes["before"]["limits"] == {}
    assert changes["after"]["limits"]["max_qty"] == "9000"


def test_what_a_filter_refuses_is_not_sent_again_and_its_rule_is_known_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "LOOK_SECONDS", 0.05)
    with trading_at_venue(tmp_path) as there:
        InstrumentRow.objects.update(min_notional=0)
        for row in InstrumentRow.objects.all():
            there.desk.instruments[row.pk] = row
        refused = _buy(there, "0.00005")
        assert (refused.ord_status, refused.certainty) == ("REJECTED", "CERTAIN")
        assert "NOTIONAL" in refused.text
        for _ in range(3):
            routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
        assert Order.objects.count() == 1
        thread = InstrumentRules("BINANCE", instruments=there.desk.instruments)
        thread.start()
        _until(lambda: next(iter(there.desk.instruments.values())).min_notional == 5)
        thread.stop()
        thread.join(15)
        denied = _buy(there, "0.00005")
        assert (denied.ord_status, denied.text) == ("DENIED", "INSTRUMENT_RULE")
        assert there.at_exchange() == []


def _buy(there: AtVenue, qty: str) -> Order:
    wish = person_orders.Wish(
        there.place.code, Side.BUY, OrdType.LIMIT, Decimal(qty), price=Decimal(59_000)
    )
    order = person_orders.submit(
        desk=there.desk,
        wish=wish,
        by=access.operator_named("ada"),
        reason="a little",
        at=there.now(),
    )
    routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
    order.refresh_from_db()
    return order


@pytest.mark.parametrize("word", ["HALT", "BREAK", "CANCEL_ONLY"])
def test_an_instrument_that_does_not_trade_is_halted_until_it_does(
    venue: AtVenue, follow: InstrumentRules, word: str
) -> None:
    _until(lambda: _row().rules_at)
    venue.change("book", instrument=SYMBOL, status=word)
    _refused()
    _until(lambda: _state() == TradingState.HALTED)
    assert _row().status == "HALT"
    assert TradingStateRow.objects.get(scope_code=CODE).changed_by == "venue:BINANCE"
    venue.change("book", instrument=SYMBOL, status="TRADING")
    # Without a further refusal: what is halted is looked at soon.
    _until(lambda: _state() == TradingState.ACTIVE)
    assert _row().status == "TRADING"
    assert (_said("trading.halted"), _said("trading.released")) == (1, 1)


def test_a_status_that_nobody_knows_is_no_trading_and_breaks_nothing() -> None:
    class Connection:
        def call(self, _: object) -> dict[str, Any]:
            return {"symbols": [{"symbol": "BTCUSDT", "status": "HALF_OPEN"}]}

    with pytest.raises(BadInput, match="HALF_OPEN"):
        listing.instruments(Connection(), ["BTCUSDT"], venue="BINANCE")  # type: ignore[arg-type]  # all that is asked of it


def test_a_halt_is_said_once_however_often_it_is_seen(venue: AtVenue) -> None:
    for _ in range(3):
        _halt()
    assert _said("trading.halted") == 1
    for _ in range(3):
        _trades(venue)
    assert _said("trading.released") == 1


def test_the_halt_of_a_person_stays_when_the_venue_trades_again(venue: AtVenue) -> None:
    _halt()
    now = WALL.now()
    switched = kill_switch.engage(
        scope=Scope.INSTRUMENT, scope_code=CODE, state=TradingState.REDUCING, reason="looking",
        actor="operator:ann", now=now, market_at=now,
    )  # fmt: skip
    assert switched.changed
    # Taken over, never loosened.
    assert _state() == TradingState.HALTED
    _trades(venue)
    assert _state() == TradingState.HALTED
    assert TradingStateRow.objects.get(scope_code=CODE).changed_by == "operator:ann"


def test_a_venue_halts_nothing_that_a_person_has_halted(venue: AtVenue) -> None:
    now = WALL.now()
    kill_switch.engage(
        scope=Scope.INSTRUMENT, scope_code=CODE, reason="looking", actor="operator:ann", now=now,
        market_at=now,
    )  # fmt: skip
    _halt()
    _trades(venue)
    assert _state() == TradingState.HALTED
    assert _said("trading.released") == 0


def test_only_a_venues_name_gives_back_without_a_person(venue: AtVenue) -> None:
    now = WALL.now()
    with pytest.raises(BadInput, match="a person releases"):
        kill_switch.withdraw(
            scope_code=CODE, reason="because", actor="operator:ann", now=now, market_at=now
        )


def test_what_an_operator_has_set_stays(venue: AtVenue) -> None:
    InstrumentRow.objects.update(tick=Decimal(7), lot=Decimal(3))
    event = Event(
        name=EventName.INSTRUMENT_CHANGED, actor="operator:ann", object_type="instrument",
        object_id=CODE, market_at=WALL.now(), data={"after": {"tick": "7"}},
    )  # fmt: skip
    with transaction.atomic():
        journal.record([event], now=WALL.now())
    sequencer.catch_up()
    _trades(venue)
    assert (_row().tick, _row().lot) == (Decimal(7), Decimal("0.00001"))
