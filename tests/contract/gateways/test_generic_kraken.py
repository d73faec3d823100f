"""The generic gateway as ccxt's Kraken, against Kraken's protocol on the sandbox exchange."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal as D
from itertools import islice
from threading import Event
from typing import Any

import pytest
from pydantic import SecretStr

from aitrader.kernel import ids
from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, Side
from tests.contract.gateways import kraken_face
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import ClientIdClass, Gateway, NewOrder
from trading.gateways.generic.connection import Connection
from trading.gateways.generic.gateway import GenericGateway
from trading.gateways.generic.library import Address
from trading.gateways.generic.prices import GenericPrices
from trading.sandbox import cards, server
from trading.sandbox.stand import Scene, Stand, stand

OURS = ids.derive("seed-1", "order", 1)
#: A desk knows its own orders; the cards have one each for what they do.
_DESKS = [OURS, *(ids.derive("cards", "order", number) for number in range(1, 50))]


def _line(told: Mapping[str, Any]) -> Connection:
    who = SecretStr(told["api_key"]), SecretStr(told["api_secret"])
    # Silence is not said in seconds there; the card of it does not wait a minute.
    return Connection(
        Address("kraken", told["rest"], *who),
        wall=WALL,
        timeout_seconds=(1.0, 1.0),
        silence_seconds=2.0,
        paced=False,
    )


def _known_to_the_desk(head: str) -> Sequence[str]:
    return [each for each in _DESKS if each.startswith(head)]


def _gateway(told: Mapping[str, Any]) -> GenericGateway:
    return GenericGateway(_line(told), venue="KRAKEN", beginning=_known_to_the_desk)


SCENE = Scene(
    _gateway,
    "KRAKEN:BTC-USD",
    "XBTUSD",
    "KRAKEN:ETH-USD",
    excused={
        "R8": "the gateway orders nothing with an end of its own",
        "R9": "the gateway takes no orders of which one cancels the other",
        "X22": "the gateway asks for every fee in the quote asset",
    },
    trades_at_once=False,
)


@pytest.fixture(autouse=True)
def kraken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "OFFERS", {"kraken": kraken_face.OFFER})
    monkeypatch.setattr(server, "VENUES", ("kraken",))


@contextmanager
def _stand(scene: Scene = SCENE, *, plan: str = "") -> Iterator[Stand]:
    with stand(scene, venue="kraken", plan=plan) as ready:
        yield ready


@pytest.mark.parametrize(
    "card", [name for name in cards.CARDS if name.partition(" ")[0] not in SCENE.excused]
)
def test_the_gateway_holds_to_the_card(card: str) -> None:
    played = cards.CARDS[card]
    with _stand(plan=cards.PLANS.get(played, "")) as ready:
        played(ready)


class _SendsAgain(GenericGateway):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except OutcomeUnknown:
            again = replace(order, cl_ord_id=f"{order.cl_ord_id}-2")
            return super().submit(account=account, order=again)


class _GuessesTrades(GenericGateway):
    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        found = super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id) or []
        return [replace(each, fee=D(0)) if each.last_qty else each for each in found]


def _card(word: str) -> str:
    (name,) = (each for each in cards.CARDS if word in each)
    return name


@pytest.mark.parametrize(
    ("spoilt", "card"),
    [
        (_SendsAgain, _card("accept_no_answer")),
        (_SendsAgain, _card("http_502")),
        (_GuessesTrades, _card("market order tells")),
    ],
)
def test_a_gateway_that_breaks_a_rule_fails_its_card(
    spoilt: type[GenericGateway], card: str
) -> None:
    def connect(told: Mapping[str, Any]) -> Gateway:
        return spoilt(_line(told), venue="KRAKEN")

    with _stand(replace(SCENE, connect=connect)) as ready, pytest.raises(cards.Failed):
        cards.CARDS[card](ready)


def test_an_id_of_the_desk_goes_out_in_the_venues_form_and_comes_back_in_ours() -> None:
    with _stand() as ready:
        order = ready.order(cl_ord_id=OURS)
        ready.gateway.submit(account=ready.account, order=order)
        (there,) = ready.at_venue()
        assert len(there["cl_ord_id"]) == 32
        assert there["cl_ord_id"] != OURS
        (listed,) = ready.gateway.open_orders(account=ready.account)
        assert listed.cl_ord_id == OURS
        ended = ready.gateway.cancel(
            account=ready.account, instrument=order.instrument, cl_ord_id=OURS, at=ready.now()
        )
        assert ended.cl_ord_id == OURS


def test_what_is_sent_is_the_request_that_was_kept_whatever_the_order_says_now() -> None:
    with _stand() as ready:
        order = ready.order(cl_ord_id=OURS)
        kept = replace(order, body=ready.gateway.request([order]))
        other = replace(kept, order_qty=order.order_qty * 2)
        ready.gateway.submit(account=ready.account, order=other)
        (listed,) = ready.gateway.open_orders(account=ready.account)
        assert listed.seen is not None
        assert (listed.cl_ord_id, listed.seen.order_qty) == (OURS, order.order_qty)


def test_an_order_that_has_no_client_id_goes_by_the_venues() -> None:
    with _stand() as ready:
        order = ready.order(cl_ord_id="SOMEBODY")
        (said,) = ready.gateway.submit(account=ready.account, order=order)
        named = f"ID-{said.order_id}"
        found = ready.gateway.query(
            account=ready.account, instrument=order.instrument, cl_ord_id=named
        )
        assert [(each.cl_ord_id, each.exec_type) for each in found or ()] == [(named, ExecType.NEW)]
        ended = ready.gateway.cancel(
            account=ready.account, instrument=order.instrument, cl_ord_id=named, at=ready.now()
        )
        assert (ended.cl_ord_id, ended.exec_type) == (named, ExecType.CANCELED)


def test_what_rests_and_what_traded_is_described_for_whoever_does_not_know_it() -> None:
    stop = {"side": Side.SELL, "stop_px": D(59_000)}
    with _stand() as ready:
        ready.quotes()
        since = ready.now() - timedelta(minutes=1)
        traded = ready.market_order()
        for order in (
            ready.order(),
            ready.order(ord_type=OrdType.STOP_LIMIT, price=D(58_000), **stop),
            traded,
        ):
            ready.gateway.submit(account=ready.account, order=order)
        listed = ready.gateway.open_orders(account=ready.account)
        (trade,) = ready.gateway.trades(
            account=ready.account, instrument=SCENE.instrument, since=since
        )
    seen = {each.seen.ord_type: each.seen for each in listed if each.seen is not None}
    assert seen.keys() == {OrdType.LIMIT, OrdType.STOP_LIMIT}
    resting, waiting = seen[OrdType.LIMIT], seen[OrdType.STOP_LIMIT]
    assert (resting.side, resting.price, resting.stop_px) == (Side.BUY, D(50_000), None)
    assert (waiting.side, waiting.price, waiting.stop_px) == (Side.SELL, D(58_000), D(59_000))
    assert (resting.symbol, resting.order_qty) == ("BTC/USD", D("0.01"))
    assert trade.report is not None
    assert (trade.side, trade.qty, trade.report.last_px) == (Side.BUY, D("0.01"), D(60_000))
    assert trade.report.fee_asset == "USD"


def test_trades_of_the_account_are_read_to_the_last_page() -> None:
    with _stand(plan="page_limit=5,same_ms=1") as ready:
        for step in range(12):
            ready.quotes(bid="59000", ask=str(60_000 + step), qty="0.01")
        since = ready.now() - timedelta(minutes=1)
        order = ready.market_order(order_qty=D("0.12"))
        ready.gateway.submit(account=ready.account, order=order)
        found = ready.gateway.trades(
            account=ready.account, instrument=order.instrument, since=since
        )
        other = ready.gateway.trades(account=ready.account, instrument=SCENE.other, since=since)
    assert len({each.exec_id for each in found}) == 12
    assert sum(each.qty for each in found) == D("0.12")
    assert len({each.order_id for each in found}) == 1
    assert other == []


def test_more_trades_than_are_asked_for_at_once_are_all_told() -> None:
    with _stand() as ready:
        for step in range(40):
            ready.quotes(bid="59000", ask=str(60_000 + step), qty="0.001")
        order = ready.market_order(order_qty=D("0.04"))
        ready.gateway.submit(account=ready.account, order=order)
        found = ready.gateway.query(
            account=ready.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id
        )
    assert len([each for each in found or () if each.last_qty]) == 40


def test_what_the_last_cancel_was_answered_says_nothing_of_this_one() -> None:
    with _stand() as ready:

        def cancel(cl_ord_id: str) -> None:
            ready.gateway.cancel(
                account=ready.account,
                instrument=SCENE.instrument,
                cl_ord_id=cl_ord_id,
                at=ready.now(),
            )

        with pytest.raises(RejectedByVenue) as refused:
            cancel("NEVER")
        assert refused.value.gone
        ready.gateway.submit(account=ready.account, order=ready.order(cl_ord_id="THERE"))
        ready.faults("lose_request=1")
        with pytest.raises(OutcomeUnknown):
            cancel("THERE")


def test_what_the_venue_offers_is_what_the_desk_may_order() -> None:
    with _stand() as ready:
        told = ready.gateway.capabilities
        assert told.client_id_class is ClientIdClass.OPEN_ONLY
        assert {each.value for each in told.times_in_force} == {"GTC", "IOC", "FOK"}
        assert "TRAILING_STOP" not in told.ord_types
        assert not told.streams
        assert isinstance(ready.gateway, GenericGateway)
        assert ready.gateway.fees().highest == D("0.004")


class _Ahead:
    """Our clock, moved with the venue's."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return WALL.now() + self.ahead


def test_bars_of_the_past_are_read_from_the_one_that_was_asked_for() -> None:
    clock = _Ahead()
    with _stand() as ready:
        told = ready.gateway
        assert isinstance(told, GenericGateway)
        told._connection._wall = told._connection.clock._wall = clock
        ready.quotes(qty="9")

        # Well inside a minute, so that none ends between two steps of the test.
        seconds = 70 - WALL.now().second

        def trade(minutes: int) -> None:
            ahead = seconds + 60 * minutes
            clock.ahead = timedelta(seconds=ahead)
            ready.change("clock", offset_seconds=ahead)
            told.submit(account=ready.account, order=ready.market_order())

        for minutes in range(4):
            trade(minutes)
        bars = GenericPrices(told._connection).klines(
            {SCENE.instrument: "BTC-USD"}, timedelta(minutes=1), history_bars=10
        )
        stop = Event()
        found = list(islice(bars.steps(stop), 4))
    finished = [each for each in found if not each.running]
    assert len(finished) == 3
    assert [each.running for each in found] == [False, False, False, True]
    times = [each.open_time for each in finished]
    assert times[2] - times[0] == timedelta(minutes=2)
    assert {each.bars[SCENE.instrument].volume for each in finished} == {D("0.01")}


def test_silence_is_kept_by_the_whole_process() -> None:
    made: list[GenericGateway] = []

    def connect(told: Mapping[str, Any]) -> Gateway:
        made.extend(_gateway(told) for _ in range(2))
        return made[0]

    with _stand(replace(SCENE, connect=connect)) as ready:
        one, other = made
        one.balances(account=ready.account)
        other.balances(account=ready.account)
        ready.faults("rate_limit=1")
        with pytest.raises(NotSent):
            one.balances(account=ready.account)
        ready.faults("")
        with pytest.raises(NotSent, match="silence"):
            other.balances(account=ready.account)
