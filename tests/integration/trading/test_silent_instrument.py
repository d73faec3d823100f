"""One instrument of a feed falls silent while the other goes on: who notices, what is denied."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db import transaction

from aitrader import paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import OrdType, Origin, PriceSource, Side
from aitrader.paper import PaperDesk, PaperOptions
from compliance.models import Alert, JournalEntry
from compliance.services import alerts, installation, sequencer
from risk.models import Decision
from trading.domain.order import OrderIntent
from trading.models import BarRow, Feed
from trading.selectors import freshness
from trading.services import bar_steps, feeds, orders
from trading.services.bar_steps import Step
from trading.services.desk_loop import DeskLoop

pytestmark = pytest.mark.usefixtures("fresh_database")

BTC, ETH = "SIM:BTC-USDT", "SIM:ETH-USDT"
SECONDS = timedelta(seconds=1)
NAMESPACE = "seed-1"


class _Two:
    """A desk on minutes of two instruments, at the pace of the wall."""

    def __init__(self) -> None:
        options = PaperOptions(simulated_bars=90, strategies=())
        market = paper.market(options)
        self._steps: Iterator[Step] = bar_steps.steps(market.streams)
        first = next(self._steps)
        at = Moment(market=first.open_time, wall=WALL.now())
        installation.install(namespace=NAMESPACE, now=at.market)
        self.made: PaperDesk = paper.open_desk(
            options, market, code="paper", namespace=NAMESPACE, at=at
        )
        gateway, engine = self.made.gateway, self.made.engine
        self._loop = DeskLoop(desk=self.made.desk, gateway=gateway, engine=engine, wall=WALL)
        self._loop.resume()
        self._loop.run(first)
        self.go_on(75, BTC, ETH)
        self.feed.speed = D(1)
        self.feed.save(update_fields=["speed"])

    @property
    def feed(self) -> Feed:
        return self.made.desk.feed

    def go_on(self, bars: int, *codes: str) -> None:
        """The next minutes, in which only these tell their bars."""
        for _ in range(bars):
            step = next(self._steps)
            step.bars = {code: step.bars[code] for code in codes}
            self._loop.run(step)
        self.feed.refresh_from_db()

    def after(self, seconds: int) -> Moment:
        """So long after the last bar."""
        assert self.feed.market_at is not None
        assert self.feed.received_at is not None
        return Moment(self.feed.market_at, self.feed.received_at + seconds * SECONDS)

    def buy(self, code: str, at: Moment) -> set[str]:
        """A person's order; the codes of its denial, none when it may go."""
        desk = self.made.desk
        row = next(each for each in desk.instruments.values() if each.code == code)
        intent = OrderIntent(
            intent_id=ids.derive(NAMESPACE, "test", f"{code} {at.wall} {at.market}"),
            account=desk.account.code, instrument=code, side=Side.BUY,
            ord_type=OrdType.MARKET, order_qty=D("0.1"), origin=Origin.OPERATOR,
            reference_px=desk.marks()[row.pk].px, reason="by hand", decided_at=at.market,
        )  # fmt: skip
        draft = orders.Draft(intent=intent, instrument=row, trace_id="T")
        with transaction.atomic():
            order = orders.submit(desk=desk, draft=draft, at=at)
            decision = Decision.objects.get(intent_id=order.intent_id)
            # It is only asked about: nothing is reserved for the next one.
            transaction.set_rollback(True)
        return {reason["code"] for reason in decision.reasons}

    def silent(self, now: datetime) -> list[str]:
        found = freshness.prices(self.feed.pk, self.feed, now)
        return [each.instrument for each in found if each.silent]


@pytest.fixture
def two() -> _Two:
    return _Two()


def test_both_are_fresh_while_both_tell_their_bars(two: _Two) -> None:
    at = two.after(70)
    assert two.silent(at.wall) == []
    assert two.buy(BTC, at) == two.buy(ETH, at) == set()


def test_an_order_in_the_silent_one_is_denied_and_the_other_goes_on(two: _Two) -> None:
    two.go_on(2, BTC)
    soon, late = two.after(14), two.after(16)
    # Two intervals and what a bar may take to get here.
    assert two.silent(soon.wall) == []
    assert two.buy(ETH, soon) == set()
    assert two.silent(late.wall) == [ETH]
    assert two.buy(ETH, late) == {"PRICE_STALE"}
    assert two.buy(BTC, late) == set()


def test_it_is_said_since_when_the_silent_one_is_silent(two: _Two) -> None:
    since = two.feed.market_at
    two.go_on(3, BTC)
    told = {
        each.instrument: (each.since, each.silent)
        for each in freshness.prices(two.feed.pk, two.feed, two.after(1).wall)
    }
    assert told == {BTC: (two.feed.market_at, False), ETH: (since, True)}


def test_when_the_whole_feed_is_silent_so_is_every_instrument(two: _Two) -> None:
    at = two.after(136)
    assert two.silent(at.wall) == [BTC, ETH]
    assert two.buy(BTC, at) == {"PRICE_STALE"}


def test_each_change_of_who_is_silent_is_journalled_once_and_alerted(two: _Two) -> None:
    def note(at: Moment) -> None:
        for _ in range(2):
            feeds.note_freshness(feed=two.feed, now=at.wall)

    note(two.after(1))
    two.go_on(3, BTC)
    note(two.after(1))
    note(two.after(136))
    two.go_on(1, BTC, ETH)
    note(two.after(1))
    # Prices that come in fits are one alert.
    assert JournalEntry.objects.filter(event="feed.recovered").count() == 0
    later = two.after(136 + 31)
    two.feed.received_at = later.wall
    note(later)
    told = JournalEntry.objects.filter(event__in=["feed.stale", "feed.recovered"]).order_by("pk")
    assert [entry.event for entry in told] == ["feed.stale", "feed.stale", "feed.recovered"]
    sequencer.catch_up()
    while alerts.advance(now=WALL.now()):
        pass
    alert = Alert.objects.get(rule="feed.stale")
    assert alert.text == f"{BTC}, {ETH}: nothing is opened in these until they move again"


def _in_real_time(two: _Two) -> None:
    two.feed.source = PriceSource.REAL_TIME
    two.feed.received_at = two.feed.market_at


def test_in_real_time_a_bar_that_came_now_and_closed_long_ago_is_not_believed(two: _Two) -> None:
    _in_real_time(two)
    assert two.buy(BTC, two.after(100)) == set()
    late = two.after(3600)
    two.feed.received_at = late.wall
    assert two.silent(late.wall) == [BTC, ETH]
    assert two.buy(BTC, late) == {"PRICE_STALE"}


def test_a_feed_that_was_opened_anew_is_believed_when_it_has_told_something(two: _Two) -> None:
    _in_real_time(two)
    at = two.after(10)
    two.feed.received_at = None
    assert two.silent(at.wall) == [BTC, ETH]
    assert two.buy(BTC, at) == {"PRICE_STALE"}
    two.feed.save()
    feeds.hear(feed_id=two.feed.pk, now=at.wall)
    two.feed.refresh_from_db()
    assert two.silent(at.wall) == []
    assert two.buy(BTC, at) == set()


def test_a_feed_whose_line_is_down_is_not_believed_however_long_its_bars_are(two: _Two) -> None:
    _in_real_time(two)
    two.feed.interval_seconds = 3600
    two.feed.save()
    at = two.after(10)
    assert two.buy(BTC, at) == set()
    for _ in range(2):
        feeds.note_feed_line(feed=two.feed, up=False, reason="nothing was heard", now=at.wall)
    two.feed.refresh_from_db()
    assert two.feed.line_down_at == at.wall
    assert two.silent(at.wall) == [BTC, ETH]
    assert two.buy(BTC, at) == {"PRICE_STALE"}
    # A bar that comes by REST meanwhile tells nothing of the one that runs.
    two.feed.received_at = at.wall
    assert two.silent(at.wall) == [BTC, ETH]
    feeds.note_feed_line(feed=two.feed, up=True, reason="", now=at.wall)
    two.feed.refresh_from_db()
    assert two.silent(at.wall) == []
    assert two.buy(ETH, at) == set()
    events = ["feed.line_down", "feed.line_up"]
    told = JournalEntry.objects.filter(event__in=events).order_by("pk")
    assert list(told.values_list("event", flat=True)) == events


def test_with_bars_of_a_second_a_bar_that_is_late_is_no_silence(two: _Two) -> None:
    two.feed.interval_seconds = 1
    assert not freshness.is_silent(two.feed, two.after(6).wall)
    assert freshness.is_silent(two.feed, two.after(8).wall)


def test_an_instrument_that_never_told_a_bar_is_silent_after_a_while_though_its_line_is_up(
    two: _Two,
) -> None:
    """Ticks are heard, and nothing comes of the bars that are asked for."""
    _in_real_time(two)
    begun = WALL.now()
    feeds.start(feed=two.feed, source=PriceSource.REAL_TIME, speed=D(1), facts={}, now=begun)
    BarRow.objects.all().delete()
    Feed.objects.update(market_at=None)
    two.feed.refresh_from_db()
    feeds.hear(feed_id=two.feed.pk, now=begun)
    assert two.silent(begun + 95 * SECONDS) == []
    late = begun + 96 * SECONDS
    assert two.silent(late) == [BTC, ETH]
    feeds.note_freshness(feed=two.feed, now=late)
    (event,) = JournalEntry.objects.filter(event="feed.stale")
    assert event.object_id == two.feed.code
