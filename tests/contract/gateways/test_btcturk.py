"""What the gateway to BTCTurk does beyond the cards, on the sandbox exchange."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdStatus, OrdType, Side
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import OrderState
from trading.domain.ports import NewOrder
from trading.gateways import registry
from trading.gateways.btcturk import gateway as gateways
from trading.gateways.btcturk import lookup
from trading.gateways.btcturk.connection import Address, Connection
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.gateways.btcturk.prices import BtcturkPrices
from trading.management.commands import conformance
from trading.sandbox import server
from trading.sandbox.stand import Stand, serving, stand

SCENE = conformance.VENUES["btcturk"]


@pytest.fixture
def venue() -> Iterator[Stand]:
    with stand(SCENE, venue="btcturk") as ready:
        yield ready


def _forgotten(venue: Stand) -> BtcturkGateway:
    """The gateway of a process that has begun anew: it remembers no id."""
    assert isinstance(venue.gateway, BtcturkGateway)
    return BtcturkGateway(venue.gateway._connection)


def _state(
    gateway: Any, venue: Stand, order: NewOrder, reports: Sequence[ExecutionReport] | None = None
) -> OrderState:
    asked = {"account": venue.account, "instrument": order.instrument}
    found = gateway.query(**asked, cl_ord_id=order.cl_ord_id) if reports is None else reports
    state = OrderState(order.order_qty).sent()
    for report in found:
        state = state.apply(report)
    return state


def _cancel(gateway: Any, venue: Stand, order: NewOrder) -> ExecutionReport:
    found: ExecutionReport = gateway.cancel(
        account=venue.account,
        instrument=order.instrument,
        cl_ord_id=order.cl_ord_id,
        at=venue.now(),
    )
    return found


def test_a_buyer_at_the_market_has_the_exact_quantity_and_pays_no_more_than_the_slide(
    venue: Stand,
) -> None:
    venue.quotes(ask="60000", qty="0.1")
    venue.quotes(bid="59980", ask="60700", qty="1")
    order = venue.market_order(order_qty=D("0.3"))
    said = venue.gateway.submit(account=venue.account, order=order)
    state = _state(venue.gateway, venue, order, said)
    assert (state.ord_status, state.cum_qty) == (OrdStatus.PARTIALLY_FILLED, D("0.1"))
    (sent,) = venue.at_venue()
    assert (sent["request"]["ord_type"], D(sent["request"]["price"])) == ("LIMIT", D(60_600))
    assert D(sent["request"]["order_qty"]) == D("0.3")
    # What rests is ended by whoever sent it.
    assert _cancel(venue.gateway, venue, order).cum_qty == D("0.1")


def test_a_seller_at_the_market_sells_base(venue: Stand) -> None:
    venue.quotes()
    order = venue.market_order(side=Side.SELL, order_qty=D("0.2"))
    said = venue.gateway.submit(account=venue.account, order=order)
    assert _state(venue.gateway, venue, order, said).cum_qty == D("0.2")
    (sent,) = venue.at_venue()
    assert sent["request"]["ord_type"] == "MARKET"


def test_nothing_is_bought_at_a_market_without_an_ask(venue: Stand) -> None:
    with pytest.raises(NotSent, match="no ask"):
        venue.gateway.submit(account=venue.account, order=venue.market_order())
    assert venue.at_venue() == []


def test_a_stop_that_buys_has_a_limit_of_its_own(venue: Stand) -> None:
    venue.quotes()
    venue.change("book", instrument=SCENE.symbol, side="BUY", qty="0.1")
    order = venue.order(ord_type=OrdType.STOP, price=None, stop_px=D(61_000))
    venue.gateway.submit(account=venue.account, order=order)
    (sent,) = venue.at_venue()
    assert (sent["request"]["ord_type"], D(sent["request"]["price"])) == ("STOP_LIMIT", D(61_610))


def _triggered(venue: Stand) -> NewOrder:
    """A stop of ours that has sold."""
    venue.quotes()
    order = venue.order(
        cl_ord_id="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        side=Side.SELL,
        ord_type=OrdType.STOP,
        price=None,
        stop_px=D(59_000),
    )
    venue.gateway.submit(account=venue.account, order=order)
    venue.change("book", instrument=SCENE.symbol, side="SELL", qty="1")
    venue.quotes(bid="58900", ask="59100")
    venue.change("book", instrument=SCENE.symbol, side="SELL", qty="0.1")
    return order


def test_a_triggered_stop_is_one_order_under_its_first_id(venue: Stand) -> None:
    order = _triggered(venue)
    gateway = _forgotten(venue)
    since = venue.now() - timedelta(minutes=1)
    (trade,) = gateway.trades(account=venue.account, instrument=order.instrument, since=since)
    for asked in (gateway, venue.gateway):
        found = asked.query(
            account=venue.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id
        )
        assert found is not None
        assert _state(asked, venue, order, found).ord_status == OrdStatus.FILLED
        assert {each.order_id for each in found} == {trade.order_id}


def test_a_triggered_stop_is_not_taken_for_a_cancelled_one(venue: Stand) -> None:
    order = _triggered(venue)
    with pytest.raises(RejectedByVenue, match="closed") as refused:
        _cancel(venue.gateway, venue, order)
    assert refused.value.gone


def test_a_stop_that_was_just_cancelled_may_have_been_triggered(
    venue: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.quotes()
    order = venue.order(side=Side.SELL, ord_type=OrdType.STOP, price=None, stop_px=D(59_000))
    venue.gateway.submit(account=venue.account, order=order)
    with pytest.raises(OutcomeUnknown, match="triggered"):
        _cancel(venue.gateway, venue, order)
    with pytest.raises(OutcomeUnknown, match="triggered"):
        _state(venue.gateway, venue, order)
    monkeypatch.setattr(gateways, "_SETTLES", timedelta(0))
    assert _cancel(venue.gateway, venue, order).exec_type is ExecType.CANCELED
    assert _state(_forgotten(venue), venue, order).ord_status == OrdStatus.CANCELED


def test_a_process_that_begins_anew_finds_its_orders(venue: Stand) -> None:
    venue.quotes(qty="0.004")
    order = venue.order(price=D(60_000))
    venue.gateway.submit(account=venue.account, order=order)
    venue.faults("page_limit=1")
    for _ in range(4):
        venue.gateway.submit(account=venue.account, order=venue.order())
    gateway = _forgotten(venue)
    assert _state(gateway, venue, order).ord_status == OrdStatus.PARTIALLY_FILLED
    ended = _cancel(_forgotten(venue), venue, order)
    assert (ended.exec_type, ended.cum_qty) == (ExecType.CANCELED, D("0.004"))
    again = _cancel(gateway, venue, order)
    assert (again.exec_type, again.cum_qty) == (ExecType.CANCELED, D("0.004"))


def test_a_single_order_that_is_not_told_is_found_in_the_lists(venue: Stand) -> None:
    order = venue.order()
    venue.gateway.submit(account=venue.account, order=order)
    venue.faults("hide_order=1")
    assert _state(venue.gateway, venue, order).ord_status == OrdStatus.NEW


def test_two_orders_with_one_client_id_stay_in_doubt(venue: Stand) -> None:
    order = venue.order()
    for _ in range(2):
        venue.gateway.submit(account=venue.account, order=order)
    assert len(venue.at_venue()) == 2
    gateway = _forgotten(venue)
    with pytest.raises(OutcomeUnknown, match="several orders"):
        _state(gateway, venue, order)
    with pytest.raises(OutcomeUnknown, match="several orders"):
        _cancel(gateway, venue, order)


def test_orders_of_strangers_go_by_the_venues_id(venue: Stand) -> None:
    stranger = venue.order(cl_ord_id="advanced")
    for price in (49_000, 49_001):
        order = replace(stranger, price=D(price))
        venue.gateway.submit(account=venue.account, order=order)
    ours = venue.order(cl_ord_id="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    venue.gateway.submit(account=venue.account, order=ours)
    gateway = _forgotten(venue)
    found = gateway.open_orders(account=venue.account)
    *strangers, last = sorted((each.cl_ord_id for each in found), reverse=True)
    assert (last, len(set(strangers))) == (ours.cl_ord_id, 2)
    for name in strangers:
        seen = next(each.seen for each in found if each.cl_ord_id == name)
        assert seen is not None
        assert name == f"ID-{seen.order_id}"
        named = replace(stranger, cl_ord_id=name)
        assert _state(gateway, venue, named).ord_status == OrdStatus.NEW
        ended = _cancel(gateway, venue, named)
        assert (ended.cl_ord_id, ended.exec_type) == (name, ExecType.CANCELED)
    gone = replace(stranger, cl_ord_id="ID-999999")
    asked = {"account": venue.account, "instrument": gone.instrument, "cl_ord_id": gone.cl_ord_id}
    assert gateway.query(**asked) is None


def test_trades_are_told_though_strangers_share_a_client_id(venue: Stand) -> None:
    venue.quotes()
    for _ in range(2):
        order = venue.market_order(cl_ord_id="advanced", order_qty=D("0.1"))
        venue.gateway.submit(account=venue.account, order=order)
    since = venue.now() - timedelta(minutes=1)
    found = _forgotten(venue).trades(
        account=venue.account, instrument=order.instrument, since=since
    )
    assert len({each.order_id for each in found}) == 2
    assert {each.side for each in found} == {Side.BUY}


def test_a_cancel_without_an_answer_is_unknown_and_asked_again(venue: Stand) -> None:
    order = venue.order()
    venue.gateway.submit(account=venue.account, order=order)
    venue.faults("accept_no_answer=1")
    with pytest.raises(OutcomeUnknown):
        _cancel(venue.gateway, venue, order)
    venue.faults("")
    assert _cancel(venue.gateway, venue, order).exec_type is ExecType.CANCELED


def test_a_cancel_that_is_only_begun_has_no_outcome_yet(venue: Stand) -> None:
    order = venue.order()
    venue.gateway.submit(account=venue.account, order=order)
    # The reads lag behind what the cancel did.
    time.sleep(1.1)
    venue.faults("stale_read=1,stale_read_s=1")
    with pytest.raises(OutcomeUnknown, match="has not ended yet"):
        _cancel(venue.gateway, venue, order)
    venue.faults("")
    assert _cancel(venue.gateway, venue, order).exec_type is ExecType.CANCELED


def test_balances_are_moved_by_trades_with_fee_and_tax(venue: Stand) -> None:
    assert isinstance(venue.gateway, BtcturkGateway)
    before = venue.gateway.balances(account=venue.account)
    venue.quotes()
    order = venue.market_order(order_qty=D("0.3"))
    (trade,) = (
        each
        for each in venue.gateway.submit(account=venue.account, order=order)
        if each.exec_type is ExecType.TRADE
    )
    assert (trade.fee, trade.fee_asset) == (D("21.6"), "TRY")
    after = venue.gateway.balances(account=venue.account)
    assert before["TRY"] - after["TRY"] == D(18_000) + trade.fee
    # The usual fee is the dearer.
    assert venue.gateway.fees().highest == D("0.0018")


def test_the_pairs_of_the_venue_are_instruments(venue: Stand) -> None:
    assert isinstance(venue.gateway, BtcturkGateway)
    prices = BtcturkPrices(venue.gateway._connection, "ws://nowhere")
    prices.ping()
    found = prices.instruments(["BTCTRY", "ETHTRY"], venue="BTCTURK")
    assert [each.code for each in found.values()] == ["BTCTURK:BTC-TRY", "BTCTURK:ETH-TRY"]


@pytest.mark.usefixtures("fresh_database")
def test_the_registry_knows_the_venue_by_name(settings: Any, tmp_path: Path) -> None:
    with serving(server.Options(venues=("btcturk",), market=False)) as told:
        told = told["btcturk"]
        secrets = tmp_path / "btcturk.json"
        secrets.touch(mode=0o600)
        secrets.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        given = {
            "rest_url": told["rest"], "graph_url": told["graph"], "ws_url": told["ws"],
            "credentials": f"file:{secrets}",
        }  # fmt: skip
        settings.AITRADER_VENUES = {"BTCTURK": given}
        found = registry.connect("BTCTURK", namespace="")
        assert found.gateway.balances(account="")["BTC"] == 2
        assert (found.fee_rate, found.line is not None) == (D("0.0018"), True)
        assert registry.answers("BTCTURK")
        assert set(registry.public("BTCTURK").instruments(["BTCTRY"], venue="SIM")) == {"BTCTRY"}


def test_a_host_that_wants_silence_silences_no_other(venue: Stand) -> None:
    assert isinstance(venue.gateway, BtcturkGateway)
    connection = venue.gateway._connection
    venue.faults("rate_limit=1,retry_after_s=60")
    with pytest.raises(NotSent):
        connection.read(lookup.OPEN_ORDERS)
    venue.faults("")
    with pytest.raises(NotSent, match="silence"):
        connection.public("/api/v2/ticker")
    connection._address = replace(
        connection._address,
        graph_url=connection._address.graph_url.replace("127.0.0.1", "localhost"),
    )
    assert connection.graph("/v1/klines/history", {"symbol": "BTCTRY", "resolution": "1"})


def test_threads_that_share_a_key_are_never_refused(venue: Stand) -> None:
    gateway = venue.gateway
    gateway.balances(account=venue.account)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: gateway.balances(account=venue.account), range(80)))
    assert all(each == found[0] for each in found)


def test_no_error_tells_a_secret(venue: Stand) -> None:
    secret = base64.b64encode(b"a wrong secret").decode()
    assert isinstance(venue.gateway, BtcturkGateway)
    right = venue.gateway._connection._address
    address = Address(right.rest_url, right.graph_url, right.api_key, SecretStr(secret))
    gateway = BtcturkGateway(Connection(address, wall=WALL))
    with pytest.raises(RejectedByVenue, match="Signature") as refused:
        gateway.submit(account=venue.account, order=venue.order())
    seen: BaseException | None = refused.value
    while seen is not None:
        assert secret not in repr(seen)
        assert right.api_key.get_secret_value() not in repr(seen)
        seen = seen.__cause__ or seen.__context__
    assert secret not in json.dumps(repr(gateway._connection.__dict__))
