"""What BTCTurk lists, as instruments that hold to its rules."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.env import REPOSITORY
from aitrader.kernel.errors import BadInput, OutcomeUnknown, VenueAway
from trading.domain.instrument import Instrument
from trading.gateways.btcturk import listing

SAMPLE = (
    REPOSITORY.parent / "shared/data/wire/btcturk/rest_samples/public/exchange_info/sample.json"
)


def _pair(**changes: Any) -> dict[str, Any]:
    rules = {
        "filterType": "PRICE_FILTER", "tickSize": "10", "minExchangeValue": "99.91",
        "minAmount": None, "maxAmount": None,
    }  # fmt: skip
    return {
        "name": "BTCTRY", "status": "TRADING", "numerator": "BTC", "denominator": "TRY",
        "numeratorScale": 8, "denominatorScale": 2, "filters": [rules],
        "commissionFromNumerator": False,
    } | changes  # fmt: skip


class _Venue:
    def __init__(self, told: Any) -> None:
        self._told = told

    def public(self, path: str, *, quick: bool) -> Any:
        return self._told


def _listed(told: Any, symbol: str = "BTCTRY") -> Instrument:
    venue: Any = _Venue(told)
    return listing.instruments(venue, [symbol], venue="BTCTURK")[symbol]


def test_a_pair_has_the_coarser_of_its_two_price_rules() -> None:
    found = _listed({"symbols": [_pair()]})
    assert (found.code, found.tick, found.lot) == ("BTCTURK:BTC-TRY", D(10), D("0.00000001"))
    assert (found.min_qty, found.min_notional) == (D("0.00000001"), D("99.91"))
    fine = _pair(filters=[{"filterType": "PRICE_FILTER", "tickSize": "0.00001"}])
    assert _listed({"symbols": [fine]}).tick == D("0.01")


def test_the_closer_of_two_bounds_holds_and_a_limit_is_within_ten_times_the_price() -> None:
    rules = {"minPrice": "0.1", "maxPrice": "10000000", "minAmount": "0.5", "maxAmount": "90"}
    (usual,) = _pair()["filters"]
    beside = {
        "maximumLimitOrderPrice": D("900.5"), "minimumLimitOrderPrice": D("9.5"),
        "maximumOrderAmount": 80,
    }  # fmt: skip
    found = _listed({"symbols": [_pair(filters=[usual | rules], **beside)]})
    limits = found.limits
    assert (limits.min_px, limits.max_px, limits.max_qty) == (D("9.5"), D("900.5"), D(80))
    assert (limits.bid_down, limits.bid_up) == (limits.ask_down, limits.ask_up) == (D("0.1"), D(10))
    assert found.min_qty == D("0.5")
    alone = _listed({"symbols": [_pair(filters=[usual | rules])]}).limits
    assert (alone.min_px, alone.max_px, alone.max_qty) == (D("0.1"), D(10_000_000), D(90))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([_pair(name="ETHTRY")], "does not list"),
        ([_pair(commissionFromNumerator=True)], "the fee of BTCTRY in BTC"),
    ],
)
def test_a_pair_that_is_not_for_us_is_refused(told: list[Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        _listed({"symbols": told})


def test_a_pair_that_does_not_trade_may_do_so_later() -> None:
    with pytest.raises(VenueAway, match="does not trade"):
        _listed({"symbols": [_pair(status="AUCTION_MATCH")]})


@pytest.mark.parametrize(
    "told", [None, [], {}, {"symbols": [{}]}, {"symbols": [_pair(filters=[])]}]
)
def test_a_list_that_cannot_be_read_is_no_list(told: Any) -> None:
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        _listed(told)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the wire sample of exchangeinfo is not at hand")
def test_the_wires_pairs_are_read() -> None:
    told = json.loads(SAMPLE.read_text(encoding="utf-8"), parse_float=D)
    dollars = _listed(told, "USDTTRY")
    assert (dollars.tick, dollars.lot, dollars.min_notional) == (D("0.001"), D("0.01"), D("99.91"))
    assert _listed(told, "XTZBTC").tick == D("0.000001")
