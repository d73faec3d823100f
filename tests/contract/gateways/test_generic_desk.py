"""The generic gateway found by a venue's name, and with a desk's own orders behind it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader import env
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from tests.contract.gateways import kraken_face
from tests.factories import road as roads
from tests.factories.road import Road
from trading.gateways import registry
from trading.gateways.generic.connection import Connection
from trading.gateways.generic.entry import orders_beginning
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.sandbox import server
from trading.sandbox.stand import Scene, serving, stand
from trading.services import routing


@pytest.fixture
def kraken(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> Iterator[Mapping[str, Any]]:
    """Kraken on this machine, under its name."""
    monkeypatch.setattr(server, "OFFERS", {"kraken": kraken_face.OFFER})
    monkeypatch.setattr(server, "VENUES", ("kraken",))
    with serving(server.Options(venues=("kraken",), market=False)) as told:
        where = told["kraken"]
        secrets = tmp_path / "kraken.json"
        secrets.touch(mode=0o600)
        secrets.write_text(json.dumps({name: where[name] for name in ("api_key", "api_secret")}))
        settings.AITRADER_VENUES = {
            "KRAKEN": {
                "exchange": "kraken",
                "rest_url": where["rest"],
                "credentials": f"file:{secrets}",
            }
        }
        yield where


@pytest.mark.django_db
def test_a_venue_without_code_of_its_own_is_found_by_its_name(kraken: Mapping[str, Any]) -> None:
    found = registry.connect("KRAKEN", namespace="n")
    assert (found.gateway.venue, found.line) == ("KRAKEN", None)
    assert found.fee_rate > 0
    assert registry.answers("KRAKEN")
    assert registry.is_practice("KRAKEN")
    listed = registry.public("KRAKEN").instruments(["BTC-USD"], venue="SIM")
    assert listed["BTC-USD"].code == "SIM:BTC-USD"


def test_a_venue_that_no_setting_names_is_one_line() -> None:
    for ask in (lambda: registry.connect("MARS", namespace="n"), lambda: registry.public("MARS")):
        with pytest.raises(BadInput, match="MARS"):
            ask()


def test_where_a_venue_is_comes_from_variables_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AITRADER_KRAKEN_REST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AITRADER_KRAKEN_CREDENTIALS", "file:/kept/kraken.json")
    assert env.generic_venue("KRAKEN") == {
        "rest_url": "http://127.0.0.1:9", "credentials": "file:/kept/kraken.json",
    }  # fmt: skip
    assert env.generic_venue("BITFINEX") == {"rest_url": "", "credentials": ""}
    monkeypatch.setenv("AITRADER_KRAKEN_CREDENTIALS", "hush")
    with pytest.raises(SystemExit) as stopped:
        env.generic_venue("KRAKEN")
    assert "hush" not in str(stopped.value)


@pytest.mark.usefixtures("fresh_database")
def test_an_order_of_the_desk_is_known_again_by_a_process_that_did_not_send_it(
    kraken: Mapping[str, Any],
) -> None:
    Road().decide(101)
    ours = roads.only_order().cl_ord_id

    def connect(told: Mapping[str, Any]) -> GenericGateway:
        who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
        line = Connection(Address("kraken", told["rest"], *who), wall=WALL, paced=False)
        return GenericGateway(line, venue="KRAKEN", beginning=orders_beginning)

    scene = Scene(connect, "KRAKEN:BTC-USD", "XBTUSD", "KRAKEN:ETH-USD")
    with stand(scene, venue="kraken") as ready:
        ready.gateway.submit(account=ready.account, order=ready.order(cl_ord_id=ours))
        (listed,) = ready.gateway.open_orders(account=ready.account)
    assert listed.cl_ord_id == ours


@pytest.mark.usefixtures("fresh_database")
def test_a_desk_trades_through_it() -> None:
    road = Road()

    def connect(told: Mapping[str, Any]) -> GenericGateway:
        who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
        line = Connection(Address("binance", told["rest"], *who), wall=WALL, paced=False)
        return GenericGateway(line, venue="SIM")

    scene = Scene(connect, "SIM:BTC-USDT", "BTCUSDT", "SIM:ETH-USDT")
    with stand(scene, venue="binance") as ready:
        ready.quotes(bid="100", ask="101", qty="1000")
        road.decide(101)
        routing.send_all(desk=road.desk, gateway=ready.gateway, at=road.moment)
        order = roads.only_order()
        (there,) = ready.at_venue()
    assert (order.ord_status, there["cl_ord_id"]) == ("FILLED", order.cl_ord_id)
