"""A person's stop that the price has passed and that has not filled is told and given up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdType, Side
from compliance.models import JournalEntry, Operator
from compliance.selectors import journal
from compliance.services import access
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from tests.factories import road as roads
from tests.integration.trading.at_venue import BINANCE, BTCTURK, MINUTE, AtVenue, Place
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.domain.bar import Bar
from trading.domain.ports import EVERYTHING
from trading.models import InstrumentRow, Order, TargetWatch
from trading.services import (
    market_data,
    pairs,
    person_orders,
    reconciliation,
    replacing,
    routing,
    stop_watch,
    turns,
)
from trading.services.exit_watch import STOP_SECONDS
from trading.services.pairs import Pair
from trading.services.person_orders import Wish

pytestmark = pytest.mark.usefixtures("fresh_database")

_SECONDS = 20
STOP, TARGET, PASSED = D(59_000), D(61_000), D(58_900)
HALF = D("0.5")


@contextmanager
def _trading(folder: Path, place: Place, **options: Any) -> Iterator[AtVenue]:
    with trading_at_venue(folder, place=place, **options) as opened:
        assert opened.begin()
        yield opened


@pytest.fixture
def btcturk(tmp_path: Path) -> Iterator[AtVenue]:
    with _trading(tmp_path, BTCTURK) as opened:
        yield opened


@pytest.fixture
def binance(tmp_path: Path) -> Iterator[AtVenue]:
    with _trading(tmp_path, BINANCE) as opened:
        yield opened


def _who() -> Operator:
    return access.operator_named("ada")


def _order(there: AtVenue, **wish: Any) -> Order:
    """A stop to sell half a bitcoin unless something else is wished, at the venue."""
    usual: dict[str, Any] = {"side": Side.SELL, "ord_type": OrdType.STOP, "stop_px": STOP}
    asked = Wish(there.place.code, **{"order_qty": HALF} | usual | wish)
    order = person_orders.submit(desk=there.desk, wish=asked, by=_who(), reason="x", at=there.now())
    assert order.ord_status == "CREATED", order.text
    _send(there)
    return order


def _pair(there: AtVenue) -> None:
    pair = Pair(there.place.code, Side.SELL, HALF, stop_px=STOP, target_px=TARGET)
    pairs.submit(desk=there.desk, pair=pair, by=_who(), reason="x", at=there.now())
    _send(there)


def _send(there: AtVenue) -> None:
    routing.cancel_all(desk=there.desk, gateway=there.gateway, at=there.now())
    routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())


def _price(there: AtVenue, px: object, later: timedelta = timedelta(0)) -> int:
    """What the feed does with each price, `later` from now."""
    (row,) = there.desk.instruments.values()
    return stop_watch.look(desk=there.desk, prices={row.pk: D(str(px))}, at=there.now(later))


def _orders() -> list[tuple[str, str]]:
    return [(each.ord_type, each.ord_status) for each in Order.objects.order_by("pk")]


def _turns(there: AtVenue, *ends: tuple[str, str]) -> None:
    """What the worker does, one turn after the other, until the orders stand so."""
    deadline = time.monotonic() + _SECONDS
    while _orders() != [*ends]:
        assert time.monotonic() < deadline, _orders()
        reconciliation.follow(desk=there.desk, gateway=there.gateway, at=there.now())
        reconciliation.resolve(desk=there.desk, gateway=there.gateway, at=there.now())
        with turns.alone(there.desk.account.pk):
            turns.turn(desk=there.desk, gateway=there.gateway, at=there.now())
        _send(there)
        time.sleep(0.2)


def _said(name: EventName = EventName.STOP_UNFILLED) -> int:
    return JournalEntry.objects.filter(event=name).count()


def _then(order: Order) -> str:
    told = journal.last_data("order", order.public_id, [EventName.STOP_UNFILLED])
    return "" if told is None else str(told["then"])


def test_a_stop_that_was_passed_for_ten_seconds_gives_way_to_a_sale_at_the_market(
    btcturk: AtVenue,
) -> None:
    stop = _order(btcturk)
    assert _price(btcturk, STOP + 1, STOP_SECONDS) == 0
    assert _price(btcturk, PASSED) == 0
    assert (_said(EventName.STOP_PASSED), _said()) == (1, 0)
    assert _price(btcturk, PASSED, STOP_SECONDS - timedelta(seconds=1)) == 0
    assert _price(btcturk, PASSED, STOP_SECONDS) == 1
    # Nothing is sold before the stop is known to be gone.
    assert _orders() == [("STOP", "NEW"), ("MARKET", "CREATED")]
    assert _then(stop) == "an order at the market takes its place"
    assert _price(btcturk, PASSED, 2 * STOP_SECONDS) == 0
    _turns(btcturk, ("STOP", "CANCELED"), ("MARKET", "FILLED"))
    assert [(side, qty) for side, qty, _ in roads.fills()] == [("SELL", HALF)]
    assert (btcturk.position(), btcturk.differences(), _said()) == (HALF, {}, 1)
    # It was asked for, and what stands in its place has sold.
    assert _said(EventName.STOP_LOST) == 0


def test_a_stop_that_fills_after_all_leaves_nothing_to_sell(btcturk: AtVenue) -> None:
    _order(btcturk)
    _price(btcturk, PASSED)
    btcturk.change("book", instrument=BTCTURK.symbol, side="BUY", price="58900", qty="5")
    btcturk.change("book", instrument=BTCTURK.symbol, side="SELL", price="58900", qty="2")
    assert _price(btcturk, PASSED, STOP_SECONDS) == 1
    _turns(btcturk, ("STOP", "FILLED"), ("MARKET", "CANCELED"))
    assert Order.objects.latest("pk").text == "NOTHING_LEFT"
    assert (btcturk.position(), len(btcturk.at_exchange())) == (HALF, 1)


def test_of_a_pair_whose_target_the_desk_watches_the_watch_ends_too(btcturk: AtVenue) -> None:
    _pair(btcturk)
    _price(btcturk, PASSED)
    assert _price(btcturk, PASSED, STOP_SECONDS) == 1
    _turns(btcturk, ("STOP", "CANCELED"), ("MARKET", "FILLED"))
    assert TargetWatch.objects.get().outcome == "CANCELED"
    assert btcturk.position() == HALF


def test_of_a_pair_that_the_venue_holds_both_end_before_one_sale(binance: AtVenue) -> None:
    _pair(binance)
    assert _orders() == [("STOP", "NEW"), ("LIMIT_IF_TOUCHED", "NEW")]
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    ends = [("STOP", "CANCELED"), ("LIMIT_IF_TOUCHED", "CANCELED"), ("MARKET", "FILLED")]
    _turns(binance, *ends)
    assert [(side, qty) for side, qty, _ in roads.fills()] == [("SELL", HALF)]
    assert (binance.differences(), _said(EventName.STOP_LOST)) == ({}, 0)


def test_while_the_other_order_of_a_pair_is_open_or_in_doubt_nothing_is_sold(
    binance: AtVenue,
) -> None:
    _pair(binance)
    _price(binance, PASSED)
    _price(binance, PASSED, STOP_SECONDS)
    stop, target, sale = Order.objects.order_by("pk")
    for other in ({"certainty": "UNKNOWN"}, {"certainty": "CERTAIN", "ord_status": "NEW"}):
        Order.objects.filter(pk=stop.pk).update(ord_status="CANCELED", closedness=3)
        Order.objects.filter(pk=target.pk).update(**other)
        replacing.advance(desk=binance.desk, at=binance.now())
        assert routing.send_all(desk=binance.desk, gateway=binance.gateway, at=binance.now()) == 0
    # What the target sold is not sold again.
    Order.objects.filter(pk=target.pk).update(
        ord_status="CANCELED", closedness=3, cum_qty="0.2", filled_qty="0.2"
    )
    replacing.advance(desk=binance.desk, at=binance.now())
    sale.refresh_from_db()
    assert sale.order_qty == D("0.3")


def test_a_stop_that_would_buy_is_told_and_left_to_its_person(tmp_path: Path) -> None:
    with _trading(tmp_path, BINANCE, hold={"USDT": D(100_000)}) as there:
        stop = _order(there, side=Side.BUY, stop_px=TARGET, order_qty=D("0.1"))
        _price(there, TARGET)
        assert _price(there, TARGET, STOP_SECONDS) == 0
        assert _orders() == [("STOP", "NEW")]
        assert "left as it is" in _then(stop)
        # Told again when it has stood for three minutes more.
        for seconds, said in ((20, 1), (150, 1), (185, 1), (200, 2)):
            _price(there, TARGET, timedelta(seconds=seconds))
            assert _said() == said, seconds


def test_a_stop_limit_that_the_price_jumped_over_is_sold_at_the_market(binance: AtVenue) -> None:
    _order(binance, ord_type=OrdType.STOP_LIMIT, price=D(58_950))
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    _turns(binance, ("STOP_LIMIT", "CANCELED"), ("MARKET", "FILLED"))


def _limit(there: AtVenue, **limits: str) -> None:
    """From here on the venue takes no more than this."""
    InstrumentRow.objects.update(limits=limits)
    for row in InstrumentRow.objects.all():
        there.desk.instruments[row.pk] = row


def _sold() -> list[D]:
    return [qty for _, qty, _ in roads.fills()]


def test_what_is_more_than_the_market_takes_is_sold_in_even_parts_after_the_stop(
    binance: AtVenue,
) -> None:
    _limit(binance, market_max_qty="0.3", max_qty="9000")
    _order(binance, ord_type=OrdType.STOP_LIMIT, price=STOP)
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    for times in (2, 4, 8):
        assert _price(binance, PASSED, times * STOP_SECONDS) == 0
    assert _orders() == [("STOP_LIMIT", "NEW"), ("MARKET", "CREATED"), ("MARKET", "CREATED")]
    assert replacing.advance(desk=binance.desk, at=binance.now()) == 0
    _turns(binance, ("STOP_LIMIT", "CANCELED"), ("MARKET", "FILLED"), ("MARKET", "FILLED"))
    assert (_sold(), binance.position()) == ([D("0.25")] * 2, HALF)
    assert (binance.differences(), _said(), _said(EventName.STOP_LOST)) == ({}, 1, 0)


def test_what_is_off_the_lot_of_the_market_is_sold_but_for_its_dust(binance: AtVenue) -> None:
    _limit(binance, market_lot="0.3")
    _order(binance, ord_type=OrdType.STOP_LIMIT, price=STOP)
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    _turns(binance, ("STOP_LIMIT", "CANCELED"), ("MARKET", "FILLED"))
    assert (_sold(), binance.position()) == ([D("0.3")], D("0.7"))


def test_what_the_stop_sold_meanwhile_is_not_sold_again_in_parts(binance: AtVenue) -> None:
    _limit(binance, market_max_qty="0.2")
    stop = _order(binance, ord_type=OrdType.STOP_LIMIT, price=STOP)
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    first, *_ = parts = [*Order.objects.filter(ord_type="MARKET").order_by("pk")]
    assert sum(each.order_qty for each in parts) == HALF
    # One that its person ends lets nothing go while the stop is open.
    Order.objects.filter(pk=first.pk).update(ord_status="CANCELED", closedness=3)
    assert replacing.advance(desk=binance.desk, at=binance.now()) == 0
    Order.objects.filter(pk=first.pk).update(ord_status="CREATED", closedness=0)
    Order.objects.filter(pk=stop.pk).update(
        ord_status="CANCELED", closedness=3, cum_qty="0.25", filled_qty="0.25"
    )
    assert replacing.advance(desk=binance.desk, at=binance.now()) == 1
    found = Order.objects.filter(ord_type="MARKET", ord_status="CREATED").order_by("pk")
    assert sum(each.order_qty for each in found) == D("0.25")
    assert replacing.advance(desk=binance.desk, at=binance.now()) == 0


def test_a_cancel_of_the_stop_ends_every_part_that_was_to_take_its_place(
    binance: AtVenue,
) -> None:
    _limit(binance, market_max_qty="0.2")
    stop = _order(binance, ord_type=OrdType.STOP_LIMIT, price=STOP)
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 1
    stop.refresh_from_db()
    person_orders.cancel(order=stop, by=_who(), reason="enough", now=WALL.now())
    _turns(binance, ("STOP_LIMIT", "CANCELED"), *[("MARKET", "CANCELED")] * 3)
    assert _sold() == []


def test_a_trailing_stop_is_passed_below_what_follows_from_whole_bars_since_it_was_sent(
    binance: AtVenue,
) -> None:
    order = _order(binance, ord_type=OrdType.TRAILING_STOP, stop_px=None, trailing_bps=D(100))
    _price(binance, 50_000)
    assert _said(EventName.STOP_PASSED) == 0
    (row,) = binance.desk.instruments.values()
    order.refresh_from_db()
    assert order.sent_at is not None
    high = D(61_000)
    bar = Bar(order.sent_at + MINUTE, MINUTE, high, high, high, high, D(1))
    market_data.record(feed=binance.desk.feed, bars=[(row, bar)], at=binance.now())
    _price(binance, D(60_391))
    assert _said(EventName.STOP_PASSED) == 0
    _price(binance, D(60_390))
    assert _price(binance, D(60_390), STOP_SECONDS) == 1


def test_a_stop_in_doubt_is_told_and_given_up_when_it_is_known_to_rest(binance: AtVenue) -> None:
    binance.change("faults", plan="http_504=1")
    stop = _order(binance)
    binance.change("faults", plan="")
    stop.refresh_from_db()
    assert stop.certainty == "UNKNOWN"
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 0
    assert (_then(stop)[:8], _orders()) == ("in doubt", [("STOP", "PENDING_NEW")])
    reconciliation.follow(desk=binance.desk, gateway=binance.gateway, at=binance.now())
    reconciliation.resolve(desk=binance.desk, gateway=binance.gateway, at=binance.now())
    assert _orders() == [("STOP", "NEW")]
    assert _price(binance, PASSED, 2 * STOP_SECONDS) == 1


def test_in_a_halt_it_is_told_and_the_stop_stays_until_the_release(binance: AtVenue) -> None:
    _order(binance)
    now = WALL.now()
    kill_switch.engage(scope=Scope.GLOBAL, reason="drill", actor="ann", now=now, market_at=now)
    _price(binance, PASSED)
    assert _price(binance, PASSED, STOP_SECONDS) == 0
    assert (_orders(), _said()) == ([("STOP", "NEW")], 1)
    kill_switch.release(
        scope=Scope.GLOBAL, reason="over", actor="ann", verified_at=now, now=now, market_at=now
    )
    assert _price(binance, PASSED, 2 * STOP_SECONDS) == 1


def test_a_bar_that_closes_beyond_the_stop_is_a_price_too(binance: AtVenue) -> None:
    _order(binance)
    (row,) = binance.desk.instruments.values()
    bar = Bar(WALL.now(), MINUTE, PASSED, PASSED, PASSED, PASSED, D(1))
    market_data.record(feed=binance.desk.feed, bars=[(row, bar)], at=binance.now())
    with turns.alone(binance.desk.account.pk):
        turns.turn(desk=binance.desk, gateway=binance.gateway, at=binance.now(), closed=True)
    assert _said(EventName.STOP_PASSED) == 1


def test_a_venue_that_fills_stops_on_the_desks_own_prices_is_not_watched(
    binance: AtVenue,
) -> None:
    _order(binance)
    binance.desk.capabilities = EVERYTHING
    _price(binance, PASSED)
    assert _said(EventName.STOP_PASSED) == 0
