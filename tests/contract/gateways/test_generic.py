"""The generic gateway as ccxt's Binance on the sandbox exchange, beyond the cards."""

import itertools
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel.clock import WALL, monotonic
from aitrader.kernel.errors import BadInput, GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import ClientIdClass, Gateway, NewOrder
from trading.gateways.generic import candles, profiles
from trading.gateways.generic.connection import Connection
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.gateways.generic.prices import GenericPrices
from trading.gateways.generic.profiles import Profile
from trading.management.commands import conformance
from trading.sandbox import cards, server
from trading.sandbox.stand import Stand, serving, stand
from trading.services.bar_steps import Step

SCENE = conformance.VENUES["generic"]
WEAKEST = Profile(options=profiles.of("binance").options)
#: Trades of one millisecond that do not fit into a page are beyond a venue that pages by time.
BEYOND_THE_WEAKEST = ("X29",)
SECOND = timedelta(seconds=1)
SYMBOLS = {"SIM:BTC-USDT": "BTC-USDT", "SIM:ETH-USDT": "ETH/USDT"}


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange of which nothing is written down."""
    monkeypatch.setattr(profiles, "of", lambda exchange: WEAKEST)


def _line(told: Mapping[str, Any]) -> Connection:
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    return Connection(
        Address("binance", told["rest"], *who), wall=WALL, timeout_seconds=(1.0, 1.0), paced=False
    )


@pytest.mark.usefixtures("nothing_known")
@pytest.mark.parametrize(
    "card",
    [
        name
        for name in cards.CARDS
        if name.partition(" ")[0] not in {*SCENE.excused, *BEYOND_THE_WEAKEST}
    ],
)
def test_an_exchange_of_which_nothing_is_known_holds_to_the_card(card: str) -> None:
    played = cards.CARDS[card]
    with stand(SCENE, venue="generic", plan=cards.PLANS.get(played, "")) as ready:
        assert ready.gateway.capabilities.client_id_class is ClientIdClass.NONE
        played(ready)


@pytest.mark.usefixtures("nothing_known")
def test_of_an_order_that_no_list_shows_a_cancel_says_that_it_is_gone() -> None:
    with stand(SCENE, venue="generic") as ready:
        order = ready.market_order(order_qty=D("0.12"))
        with pytest.raises(RejectedByVenue) as refused:
            ready.gateway.cancel(
                account=ready.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id,
                at=WALL.now(),
            )  # fmt: skip
    assert refused.value.gone


@pytest.mark.usefixtures("nothing_known")
def test_trades_that_cannot_be_paged_are_still_to_come_and_not_made_up() -> None:
    with stand(SCENE, venue="generic", plan="page_limit=5,same_ms=1") as ready:
        for step in range(12):
            ready.quotes(bid="59000", ask=str(60_000 + step), qty="0.01")
        order = ready.market_order(order_qty=D("0.12"))
        ready.gateway.submit(account=ready.account, order=order)
        found = _query(ready, order)
    told = [each for each in found if each.exec_type is ExecType.TRADE]
    assert len(told) < 12
    assert found[-1].exec_type is ExecType.ORDER_STATUS
    assert found[-1].cum_qty == D("0.12")


def _query(ready: Stand, order: NewOrder) -> list[ExecutionReport]:
    return list(
        ready.gateway.query(
            account=ready.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id
        )
        or ()
    )


class _RoundsWhatWasOrdered(GenericGateway):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        price = order.price and order.price.quantize(D("0.01"))
        return super().submit(account=account, order=replace(order, price=price))


class _BelievesTheLibrary(GenericGateway):
    """Takes every error of the library's for a refusal."""

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except GatewayError as error:
            raise RejectedByVenue("?", str(error)) from error


def _card(word: str) -> str:
    (name,) = (each for each in cards.CARDS if word in each)
    return name


@pytest.mark.parametrize(
    ("spoilt", "card"),
    [
        (_RoundsWhatWasOrdered, _card("bad order")),
        (_BelievesTheLibrary, _card("second copy")),
        (_BelievesTheLibrary, _card("timeout_code")),
        (_BelievesTheLibrary, _card("nobody can read")),
    ],
)
def test_a_gateway_that_breaks_a_rule_fails_its_card(
    spoilt: type[GenericGateway], card: str
) -> None:
    def connect(told: Mapping[str, Any]) -> Gateway:
        return spoilt(_line(told), venue="GENERIC")

    scene = replace(SCENE, connect=connect)
    with stand(scene, venue="generic") as ready, pytest.raises(cards.Failed):
        cards.CARDS[card](ready)


def test_trades_of_the_account_are_read_to_the_last_page() -> None:
    with stand(SCENE, venue="generic", plan="page_limit=5,same_ms=1") as ready:
        for step in range(12):
            ready.quotes(bid="59000", ask=str(60_000 + step), qty="0.01")
        since = ready.now() - timedelta(minutes=1)
        order = ready.market_order(order_qty=D("0.12"))
        ready.gateway.submit(account=ready.account, order=order)
        found = ready.gateway.trades(
            account=ready.account, instrument=order.instrument, since=since
        )
    assert len({each.exec_id for each in found}) == 12


def test_no_call_is_made_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand(SCENE, venue="generic") as ready:
        gateway = ready.gateway
        assert isinstance(gateway, GenericGateway)
        gateway.balances(account=ready.account)
        session = gateway._connection._client.session
        sent: list[str] = []
        send = session.send

        def noted(request: Any, **more: Any) -> Any:
            sent.append(request.method)
            return send(request, **more)

        monkeypatch.setattr(session, "send", noted)
        gateway.submit(account=ready.account, order=ready.order())
    assert sent == ["POST"]


def test_nothing_secret_is_logged_or_said(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with stand(SCENE, venue="generic") as ready:
        gateway = ready.gateway
        assert isinstance(gateway, GenericGateway)
        gateway.balances(account=ready.account)
        who = gateway._connection._client
        caplog.set_level(logging.DEBUG)
        for plan in ("http_502=1", "lose_request=1", "garbage=1"):
            ready.faults(plan)
            with pytest.raises(OutcomeUnknown) as lost:
                gateway.query(account=ready.account, instrument=SCENE.instrument, cl_ord_id="ABC")
            assert "signature" not in str(lost.value)
            assert lost.value.__suppress_context__
    theirs = [each for each in caplog.records if each.name.startswith(("ccxt", "trading"))]
    told = "".join(each.getMessage() for each in theirs) + "".join(capsys.readouterr().out)
    assert who.apiKey not in told
    assert "signature" not in told


def test_one_call_at_a_time_and_none_waits_for_long() -> None:
    with stand(SCENE, venue="generic") as ready:
        gateway = ready.gateway
        assert isinstance(gateway, GenericGateway)
        gateway.balances(account=ready.account)
        line = gateway._connection
        begun, over = threading.Event(), threading.Event()

        def slow(client: Any) -> None:
            begun.set()
            over.wait(30)

        thread = threading.Thread(target=line.call, args=[slow], daemon=True)
        thread.start()
        assert begun.wait(10)
        with pytest.raises(NotSent, match="under way"):
            gateway.submit(account=ready.account, order=ready.order())
        over.set()
        thread.join(10)
        assert ready.at_venue() == []


@pytest.fixture
def prices() -> Iterator[GenericPrices]:
    with serving(server.Options(venues=("binance",), seed=3)) as told:
        yield GenericPrices(_line(told["binance"]))


def test_what_the_venue_lists_has_its_rules(prices: GenericPrices) -> None:
    prices.ping()
    found = prices.instruments(["BTC-USDT", "ETH/USDT"], venue="SIM")
    bitcoin = found["BTC-USDT"]
    assert (bitcoin.code, bitcoin.base, bitcoin.quote) == ("SIM:BTC-USDT", "BTC", "USDT")
    assert (bitcoin.tick, bitcoin.lot) == (D("0.01"), D("0.00001"))
    assert (bitcoin.min_qty, bitcoin.min_notional) == (D("0.00001"), D(5))
    limits = bitcoin.limits
    assert (limits.min_px, limits.max_px) == (D("0.01"), D(1_000_000))
    assert (limits.max_qty, limits.market_max_qty) == (D(9_000), D(1_000))
    assert (limits.max_notional, limits.market_min_qty) == (D(9_000_000), None)
    with pytest.raises(BadInput, match="does not list"):
        prices.instruments(["NOPE-USDT"], venue="SIM")


def _collected(source: candles.Candles, *, bars: int) -> list[Step]:
    """Steps until so many finished bars of each instrument came."""
    stop, found, counts = threading.Event(), [], dict.fromkeys(SYMBOLS, 0)
    watch = threading.Timer(30, stop.set)
    watch.start()
    for step in source.steps(stop):
        found.append(step)
        if not step.running:
            for code in step.bars:
                counts[code] += 1
        if min(counts.values()) >= bars:
            break
    watch.cancel()
    assert min(counts.values()) >= bars
    return found


def test_bars_come_once_in_order_and_without_a_hole(
    prices: GenericPrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candles, "_SHORTEST_SECONDS", 0.3)
    begun, source = monotonic(), prices.klines(SYMBOLS, SECOND, history_bars=3)
    assert source.heard_at < begun
    steps = _collected(source, bars=6)
    # Every answer is a word of the line.
    assert source.heard_at > begun
    for code in SYMBOLS:
        finished = [each.open_time for each in steps if code in each.bars and not each.running]
        assert {later - earlier for earlier, later in itertools.pairwise(finished)} == {SECOND}
    assert not any(each.gaps for each in steps)
    assert any(each.running for each in steps)


def test_bars_go_on_after_the_last_one_that_was_kept(
    prices: GenericPrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candles, "_SHORTEST_SECONDS", 0.3)
    first = _collected(prices.klines(SYMBOLS, SECOND, history_bars=1), bars=3)
    last = {code: each.open_time for each in first if not each.running for code in each.bars}
    again = prices.klines(SYMBOLS, SECOND, history_bars=1)
    again.resume(last)
    for step in _collected(again, bars=2):
        for code in step.bars:
            assert step.open_time > last[code]


def test_an_interval_that_the_venue_lacks_is_one_line(prices: GenericPrices) -> None:
    with pytest.raises(BadInput, match="no bars of 7s"):
        prices.klines(SYMBOLS, 7 * SECOND, history_bars=1)
