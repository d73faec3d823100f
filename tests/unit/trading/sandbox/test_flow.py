"""The market of the sandbox exchange: candles are visited, a seed is a market."""

import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from aitrader.kernel.fix import OrdStatus, OrdType
from tests.factories.sandbox import BTC, BUY, SELL, START, D, Desk, order
from trading.domain.bar import Bar
from trading.sandbox.crowd import Crowd
from trading.sandbox.engine import Exchange
from trading.sandbox.events import EventLog, TradeEvent
from trading.sandbox.flow import CandleFlow, SeededFlow, visits
from trading.sandbox.rules import Listing, Status

MINUTE = timedelta(minutes=1)
BAR = Bar(START, MINUTE, D(100), D(104), D(98), D(103), D(30))
NEXT = Bar(START + MINUTE, MINUTE, D(103), D(103), D(99), D(100), D(60))


def candles(desk: Desk, *bars: Bar) -> CandleFlow:
    listing = desk.exchange.listing(BTC)
    assert listing
    return CandleFlow(Crowd(desk.exchange, listing, now=START), bars)


def printed(desk: Desk) -> list[Decimal]:
    return [event.trade.px for event in desk.log.events if isinstance(event, TradeEvent)]


def test_a_candle_is_visited_low_before_high_within_its_minute() -> None:
    way = list(visits(BAR, D("0.01"), steps=1))
    assert [each.px for each in way] == [100, 98, 104, 103]
    assert way[0].at == START
    assert all(START <= each.at < START + MINUTE for each in way)
    assert sum(each.volume for each in way) == BAR.volume


def test_the_trades_of_a_candle_are_the_candle() -> None:
    desk = Desk()
    candles(desk, BAR, NEXT).advance(START + 2 * MINUTE)
    trades = [event.trade for event in desk.log.events if isinstance(event, TradeEvent)]
    for bar in (BAR, NEXT):
        own = [each for each in trades if bar.open_time <= each.transact_time < bar.close_time]
        assert (own[0].px, own[-1].px) == (bar.open, bar.close)
        assert (max(each.px for each in own), min(each.px for each in own)) == (bar.high, bar.low)
        assert abs(sum(each.qty for each in own) - bar.volume) < D("0.1")
    assert desk.exchange.last_px(BTC) == NEXT.close


def test_only_what_is_due_happens() -> None:
    desk = Desk()
    flow = candles(desk, BAR)
    assert flow.next_at() == START
    flow.advance(START)
    assert printed(desk) == [100]
    flow.advance(START)
    assert printed(desk) == [100]
    flow.advance(START + MINUTE)
    assert flow.next_at() is None


def test_a_stop_fills_when_the_candle_passes_it_and_not_far_from_it() -> None:
    desk = Desk("anna")
    flow = candles(desk, BAR)
    flow.advance(START)
    stop = desk.place(order("anna", SELL, "1", ord_type=OrdType.STOP, stop_px=D(99)))
    flow.advance(START + MINUTE)
    filled = desk.read(stop)
    assert filled.ord_status is OrdStatus.FILLED
    assert D(98) < filled.avg_px < D(99)


def test_a_limit_that_the_price_passes_fills_at_its_price() -> None:
    desk = Desk("anna")
    flow = candles(desk, BAR)
    flow.advance(START)
    bid, far = desk.limit("anna", BUY, "50", "98.5"), desk.limit("anna", BUY, "1", "97.99")
    flow.advance(START + MINUTE)
    assert desk.read(bid).avg_px == D("98.5")
    assert desk.read(bid).ord_status is OrdStatus.FILLED
    assert desk.read(far).cum_qty == 0


def test_a_large_limit_does_not_keep_the_price_from_where_it_went() -> None:
    desk = Desk("anna")
    flow = candles(desk, BAR)
    flow.advance(START)
    bid = desk.limit("anna", BUY, "900", "98.5")
    flow.advance(START + MINUTE)
    assert desk.read(bid).ord_status is OrdStatus.FILLED
    assert min(printed(desk)) == 98


def test_a_limit_that_the_price_touches_shares_the_volume() -> None:
    desk = Desk("anna")
    flow = candles(desk, BAR)
    flow.advance(START)
    bid = desk.limit("anna", BUY, "50", "98")
    flow.advance(START + MINUTE)
    assert 0 < desk.read(bid).cum_qty < 50


def test_nothing_is_printed_without_volume_or_in_a_halt() -> None:
    desk = Desk()
    quiet = Bar(START, MINUTE, D(100), D(100), D(100), D(100), D(0))
    flow = candles(desk, quiet, NEXT)
    flow.advance(START)
    assert printed(desk) == []
    assert desk.exchange.depth(BTC).bids
    desk.exchange.set_status(BTC, Status.HALT, now=START + MINUTE)
    flow.advance(START + 2 * MINUTE)
    assert printed(desk) == []


def seeded(seed: int, seconds: int) -> EventLog:
    log = EventLog()
    listing = Listing(BTC, "BTC", "USDT")
    exchange = Exchange([listing], log)
    flow = SeededFlow(Crowd(exchange, listing, now=START), seed=seed, start=START, px=D(60_000))
    flow.advance(START + timedelta(seconds=seconds))
    return log


def test_a_seed_is_a_market() -> None:
    assert seeded(7, 60).digest() == seeded(7, 60).digest()
    assert seeded(7, 60).digest() != seeded(8, 60).digest()
    trades = [event.trade for event in seeded(7, 300).events if isinstance(event, TradeEvent)]
    assert len(trades) > 100
    assert all(D(50_000) < trade.px < D(70_000) for trade in trades)
    assert len({trade.px for trade in trades}) > 50


def test_a_seed_is_a_market_under_every_hash_seed() -> None:
    script = (
        "from tests.unit.trading.sandbox.test_flow import seeded; print(seeded(7, 30).digest())"
    )
    digests = set()
    for hash_seed in ("0", "1", "random"):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[4],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(ran.stdout)
    assert len(digests) == 1
