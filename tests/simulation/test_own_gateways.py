"""The seeds over the venues' own gateways: what is wrong in an adapter is found by them, too."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.management.commands import simulate
from trading.domain.ports import NewOrder
from trading.gateways.binance import errors as binance_errors
from trading.gateways.binance import reports as binance_reports
from trading.gateways.btcturk import connection as btcturk_line
from trading.gateways.btcturk import errors as btcturk_errors
from trading.gateways.btcturk import reports as btcturk_reports
from trading.gateways.coinbase import errors as coinbase_errors
from trading.gateways.coinbase import reports as coinbase_reports
from trading.gateways.silence import Silence
from trading.management import own_gateways
from trading.sandbox.audit import Found
from trading.sandbox.carriage import Carriage, NoAnswer, set_out
from trading.sandbox.http import HttpAnswer, HttpRequest
from trading.sandbox.promises import VENUES
from trading.sandbox.simulation import PRICES, START, Simulation

NAMESPACE = ids.namespace_of_seed(1)
CODE = "SIM:BTC-USDT"
#: As many seeds as an error gets to show itself.
MOST = 60

Patch = pytest.MonkeyPatch


def _caught(wrong: Callable[[Found], object], venue: str) -> bool:
    """Whether the audit of some seed says so."""
    return any(wrong(simulate.run(seed, venue, "own")) for seed in range(1, MOST))


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_orders_are_sent_and_fill_over_the_protocol(venue: str) -> None:
    connect = own_gateways.connect(venue)
    runs = [
        Simulation(seed, namespace=NAMESPACE, venue=venue, connect=connect) for seed in range(1, 5)
    ]
    found = [each.run() for each in runs]
    assert not any(each.failed for each in found)
    assert sum(each.sent for each in found) > 8
    assert sum(len(each.books.fills()) for each in runs) > 5
    assert all(process.gateway.venue == venue.upper() for r in runs for process in r._processes)


def _instead(kind: type[Exception], *given: str) -> Callable[[Any], Any]:
    """Wraps what translates errors: doubt becomes certainty."""

    def spoil(translate: Any) -> Any:
        def certain(error: Any) -> Any:
            told = translate(error)
            return kind(*given) if isinstance(told, OutcomeUnknown) else told

        return certain

    return spoil


@pytest.mark.parametrize(
    ("venue", "module", "name"),
    [
        ("binance", binance_errors, "translate"),
        ("btcturk", btcturk_line, "broken"),
        ("btcturk", btcturk_errors, "translate"),
    ],
)
def test_an_adapter_that_takes_doubt_for_not_sent_doubles_orders(
    venue: str, module: Any, name: str, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(module, name, _instead(NotSent, "surely")(getattr(module, name)))
    assert _caught(lambda found: found.duplicates, venue)


@pytest.mark.parametrize(
    ("venue", "module"), [("binance", binance_errors), ("coinbase", coinbase_errors)]
)
def test_an_adapter_that_takes_doubt_for_a_refusal_forgets_orders(
    venue: str, module: Any, monkeypatch: Patch
) -> None:
    spoilt = _instead(RejectedByVenue, "TIMEOUT", "surely")(module.translate)
    monkeypatch.setattr(module, "translate", spoilt)
    assert _caught(lambda found: found.breach or found.lost_fills, venue)


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_an_adapter_that_goes_on_in_a_silence_is_heard(venue: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Silence, "check", lambda self, url: None)
    assert _caught(lambda found: found.calls_in_silence, venue)


@pytest.mark.parametrize(
    ("venue", "module", "name"),
    [
        ("binance", binance_reports, "trades"),
        ("btcturk", btcturk_reports, "trades"),
        ("coinbase", coinbase_reports, "trades"),
    ],
)
def test_an_adapter_that_lists_no_trades_misses_those_of_others(
    venue: str, module: Any, name: str, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(module, name, lambda *_, **__: [])
    assert _caught(lambda found: found.failed, venue)


class _Process:
    """A process to which nothing happens."""

    def now(self) -> Any:
        return START

    def calls(self) -> None:
        """Nothing does."""

    signed = answered = calls

    def placed(self) -> bool:
        return False


def test_an_order_whose_sender_gave_up_arrives_later_and_is_reckoned_with_until_then() -> None:
    simulation = Simulation(1, namespace=NAMESPACE)
    wire, exchange = simulation.wire, simulation.wire.stage.exchange
    order = NewOrder(
        "LATE-1", CODE, Side.BUY, OrdType.LIMIT, Decimal("0.001"), TimeInForce.GTC, START,
        price=PRICES[CODE] / 2,
    )  # fmt: skip

    async def respond(asked: HttpRequest) -> HttpAnswer:
        await wire.stage.pause(timedelta(seconds=12))
        exchange.submit(wire.order(order), now=wire.stage.now())
        return HttpAnswer(200)

    set_out(wire.stage, patience=timedelta(seconds=10))
    line = Carriage(wire, _Process(), respond)
    line.order = order
    with pytest.raises(NoAnswer) as none:
        line.ask(HttpRequest("POST", "/order", {}, b"", "desk"), patience=timedelta(seconds=10))
    assert none.value.gave_up
    assert wire.sent == ["LATE-1"]
    assert [each.order and each.order.cl_ord_id for each in wire.on_the_way] == ["LATE-1"]
    assert wire.clock() - START == timedelta(seconds=10)

    wire.pass_time(timedelta(seconds=3))
    wire.deliver()
    assert not wire.on_the_way
    assert [each.cl_ord_id for each in exchange.records.open_orders(wire.account)] == ["LATE-1"]
