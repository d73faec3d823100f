"""What other hands do on the account is booked, counted and said; nothing else is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import EventName
from aitrader.kernel.fix import OrdStatus, OrdType, Side
from compliance.models import JournalEntry
from tests.integration.trading.at_venue import COINBASE, AtVenue, at_venue, only_external
from trading.domain.order_state import Closedness
from trading.domain.ports import OpenOrder, SeenOrder
from trading.models import Account, Order, ReconBreak
from trading.selectors import orders
from trading.services import executions, external, reconciliation, routing
from trading.services.listed import Listed

pytestmark = pytest.mark.usefixtures("fresh_database")

LATER = external.FLOW_AGE + timedelta(seconds=1)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        yield opened


def _said(name: EventName) -> int:
    return JournalEntry.objects.filter(event=name).count()


def test_the_account_opens_with_what_is_held_there(venue: AtVenue) -> None:
    account = Account.objects.get()
    assert (account.code, account.opening_equity) == ("BINANCE-1", D(160_000))
    assert venue.position() == 1
    assert venue.begin()
    assert venue.differences() == {}


def test_a_pair_of_other_hands_counts_once_and_what_it_leaves_can_be_sold(
    venue: AtVenue,
) -> None:
    venue.begin()
    legs = {
        "web-stop": {"ord_type": OrdType.STOP, "stop_px": D(50_000)},
        "web-target": {"ord_type": OrdType.LIMIT_IF_TOUCHED, "price": D(70_000)},
    }
    venue.by_hand_together(legs, side=Side.SELL, order_qty=D("0.6"))
    assert venue.look() == 2
    (row,) = venue.desk.instruments
    assert orders.reserved(orders.working(venue.desk.account)) == {(row, Side.SELL): D("0.6")}
    venue.waiting("mine")


def test_a_bracket_of_other_hands_is_one_order_that_counts_once(tmp_path: Path) -> None:
    with at_venue(tmp_path, place=COINBASE) as venue:
        venue.begin()
        legs = {
            "web-stop": {"ord_type": OrdType.STOP, "stop_px": D(50_000)},
            "web-target": {"ord_type": OrdType.LIMIT_IF_TOUCHED, "price": D(61_000)},
        }
        venue.by_hand_together(legs, side=Side.SELL, order_qty=D("0.6"))
        assert venue.look() == 1
        assert not ReconBreak.objects.exists()
        found = only_external()
        assert (found.ord_type, found.price, found.stop_px) == ("LIMIT", D(61_000), D(50_000))
        (row,) = venue.desk.instruments
        assert orders.reserved(orders.working(venue.desk.account)) == {(row, Side.SELL): D("0.6")}
        venue.change("book", instrument="BTC-USD", side="BUY", price="61000", qty="3")
        external.reconcile(desk=venue.desk, gateway=venue.gateway, at=venue.now())
        found.refresh_from_db()
        assert (found.ord_status, found.filled_qty) == ("FILLED", D("0.6"))
        assert venue.differences() == {}


@pytest.mark.parametrize(
    ("symbol", "px", "told"),
    [
        ("ETHUSDT", D(2000), "open: BUY 0.5 ETHUSDT @ 2000 LIMIT"),
        ("ETHBTC", D("0.02"), "open: BUY 0.5 ETHBTC @ 0.02 LIMIT"),
    ],
)
def test_an_order_where_the_desk_trades_nothing_is_told_as_it_is_and_denies_nothing(
    venue: AtVenue, symbol: str, px: D, told: str
) -> None:
    name, listed = "web-eth", Listed(venue.desk, venue.gateway)
    seen = SeenOrder("7", symbol, Side.BUY, OrdType.LIMIT, D("0.5"), px)
    listed._found = [OpenOrder(name, D(0), seen)]
    found = reconciliation.compare(
        desk=venue.desk, gateway=venue.gateway, at=venue.now(), listed=listed
    )
    assert found.agree
    row = ReconBreak.objects.get(object_id=name)
    # It would move what the desk trades.
    assert (row.venues, row.severity) == (told, "MAJOR")


def test_an_order_in_assets_that_the_desk_has_not_is_a_minor_break(venue: AtVenue) -> None:
    seen = SeenOrder("7", "ETHEUR", Side.SELL, OrdType.STOP, D(2), stop_px=D(9))
    listed = Listed(venue.desk, venue.gateway)
    listed._found = [OpenOrder("web", D(0), seen), OpenOrder("strange", D(0))]
    reconciliation.compare(desk=venue.desk, gateway=venue.gateway, at=venue.now(), listed=listed)
    told = ReconBreak.objects.order_by("object_id").values_list("venues", "severity")
    assert [*told] == [("open", "MINOR"), ("open: SELL 2 ETHEUR @ 9 STOP", "MINOR")]


def test_an_order_that_was_given_up_and_fills_is_ours_all_the_same(venue: AtVenue) -> None:
    venue.begin()
    order = venue.waiting("mine")
    venue.change("faults", plan="timeout_code=1")
    routing.send_all(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    venue.change("faults", plan="")
    answer = executions.Answer(OrdStatus.REJECTED, Closedness.REJECTED, executions.NEVER_ACCEPTED)
    executions.conclude(desk=venue.desk, order_id=order.pk, answer=answer, at=venue.now())
    venue.change("book", instrument="BTCUSDT", side="BUY", price="60200", qty="3")
    venue.by_hand("web_1", side=Side.SELL, price=D(60_000), order_qty=D("0.2"))
    external.reconcile(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    order.refresh_from_db()
    assert (order.ord_status, order.filled_qty) == ("FILLED", D("0.001"))
    assert only_external().filled_qty == D("0.2")
    assert ReconBreak.objects.get(kind="ZOMBIE").object_id == order.cl_ord_id
    assert venue.differences() == {}


def test_an_order_of_other_hands_counts_and_is_followed_to_its_end(venue: AtVenue) -> None:
    venue.by_hand("web_1")
    assert venue.look() == 1
    (working,) = orders.working(venue.desk.account)
    assert (working.leaves_qty, working.worst_px) == (D("0.1"), D(50_000))
    venue.change("book", instrument="BTCUSDT", side="SELL", price="50000", qty="0.1")
    reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert only_external().ord_status == "FILLED"
    assert venue.differences() == {}
    assert _said(EventName.ORDER_ADOPTED) == 1


def test_it_is_taken_in_once(venue: AtVenue) -> None:
    venue.by_hand("web_1")
    assert [venue.look(), venue.look()] == [1, 0]


def test_trades_of_other_hands_are_booked_as_one_order(venue: AtVenue) -> None:
    venue.quotes(qty="0.04")
    venue.change("book", instrument="BTCUSDT", side="SELL", price="60010", qty="1")
    venue.by_hand("app-2", ord_type=OrdType.MARKET, price=None)
    assert venue.look() == 1
    order = only_external()
    assert (order.side, order.order_qty, order.filled_qty) == ("BUY", D("0.1"), D("0.1"))
    assert venue.differences() == {}
    assert venue.position() == D("1.1") - D("0.0001")
    assert venue.look() == 0


def test_trades_that_come_later_make_the_same_order_larger(venue: AtVenue) -> None:
    venue.quotes(qty="0.04")
    # Gone before it was seen resting, but for what had traded.
    venue.by_hand("app-3", price=D(60_000), order_qty=D("0.04"))
    venue.look()
    venue.by_hand("app-4", side=Side.SELL, price=D(59_990), order_qty=D("0.04"))
    assert venue.look() == 1
    assert Order.objects.filter(origin="EXTERNAL").count() == 2
    assert venue.differences() == {}


def test_a_deposit_is_booked_once_it_has_stood_for_long_enough(venue: AtVenue) -> None:
    venue.move("deposit", "USDT", "5000")
    assert venue.look() == 0
    assert venue.look(timedelta(seconds=30)) == 0
    assert venue.look(LATER) == 1
    assert venue.differences() == {}
    account = Account.objects.get()
    assert (account.opening_equity, account.peak_equity) == (D(165_000), D(165_000))
    assert _said(EventName.FLOW_BOOKED) == 1
    assert ReconBreak.objects.get().resolution == "moved from outside"


def test_a_withdrawal_of_what_is_traded_moves_the_position(venue: AtVenue) -> None:
    venue.move("withdraw", "BTC", "0.25")
    venue.look()
    assert venue.look(LATER) == 1
    assert venue.position() == D("0.75")
    assert Account.objects.get().opening_equity == D(145_000)
    assert venue.differences() == {}


def test_a_difference_that_moves_begins_to_age_anew(venue: AtVenue) -> None:
    venue.move("deposit", "USDT", "5000")
    venue.look()
    venue.move("deposit", "USDT", "1")
    assert venue.look(LATER) == 0
    assert venue.look(2 * LATER) == 1
    assert venue.differences() == {}


def test_a_trade_of_another_order_is_taken_in_although_one_is_in_doubt(venue: AtVenue) -> None:
    _in_doubt(venue)
    venue.by_hand("app-2", ord_type=OrdType.MARKET, price=None)
    assert venue.look() == 1
    assert venue.differences() == {}


def test_a_trade_of_nobody_knows_whom_waits_while_an_order_is_in_doubt(
    venue: AtVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_doubt(venue)
    venue.by_hand("app-2", ord_type=OrdType.MARKET, price=None)
    with monkeypatch.context() as silent:
        silent.setattr(venue.gateway, "client_id_of", lambda **_: None)
        assert venue.look() == 0
        assert venue.look(LATER) == 0
    Order.objects.update(certainty="CERTAIN")
    assert venue.look() == 1
    assert venue.differences() == {}


def test_what_no_fill_moves_alone_is_a_flow_although_an_order_is_in_doubt(venue: AtVenue) -> None:
    _in_doubt(venue)
    venue.move("deposit", "BTC", "0.5")
    venue.look()
    assert venue.look(LATER) == 1
    assert venue.differences() == {}


def test_what_a_fill_of_an_order_in_doubt_would_move_is_no_flow(venue: AtVenue) -> None:
    _in_doubt(venue)
    venue.move("deposit", "BTC", "0.1")
    venue.move("withdraw", "USDT", "5000")
    venue.look()
    assert venue.look(LATER) == 0
    Order.objects.update(certainty="CERTAIN")
    assert venue.look(LATER) == 2
    assert venue.differences() == {}


def _in_doubt(venue: AtVenue) -> None:
    """An order to buy rests, and nobody knows what became of it."""
    venue.by_hand("web_1")
    venue.look()
    Order.objects.update(certainty="UNKNOWN")
    venue.quotes()


def test_a_desk_that_was_off_for_three_days_books_trades_as_trades(venue: AtVenue) -> None:
    assert venue.begin()
    for days in (1.5, 2.5):
        _let_pass(venue, timedelta(days=days))
        venue.quotes(qty="0.04")
        venue.by_hand(f"app-{days}", ord_type=OrdType.MARKET, price=None, order_qty=D("0.04"))
    _let_pass(venue, timedelta(days=3))
    at = venue.now(timedelta(days=3))
    assert external.begin(desk=venue.desk, gateway=venue.gateway, at=at)
    filled = Order.objects.filter(origin="EXTERNAL").values_list("filled_qty", flat=True)
    assert list(filled) == [D("0.04"), D("0.04")]
    assert (venue.differences(), _said(EventName.FLOW_BOOKED)) == ({}, 0)


def test_one_look_takes_in_what_others_did_and_says_that_the_books_agree(venue: AtVenue) -> None:
    venue.quotes()
    venue.by_hand("app-2", ord_type=OrdType.MARKET, price=None)
    found = external.reconcile(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert (found.agree, found.breaks, found.adjusted) == (True, 0, 1)
    assert only_external().filled_qty == D("0.1")


class _Ahead:
    """The machine's clock, so much later."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return WALL.now() + self._by


def _let_pass(venue: AtVenue, since_the_start: timedelta) -> None:
    """It is so much later at the exchange and here."""
    venue.change("clock", offset_seconds=since_the_start.total_seconds())
    connection: Any = venue.gateway._connection  # type: ignore[attr-defined]  # of Binance's gateway
    connection._client.timestamp_offset = int(since_the_start.total_seconds() * 1000)
    connection._wall = connection.clock._wall = _Ahead(since_the_start)
    connection.clock.forget()


def test_a_restart_finds_the_same_account(venue: AtVenue) -> None:
    venue.by_hand("web_1")
    venue.open()
    assert Account.objects.count() == 1
    assert venue.begin()


def test_orders_that_would_move_real_money_are_refused(
    venue: AtVenue, settings: pytest.FixtureRequest
) -> None:
    given = settings.AITRADER_VENUES["BINANCE"]  # type: ignore[attr-defined]  # Django's settings
    given["rest_url"] = "https://api.binance.com/api"
    with pytest.raises(BadInput, match="real money"):
        venue.open()
