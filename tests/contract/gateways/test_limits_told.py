"""What each venue of the sandbox tells of its filters is what it judges by: no order that our rules
let through is refused for one."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.conf import settings
from django.test import override_settings

from aitrader.kernel.fix import OrdType
from tests.factories.intents import TYPES, intents, refused
from tests.integration.trading.at_venue import BINANCE, BTCTURK, COINBASE, PX, Place, exchange
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import Limits
from trading.domain.order_rules import Around, validate
from trading.gateways import registry
from trading.sandbox.binance_api import desk as binance
from trading.sandbox.btcturk_api import desk as btcturk
from trading.sandbox.coinbase_api import desk as coinbase
from trading.sandbox.rules import Listing, Refusal

INTENTS = 2_000
_NO_TRAILING = tuple(each for each in TYPES if each is not OrdType.TRAILING_STOP)
_VENUES: list[tuple[Place, Sequence[Listing], Sequence[OrdType]]] = [
    (BINANCE, binance.LISTINGS, TYPES),
    (COINBASE, coinbase.LISTINGS, _NO_TRAILING),
    (BTCTURK, btcturk.LISTINGS, _NO_TRAILING),
]


@pytest.fixture
def told(place: Place, tmp_path: Path) -> Iterator[Instrument]:
    """Bitcoin, as the gateway reads it."""
    with exchange(tmp_path, place=place) as (_, there):
        known = {**settings.AITRADER_VENUES, place.venue: there}
        with override_settings(AITRADER_VENUES=known):
            prices = registry.public(place.venue)
            yield prices.instruments([place.symbol], venue=place.venue)[place.symbol]


@pytest.mark.parametrize(
    ("place", "listings", "types"), _VENUES, ids=lambda value: getattr(value, "venue", "")
)
def test_what_our_rules_let_through_no_filter_refuses(
    told: Instrument, place: Place, listings: Sequence[Listing], types: Sequence[OrdType]
) -> None:
    (its,) = (each for each in listings if each.instrument == place.symbol)
    assert told.limits != Limits()
    random, valid = Random(5), 0
    endless = intents(random, told, its, PX, types)
    while valid < INTENTS:
        intent = next(endless)
        if validate(intent, told, Around(px=Decimal(PX))):
            continue
        answer = refused(intent, its, PX)
        if answer is not None and told.limits.max_px is None:
            # Coinbase tells no bounds of prices, and refuses what nobody can mean.
            assert answer.reason is Refusal.PRICE_RANGE, (intent, answer)
            continue
        assert answer is None, (intent, answer)
        valid += 1
