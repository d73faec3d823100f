"""One instrument of a feed that runs tells no bars: every place says which, and since when."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from aitrader.kernel.clock import iso
from tests.factories import desk as factory
from trading.models import BarRow, FeedInstrument, InstrumentRow

SILENT = "SIM:ETH-USDT"


@pytest.fixture
def silent(desk: factory.Desk) -> factory.Desk:
    """Its last bar is ten minutes older than the other's."""
    venue, at = desk.account.venue, factory.MARKET - timedelta(minutes=11)
    row = InstrumentRow.objects.create(
        venue=venue, code=SILENT, base="ETH", quote="USDT", kind="SPOT", tick="0.01",
        lot="0.001", min_qty="0.001", min_notional=5,
    )  # fmt: skip
    FeedInstrument.objects.create(feed=desk.feed, instrument=row)
    BarRow.objects.create(
        feed=desk.feed, instrument=row, open_time=at, open=9, high=9, low=9, close=9, volume=1
    )
    return desk


def _text(answer: object) -> str:
    body = answer.content.decode()  # type: ignore[attr-defined]  # the test client's answer has no type
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_home_page_says_which_is_stale_and_since_when(
    silent: factory.Desk, browser: Client
) -> None:
    text = _text(browser.get("/d/cards"))
    assert f"▲ {SILENT} is stale since 2026-01-05 11:50:00 UTC" in text
    assert "SIM:BTC-USDT is stale" not in text


def test_the_venues_page_says_it_beside_the_instrument(
    silent: factory.Desk, browser: Client
) -> None:
    text = _text(browser.get("/venues"))
    assert text.count("▲ stale since 2026-01-05 11:50:00") == 1


def test_the_desk_s_status_names_it_for_programs(silent: factory.Desk, browser: Client) -> None:
    body = browser.get("/api/v1/status").json()
    since = iso(factory.MARKET - timedelta(minutes=10))
    assert body["silent"] == [{"instrument": SILENT, "since": since}]
    assert body["feed_stale"] is False


def test_machines_that_watch_are_told(silent: factory.Desk) -> None:
    assert Client().get("/readyz").json()["checks"]["silent_instruments"] == 1
    assert (
        f'aitrader_instrument_stale{{instrument="{SILENT}"}} 1.0'
        in Client().get("/metrics").content.decode()
    )


def test_nothing_is_said_of_a_desk_whose_instruments_all_move(
    desk: factory.Desk, browser: Client
) -> None:
    assert "stale" not in _text(browser.get("/d/cards"))
    assert "▲ stale" not in _text(browser.get("/venues"))
    assert browser.get("/api/v1/status").json()["silent"] == []
    assert Client().get("/readyz").json()["checks"]["silent_instruments"] == 0
