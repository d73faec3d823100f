"""Every page in every state it may be in."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from aitrader.env import REPOSITORY
from aitrader.kernel.clock import WALL
from tests.factories import desk as factory
from trading.models import Feed

FRAGMENTS = ["cards", "orders", "strategies", "positions", "alerts", "state"]


def _text(answer: object) -> str:
    body = answer.content.decode()  # type: ignore[attr-defined]  # unfold and django-otp ship no types
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_home_says_mode_source_and_state(desk: factory.Desk, browser: Client) -> None:
    text = _text(browser.get("/"))
    for words in ("◆ PAPER", "SIMULATED ×60", "● Trading enabled", "99,587.23 USDT"):
        assert words in text
    assert "▼ −412.77 (−0.41 %) today" in text
    assert "8 %" in text
    assert "412.77 of 5,000 lost" in text
    assert "Gap of 3 bars ×2" in text


def test_prices_of_a_sandbox_are_nowhere_called_real(desk: factory.Desk, browser: Client) -> None:
    Feed.objects.update(source="SANDBOX", title="Binance")
    for path in ("/", "/venues", "/d/state", "/admin/", "/login"):
        text = _text((Client() if path == "/login" else browser).get(path))
        assert "SANDBOX" in text, path
        assert "REAL-TIME" not in text
    # One speed only, the wall's.
    assert "×60" not in _text(browser.get("/"))
    assert browser.get("/api/v1/status").json()["source"] == "SANDBOX"


def test_unknown_orders_come_first_and_say_so(desk: factory.Desk, browser: Client) -> None:
    body = browser.get("/d/orders").content.decode()
    assert body.index(desk.unknown.public_id) < body.index(desk.filled.public_id)
    assert "UNKNOWN ?" in body


def test_an_empty_desk_says_what_to_do(browser: Client) -> None:
    text = _text(browser.get("/"))
    assert "make run" in text
    assert "no feed" in text
    assert "0.00" not in text


@pytest.mark.parametrize("name", FRAGMENTS)
def test_fragments_answer_with_and_without_a_desk(browser: Client, name: str) -> None:
    assert browser.get(f"/d/{name}").status_code == 200
    factory.desk()
    answer = browser.get(f"/d/{name}")
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    assert "no-store" in answer["Cache-Control"]


def test_a_silent_feed_is_called_stale(desk: factory.Desk, browser: Client) -> None:
    assert "stale" not in _text(browser.get("/d/cards"))
    # Two intervals of a minute at sixty times the speed, and five seconds for a bar to get here.
    Feed.objects.update(received_at=WALL.now() - timedelta(seconds=7.5))
    text = _text(browser.get("/d/cards"))
    assert text.count("stale") == 6
    assert "the feed is silent" in text


def test_a_slow_feed_is_not_called_stale(desk: factory.Desk, browser: Client) -> None:
    Feed.objects.update(received_at=WALL.now() - timedelta(seconds=100), speed=1)
    assert "stale" not in _text(browser.get("/d/cards"))


def test_a_replay_that_ended_is_said_plainly(desk: factory.Desk, browser: Client) -> None:
    Feed.objects.update(
        status="ENDED", source="REPLAY", received_at=WALL.now() - timedelta(hours=1)
    )
    text = _text(browser.get("/"))
    assert "The REPLAY has ended" in text
    assert "stale" not in text


def test_what_is_unknown_is_a_dash(desk: factory.Desk, browser: Client) -> None:
    desk.account.equity_points.all().delete()
    text = _text(browser.get("/d/cards"))
    assert "Equity — USDT" in text
    assert "equity unknown" in text


def test_a_fill_is_two_clicks_from_its_journal_entry(desk: factory.Desk, browser: Client) -> None:
    home = browser.get("/").content.decode()
    address = f"/orders/{desk.filled.public_id}"
    assert f'href="{address}"' in home
    order = browser.get(address).content.decode()
    assert "order_notional" in order
    assert "VENUE" in order
    number = re.search(r'href="(/journal/\d+)">#\d+</a><div[^>]*><div[^>]*>order.filled', order)
    assert number is not None
    leaf = _text(browser.get(number[1]))
    assert "the hash matches the bytes" in leaf
    assert "last_px 60000" in leaf


def test_an_order_that_does_not_exist(browser: Client) -> None:
    assert browser.get("/orders/NOTHING").status_code == 404
    assert browser.get("/journal/999").status_code == 404
    assert browser.get(f"/journal/{10**30}").status_code == 404


def test_the_journal_is_paged_by_number(desk: factory.Desk, browser: Client) -> None:
    text = _text(browser.get("/journal"))
    assert "order.filled" in text
    assert "numbered without gaps" in text
    first = _text(browser.get("/journal?from=0"))
    assert "order.filled" not in first
    assert browser.get("/journal?from=abc").status_code == 200


def test_chart_data_is_text_and_epoch_seconds(desk: factory.Desk, browser: Client) -> None:
    body = browser.get("/d/chart.json?instrument=SIM:BTC-USDT").json()
    assert len(body["bars"]) == 30
    assert body["bars"][0]["time"] % 60 == 0
    assert isinstance(body["bars"][0]["close"], str)
    assert browser.get("/d/chart.json?instrument=SIM:NONE").status_code == 404
    assert "60,001.00" in _text(browser.get("/bars?instrument=SIM:BTC-USDT"))


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_panel_asks_few_questions(desk: factory.Desk, browser: Client, name: str) -> None:
    browser.get("/d/state")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        browser.get(f"/d/{name}")
    # Session, operator, device, rights, feed and trading states come with every request.
    everywhere = 9
    panels = 9 if name == "cards" else 3
    assert len(asked) <= everywhere + panels, [each["sql"][:90] for each in asked]


@pytest.mark.parametrize(
    "path", ["/", "/orders", "/journal", "/me", "/bars?instrument=SIM:BTC-USDT", "/login"]
)
def test_pages_keep_the_strict_policy(desk: factory.Desk, browser: Client, path: str) -> None:
    answer = browser.get(path, follow=True)
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    body = answer.content.decode()
    assert " style=" not in body
    assert "<style" not in body
    assert not re.search(r"<script(?![^>]*\bsrc=)", body)
    assert not re.search(r'(src|href)="(https?:)?//(?!www\.tradingview\.com)', body)
    assert " onclick=" not in body


def test_templates_hold_no_inline_style_or_script() -> None:
    for path in (REPOSITORY / "templates").rglob("*.html"):
        text = Path(path).read_text(encoding="utf-8")
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert "hx-on" not in text, path
