"""What a hostile reader found about a desk at a venue, kept from coming back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as given

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, OutcomeUnknown
from aitrader.kernel.fix import OrdType, Side
from tests.integration.trading.at_venue import AtVenue, at_venue
from trading.domain import evidence
from trading.domain.evidence import Evidence, Step
from trading.gateways import registry
from trading.models import Account, Feed, Fill, Order
from trading.selectors import freshness, reconciled
from trading.services import external, reconciliation
from trading.tasks import workbench

pytestmark = pytest.mark.usefixtures("fresh_database")

LATER = external.FLOW_AGE + timedelta(seconds=1)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path) as opened:
        yield opened


def test_a_worker_that_is_pointed_at_real_money_works_for_nobody(venue: AtVenue) -> None:
    account = Account.objects.get()
    given.AITRADER_VENUES["BINANCE"]["rest_url"] = "https://api.binance.com/api"
    with pytest.raises(BadInput, match="real money"):
        workbench.bench_of(account.pk)


def test_a_worker_with_the_key_of_another_account_works_for_nobody(
    venue: AtVenue, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.touch(mode=0o600)
    other.write_text('{"api_key": "somebody", "api_secret": "else"}')
    given.AITRADER_VENUES["BINANCE"]["credentials"] = f"file:{other}"
    with pytest.raises(BadInput, match="another account"):
        registry.require_account("BINANCE", venue.desk.feed.code)


def test_a_fill_that_cannot_be_asked_about_is_not_taken_for_a_flow(
    venue: AtVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.by_hand("web_1", side=Side.SELL, price=D(61_000))
    venue.look()
    venue.change("book", instrument="BTCUSDT", side="BUY", price="61000", qty="0.1")

    def no_answer(**_: Any) -> Any:
        raise OutcomeUnknown("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(venue.gateway, "query", no_answer)
        assert venue.look() == 0
        assert venue.look(LATER) == 0
    assert venue.look(2 * LATER) == 1
    assert venue.differences() == {}
    assert Fill.objects.count() == 1


def test_a_client_id_that_other_hands_use_again_cancels_nothing_of_theirs(venue: AtVenue) -> None:
    venue.by_hand("tp1")
    venue.look()
    venue.change("book", instrument="BTCUSDT", side="SELL", price="50000", qty="0.1")
    reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert Order.objects.get().ord_status == "FILLED"
    venue.by_hand("tp1")
    reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())
    assert len(venue.gateway.open_orders(account="")) == 1


def test_what_was_filled_before_the_opening_is_not_booked_again(tmp_path: Path) -> None:
    with at_venue(tmp_path, opened=False) as venue:
        venue.by_hand("web_1")
        venue.change("book", instrument="BTCUSDT", side="SELL", price="50000", qty="0.04")
        venue.open()
        before = venue.position()
        venue.look()
        reconciliation.follow(desk=venue.desk, gateway=venue.gateway, at=venue.now())
        assert (venue.position(), Fill.objects.count()) == (before, 0)
        venue.change("book", instrument="BTCUSDT", side="SELL", price="50000", qty="0.06")
        venue.look()
        assert venue.differences() == {}
        assert sum(Fill.objects.values_list("last_qty", flat=True)) == D("0.06")


def test_doubt_ends_however_seldom_it_is_looked_into() -> None:
    sent = WALL.now()
    found, now = Evidence(), sent
    for _ in range(60):
        now += timedelta(seconds=13)
        step = evidence.next_step(found, sent_at=sent, now=now, may_probe=True)
        if step is Step.COMPARE:
            return
        found = found.read(now) if step is Step.READ else found
        found = found.probed(now) if step is Step.PROBE else found
    raise AssertionError("it reads for ever")


def test_an_old_reconciliation_makes_no_green(venue: AtVenue) -> None:
    bench = workbench.bench_of(Account.objects.get().pk)
    assert bench is not None
    assert bench.reconcile()
    Account.objects.update(reconciled_at=WALL.now() - 2 * reconciled.GREEN_FOR)
    again = workbench.bench_of(Account.objects.get().pk)
    assert again is not None
    assert not again.is_green


def test_an_order_grows_too_old_while_the_feed_is_silent(venue: AtVenue) -> None:
    long_ago = WALL.now() - timedelta(hours=2)
    Feed.objects.update(received_at=long_ago, market_at=long_ago, speed=1)
    feed = Feed.objects.get()
    at = replace(venue.now(), market=long_ago)
    assert freshness.market_now(feed, at) - long_ago > timedelta(hours=1)


def test_a_signed_call_follows_no_redirect(venue: AtVenue) -> None:
    session = venue.gateway._connection._client.session  # type: ignore[attr-defined]  # of Binance's gateway
    assert session.max_redirects == 0
    venue.by_hand("web_1", ord_type=OrdType.LIMIT)
