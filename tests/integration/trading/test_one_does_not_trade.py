"""A market of several instruments in real time, one of which its venue does not trade now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aitrader import paper
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import VenueAway
from aitrader.paper import PaperOptions
from compliance.services import installation
from tests.integration.trading.at_venue import AtVenue, at_venue

pytestmark = pytest.mark.usefixtures("fresh_database")
OPTIONS = PaperOptions(venue="BINANCE", interval="1s", history_bars=3)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[AtVenue]:
    with at_venue(tmp_path, opened=False, market=True) as made:
        yield made


def _begin() -> None:
    namespace = installation.install(namespace=None, now=WALL.now())
    at = Moment(market=WALL.now(), wall=WALL.now())
    paper.open_desk(OPTIONS, paper.market(OPTIONS), code="one", namespace=namespace, at=at)


def test_the_others_go_on_with_what_is_known_of_it(venue: AtVenue) -> None:
    _begin()
    before = paper.market(OPTIONS).instruments
    venue.change("book", instrument="ETHUSDT", status="BREAK")
    assert paper.market(OPTIONS).instruments == before


def test_what_was_never_traded_here_must_trade(venue: AtVenue) -> None:
    venue.change("book", instrument="ETHUSDT", status="BREAK")
    with pytest.raises(VenueAway, match="ETHUSDT does not trade"):
        paper.market(OPTIONS)


def test_a_venue_where_nothing_trades_is_away(venue: AtVenue) -> None:
    _begin()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        venue.change("book", instrument=symbol, status="HALT")
    with pytest.raises(VenueAway, match="does not trade"):
        paper.market(OPTIONS)
