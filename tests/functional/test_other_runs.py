"""Records of another run than the one on screen: their own badge, never the screen's alone."""

import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from dashboard.frame import frame
from risk.domain.trading_state import Scope, TradingState
from risk.services import kill_switch
from tests.factories import desk as factory
from trading import models as rows


def _text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def replayed(desk: factory.Desk) -> rows.Order:
    """An order of a replay that ended, on the database of a simulated desk that runs."""
    account = rows.Account.objects.create(
        public_id="B" * 32, code="PAPER-2", venue=desk.account.venue, kind="SPOT", mode="PAPER",
        base_currency="USDT", opening_equity=100_000, peak_equity=100_000,
        opened_at=factory.MARKET,
    )  # fmt: skip
    rows.Feed.objects.create(
        code="replay", title="last year", source="REPLAY", account=account, interval_seconds=60,
        status="ENDED", started_at=factory.MARKET,
    )  # fmt: skip
    rows.Position.objects.create(account=account, instrument=desk.instrument, quantity=1, cost=6)
    order = rows.Order.objects.get(pk=desk.filled.pk)
    order.pk, order.account, order.trade = None, account, None
    order.public_id, order.intent_id, order.cl_ord_id = "R" * 32, "Q" * 32, "C" * 32
    order.trace_id = "trace-of-the-replay"
    order.save()
    rows.Fill.objects.create(
        venue=account.venue, account=account, instrument=desk.instrument, order=order,
        exec_id="E2", side="BUY", last_qty=1, last_px=6, liquidity="TAKER",
        transact_time=factory.MARKET,
    )  # fmt: skip
    _write(
        {"object_type": "order", "object_id": order.public_id},
        {"object_type": "signal", "object_id": "X", "trace_id": order.trace_id},
    )
    return order


def _write(*named: dict[str, Any]) -> None:
    events = [
        Event(name=EventName.RECONCILED, market_at=factory.MARKET, **{"actor": "desk", **each})
        for each in named
    ]
    with transaction.atomic():
        journal.record(events, now=WALL.now())
    factory.number_everything()


def test_an_order_of_another_run_says_so(
    desk: factory.Desk, replayed: rows.Order, browser: Client
) -> None:
    text = _text(browser.get(f"/orders/{replayed.public_id}"))
    assert "another run than the desk on screen: account PAPER-2. ◆ PAPER REPLAY last year" in text
    assert "Account PAPER-2 · PAPER REPLAY last year · not the desk on screen" in text
    own = _text(browser.get(f"/orders/{desk.unknown.public_id}"))
    assert "Account PAPER-1 · PAPER SIMULATED seed 1 Order" in own
    assert "another run" not in own
    assert "REPLAY" not in own


def test_a_leaf_of_another_run_says_so(
    desk: factory.Desk, replayed: rows.Order, browser: Client
) -> None:
    listed = browser.get("/journal").content.decode()
    numbers = re.findall(r'href="/journal/(\d+)">\d+</a></td><td>.*?</td><td>(\S+?)</td>', listed)
    assert len(numbers) > 4
    for number, event in numbers:
        text = _text(browser.get(f"/journal/{number}"))
        another = event == EventName.RECONCILED
        assert ("account PAPER-2. ◆ PAPER REPLAY" in text) == another, event
        assert ("Account PAPER-2" in text) == another, event


NAMED = [
    {"object_type": "account", "object_id": "PAPER-2"},
    {"object_type": "limit", "object_id": "PAPER-2"},
    {"object_type": "feed", "object_id": "replay"},
    {"object_type": "instrument", "object_id": "SIM:BTC-USDT", "actor": "feed:replay"},
    {"object_type": "strategy", "object_id": "sma_cross", "data": {"account": "PAPER-2"}},
    {
        "object_type": "trading_state",
        "object_id": "PAPER-2",
        "data": {"scope": "ACCOUNT", "scope_code": "PAPER-2"},
    },
]


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named["object_type"])
def test_an_entry_is_of_the_run_that_it_names(
    replayed: rows.Order, browser: Client, named: dict[str, Any]
) -> None:
    _write(named)
    listed = browser.get("/journal").content.decode()
    newest = re.search(r'href="(/journal/\d+)">\d+</a>', listed)
    assert newest is not None
    assert "account PAPER-2. ◆ PAPER REPLAY last year" in _text(browser.get(newest[1]))


@pytest.mark.parametrize("name", ["order", "fill", "position"])
def test_lists_of_the_back_office_name_the_account_and_filter_by_it(
    desk: factory.Desk, replayed: rows.Order, browser: Client, name: str
) -> None:
    address = f"/admin/trading/{name}/"
    assert "PAPER-2" in browser.get(address).content.decode()
    one = browser.get(f"{address}?account__id__exact={replayed.account_id}")
    assert re.findall(r">\s*(PAPER-\d)\s*<", one.content.decode().split("<tbody")[1])
    assert ">PAPER-1<" not in one.content.decode().split("<tbody")[1].replace(" ", "")


def _halt(scope: Scope, code: str, state: TradingState = TradingState.HALTED) -> None:
    now = WALL.now()
    kill_switch.engage(
        scope=scope, scope_code=code, state=state, reason="odd fills", actor="operator:ann",
        now=now, market_at=now,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "code"), [(Scope.STRATEGY, "sma_cross"), (Scope.INSTRUMENT, "SIM:BTC-USDT")]
)
def test_a_halt_of_a_part_never_reads_as_enabled(
    desk: factory.Desk, browser: Client, scope: Scope, code: str
) -> None:
    _halt(scope, code)
    for path in ("/d/state", "/", "/admin/", f"/orders/{desk.filled.public_id}"):
        text = _text(browser.get(path))
        assert "Trading enabled" not in text, path
        assert re.search(rf"◐ .*{code.rpartition(':')[2]} HALTED by ann", text), path
    body = browser.get("/d/state").content.decode()
    assert f'data-scope="{scope}" data-code="{code}"' in body
    # The rest may still be halted.
    assert 'data-open="halt-dialog"' in body
    status = browser.get("/api/v1/status").json()
    assert status["restricted"][0]["code"] == code


def test_a_halt_of_the_whole_desk_goes_before_one_of_a_part(
    desk: factory.Desk, browser: Client
) -> None:
    _halt(Scope.STRATEGY, "sma_cross")
    _halt(Scope.ACCOUNT, "PAPER-1", TradingState.REDUCING)
    text = _text(browser.get("/d/state"))
    assert "■ REDUCING +1 by ann" in text
    assert "STRATEGY sma_cross HALTED" in browser.get("/d/state").content.decode()


def test_a_halt_elsewhere_does_not_concern_the_desk_on_screen(
    desk: factory.Desk, browser: Client
) -> None:
    for scope, code in (
        (Scope.STRATEGY, "another"),
        (Scope.INSTRUMENT, "SIM:XRP-USDT"),
        (Scope.ACCOUNT, "PAPER-9"),
    ):
        _halt(scope, code)
    assert frame().restriction is None
    assert "● Trading enabled" in _text(browser.get("/d/state"))
