"""docs/venues.md says of every gateway what its code says."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.fix import OrdType, TimeInForce
from trading.domain.ports import Capabilities, ClientIdClass
from trading.gateways import sheet
from trading.gateways.binance.gateway import CAPABILITIES as BINANCE
from trading.gateways.btcturk.gateway import CAPABILITIES as BTCTURK
from trading.gateways.coinbase.gateway import CAPABILITIES as COINBASE
from trading.gateways.generic import connection as generic
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.gateways.sim.gateway import CAPABILITIES as SIM

DOC = (Path(__file__).parents[4] / "docs" / "venues.md").read_text(encoding="utf-8")


def _kraken() -> Capabilities:
    """As the library tells them, without asking anybody."""
    nobody = SecretStr("YQ==")
    address = Address("kraken", "http://127.0.0.1:9", nobody, nobody)
    return GenericGateway(generic.Connection(address, wall=WALL), venue="KRAKEN").capabilities


@pytest.fixture(scope="module")
def every() -> Mapping[str, Capabilities]:
    return {
        "SIM": SIM, "BINANCE": BINANCE, "COINBASE": COINBASE, "BTCTURK": BTCTURK,
        "KRAKEN": _kraken(),
    }  # fmt: skip


def test_the_document_shows_the_capabilities_as_they_are(every: Mapping[str, Capabilities]) -> None:
    made = sheet.table(every)
    assert made in DOC, f"docs/venues.md: put this in the place of its table\n\n{made}\n"


def test_the_document_has_a_chapter_and_the_budget_of_every_venue(
    every: Mapping[str, Capabilities],
) -> None:
    for venue in every:
        assert f"\n## {venue}\n" in DOC
        assert f"| {venue} | {sheet.budget(venue)} |" in DOC


def test_what_a_row_holds_is_text_numbers_and_lists() -> None:
    able = Capabilities(
        ord_types=frozenset({OrdType.STOP, OrdType.MARKET}),
        times_in_force=frozenset({TimeInForce.GTC}),
        client_id_class=ClientIdClass.NONE,
        streams=False,
        oco=frozenset({frozenset({OrdType.STOP, OrdType.LIMIT_IF_TOUCHED})}),
        enters_within=timedelta(seconds=7),
    )
    assert sheet.told(able) == {
        "ord_types": ["MARKET", "STOP"],
        "times_in_force": ["GTC"],
        "stop_times_in_force": ["GTC"],
        "client_id_class": "NONE",
        "oco": [["STOP", "LIMIT_IF_TOUCHED"]],
        "post_only": False,
        "streams": False,
        "exact_reads": False,
        "enters_within_seconds": 7,
    }
    assert sheet.understood(sheet.told(able)) == able


def test_a_host_is_told_without_path_and_without_whoever_signs_in(settings: Any) -> None:
    settings.AITRADER_VENUES = {"X": {"rest_url": "https://me:secret@api.example.com:443/api"}}
    assert sheet.host("X") == "api.example.com:443"
    assert sheet.host("SIM") == ""
