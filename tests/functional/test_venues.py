"""The venues' page: what is known of each venue, from rows, and nothing made up."""

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.domain.roles import Role
from compliance.services import journal
from tests.factories import desk as factory
from trading.domain.instrument_limits import Limits
from trading.domain.ports import Fees
from trading.gateways import sheet
from trading.gateways.binance.gateway import CAPABILITIES
from trading.gateways.meters import Used
from trading.models import InstrumentRow, ReconBreak, SecondPrice, VenueFacts, VenueLatency
from trading.selectors import limit_words
from trading.services import venue_facts
from trading.services.venue_facts import Told


def _text(answer: object) -> str:
    body = answer.content.decode()  # type: ignore[attr-defined]  # the test client's answer has no type
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def _tell(fee: str = "0.001", *, practice: bool = True) -> None:
    able = sheet.told(CAPABILITIES) | {"budget": "6,000 weight a minute", "line": True}
    fees = Fees(Decimal(fee), Decimal("0.002"), "Intro 1")
    told = Told(host="api.example.com", practice=practice, capabilities=able, fees=fees)
    venue_facts.tell(venue="SIM", told=told, now=WALL.now())


def test_a_venue_nobody_has_spoken_to_says_so(desk: factory.Desk, browser: Client) -> None:
    text = _text(browser.get("/venues"))
    assert "Simulated venue" in text
    assert "No process has spoken to this venue yet" in text
    assert "No call in the last five minutes." in text
    assert "not sampled" in text


def test_without_a_desk_it_says_what_to_do(browser: Client) -> None:
    assert "make run" in _text(browser.get("/venues"))


def test_it_says_what_the_gateway_does_and_does_not(desk: factory.Desk, browser: Client) -> None:
    _tell()
    text = _text(browser.get("/venues"))
    for words in (
        "practice: no real money", "api.example.com", "maker 0.10 %, taker 0.20 % of notional",
        "Intro 1", "6,000 weight a minute",
        "MARKET, LIMIT", "GTC, IOC, FOK", "an order in doubt is never sent again",
    ):  # fmt: skip
        assert words in text, words


def test_a_venue_of_real_money_is_called_that(desk: factory.Desk, browser: Client) -> None:
    _tell(practice=False)
    text = _text(browser.get("/venues"))
    assert "real money" in text
    assert "practice" not in text


def test_a_fee_keeps_the_day_since_which_it_holds(desk: factory.Desk) -> None:
    since = VenueFacts.objects.values_list("fee_since", flat=True)
    _tell("0.001")
    first = since.get()
    _tell("0.001")
    assert since.get() == first
    _tell("0.003")
    assert since.get() != first


def test_what_is_used_of_the_limit_and_what_is_left_is_shown(
    desk: factory.Desk, browser: Client
) -> None:
    _tell()
    assert "the venue does not tell" in _text(browser.get("/venues"))
    now = WALL.now()
    for used, at in ((4321, now), (17, now - timedelta(seconds=5))):
        venue_facts.keep_usage(venue="SIM", usage=Used(used, 6000, "weight in a minute", at))
    text = _text(browser.get("/venues"))
    assert "4321 used, 1679 left · weight in a minute" in text


def test_rules_latency_and_breaks_are_shown(desk: factory.Desk, browser: Client) -> None:
    now = WALL.now()
    InstrumentRow.objects.update(status="HALT", rules_at=now - timedelta(hours=3))
    venue = desk.account.venue
    for process, p99 in (("one", 90), ("two", 140)):
        VenueLatency.objects.create(
            venue=venue, process=process, kind="submit", calls=5, p50_ms=20, p95_ms=60, p99_ms=p99,
            at=now,
        )  # fmt: skip
    VenueLatency.objects.create(
        venue=venue, process="gone", kind="cancel", calls=5, p50_ms=1, p95_ms=1, p99_ms=999,
        at=now - timedelta(hours=1),
    )  # fmt: skip
    ReconBreak.objects.create(
        public_id="B" * 32, account=desk.account, kind="BALANCE", object_id="USDT", ours="1",
        venues="2", opened_at=now,
    )  # fmt: skip
    text = _text(browser.get("/venues"))
    assert "▲ HALT" in text
    assert "▲ old" in text
    assert "submit 20 ms 60 ms 140 ms 10" in text
    assert "999" not in text
    assert "1 open break" in text
    assert "ours 1, theirs 2" in text


def test_every_limit_of_the_venue_is_shown_in_words(desk: factory.Desk, browser: Client) -> None:
    assert "Further limits" not in _text(browser.get("/venues"))
    limits = {"max_qty": "9000", "bid_up": "5", "max_stops": 5, "max_notional_of_market": False}
    InstrumentRow.objects.update(limits=limits)
    text = _text(browser.get("/venues"))
    assert f"Further limits of {desk.instrument.code}" in text
    assert "Greatest quantity 9000" in text
    assert "Limit of a buyer at most, times the price 5" in text
    assert "Most open stops 5" in text
    assert "Greatest notional binds market orders no" in text
    page = browser.get(f"/admin/trading/instrumentrow/{desk.instrument.pk}/change/")
    assert "Greatest quantity: 9000; Greatest notional binds market orders: no" in _text(page)
    assert {each.name for each in fields(Limits)} == {*limit_words.LABELS}


def test_the_user_stream_is_told_with_its_last_word(desk: factory.Desk, browser: Client) -> None:
    assert "none has been up" in _text(browser.get("/venues"))
    for name, reason in ((EventName.STREAM_UP, ""), (EventName.STREAM_DOWN, "it is silent")):
        event = Event(
            name=name, actor="feed", object_type="feed", object_id=desk.feed.code,
            market_at=factory.MARKET, data={"reason": reason},
        )  # fmt: skip
        journal.record([event], now=WALL.now())
    factory.number_everything()
    assert "▲ down since" in _text(browser.get("/venues"))
    assert "it is silent" in _text(browser.get("/venues"))


def test_a_second_source_is_shown_beside_its_instrument(
    desk: factory.Desk, browser: Client
) -> None:
    row = SecondPrice.objects.create(
        feed=desk.feed, instrument=desk.instrument, source="COINBASE", px=Decimal("60000.5"),
        at=WALL.now(), since=WALL.now(),
    )  # fmt: skip
    assert "COINBASE 60,000.5" in _text(browser.get("/venues"))
    SecondPrice.objects.filter(pk=row.pk).update(at=WALL.now() - timedelta(minutes=1))
    assert "▲ stale" in _text(browser.get("/venues"))


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(desk: factory.Desk, browser: Client, method: str) -> None:
    assert getattr(browser, method)("/venues").status_code == 405


@pytest.mark.parametrize("role", list(Role))
def test_every_role_that_sees_the_desk_sees_it(
    desk: factory.Desk, as_role: Callable[[Role], Client], role: Role
) -> None:
    assert as_role(role).get(reverse("venues")).status_code == 200


def test_it_stands_in_the_menu(desk: factory.Desk, browser: Client) -> None:
    assert 'href="/venues"' in browser.get("/").content.decode()
    assert 'href="/venues" aria-current="page"' in browser.get("/venues").content.decode()


def test_it_asks_few_questions_and_keeps_the_strict_policy(
    desk: factory.Desk, browser: Client
) -> None:
    _tell()
    browser.get("/venues")
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get("/venues")
    assert len(asked) <= 20, [each["sql"][:90] for each in asked]
    body = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert " style=" not in body
    assert "no-store" in answer["Cache-Control"]
