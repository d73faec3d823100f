"""A recorded order book as the market of the sandbox."""

import gzip
import json
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdStatus
from tests.factories.sandbox import BTC, BUY, SELL, START, D, Desk, listing
from trading.domain.depth import DepthSnapshot, LocalBook
from trading.sandbox.book_flow import BookFlow
from trading.sandbox.crowd import Crowd
from trading.sandbox.events import TradeEvent
from trading.sandbox.frames import Frame, FrameFile, RecordedTrade, opened
from trading.sandbox.rules import Status

SHARED = Path(__file__).parents[5] / "shared" / "data" / "streams"
_FIRST_NS = 1_723_161_254_000_000_000
BOOK = {"lastUpdateId": 10, "bids": [["99", "2"], ["98", "1"]], "asks": [["101", "3"]]}


def update(first: int, last: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    told = {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth", "data": told}


def trade(px: str, qty: str, *, buyer_is_maker: bool) -> dict[str, Any]:
    told = {"e": "trade", "s": "BTCUSDT", "p": px, "q": qty, "m": buyer_is_maker}
    return {"stream": "btcusdt@trade", "data": told}


def recorded(folder: Path, *frames: object) -> FrameFile:
    """A second between frames; text stays as it is."""
    lines = (
        each if isinstance(each, str) else f"{_FIRST_NS + number * 10**9} {json.dumps(each)}"
        for number, each in enumerate(frames)
    )
    path = folder / "btcusdt_ws.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return opened(str(path))


class Market:
    """The flow of some frames, played to the end."""

    def __init__(self, desk: Desk, frames: Iterable[Frame], **options: Any) -> None:
        rules = desk.exchange.listing(BTC)
        assert rules
        self.desk = desk
        self.flow = BookFlow(Crowd(desk.exchange, rules, now=START), iter(frames), **options)

    def play(self, frames: int | None = None) -> None:
        while (at := self.flow.next_at()) and frames != 0:
            self.flow.advance(at)
            frames = None if frames is None else frames - 1

    def book(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        depth = self.desk.exchange.depth(BTC)
        bids, asks = (
            [(format(px.normalize(), "f"), format(qty.normalize(), "f")) for px, qty in side]
            for side in (depth.bids, depth.asks)
        )
        return bids, asks

    def printed(self) -> list[tuple[str, str]]:
        trades = [each.trade for each in self.desk.log.events if isinstance(each, TradeEvent)]
        return [(format(each.px.normalize(), "f"), str(each.qty.normalize())) for each in trades]


def test_the_crowd_rests_the_recorded_book_as_it_changes(tmp_path: Path) -> None:
    changes = update(11, 12, bids=[["99", "1.5"], ["98", "0"]], asks=[["100.5", "4"]])
    market = Market(Desk(), recorded(tmp_path, BOOK, changes))
    market.play(1)
    assert market.book() == ([("99", "2"), ("98", "1")], [("101", "3")])
    market.play()
    assert market.book() == ([("99", "1.5")], [("100.5", "4"), ("101", "3")])


def test_only_the_best_levels_rest(tmp_path: Path) -> None:
    market = Market(Desk(), recorded(tmp_path, BOOK, update(11, 11, asks=[["100", "9"]])), levels=1)
    market.play()
    assert market.book() == ([("99", "2")], [("100", "9")])


def test_a_recorded_trade_prints_at_its_price_with_its_quantity(tmp_path: Path) -> None:
    frames = [
        BOOK,
        trade("101", "0.5", buyer_is_maker=False),
        trade("100", "7", buyer_is_maker=True),
        trade("97", "1", buyer_is_maker=True),
        trade("102", "1", buyer_is_maker=False),
    ]
    market = Market(Desk(), recorded(tmp_path, *frames))
    market.play()
    assert market.printed() == [("101", "0.5"), ("100", "7"), ("97", "1"), ("102", "1")]


def test_trades_too_small_for_the_exchange_are_added_to_the_next_of_their_side(
    tmp_path: Path,
) -> None:
    small = [trade("101", "0.004", buyer_is_maker=False) for _ in range(3)]
    market = Market(Desk(), recorded(tmp_path, BOOK, *small))
    market.play()
    assert market.printed() == [("101", "0.012")]


def test_a_level_that_was_taken_long_ago_may_be_traded_again(tmp_path: Path) -> None:
    gone, others = (
        trade("101", "3", buyer_is_maker=False),
        trade("99", "0.1", buyer_is_maker=True),
    )
    market = Market(Desk(), recorded(tmp_path, BOOK, gone, *[others] * 250, gone))
    market.play()
    printed = market.printed()
    assert (printed[0], printed[-1], len(printed)) == (("101", "3"), ("101", "3"), 252)


def test_one_stream_of_trades_is_played_where_two_tell_the_same(tmp_path: Path) -> None:
    single = trade("101", "1", buyer_is_maker=False)
    summed = {"data": {**single["data"], "e": "aggTrade"}}
    market = Market(Desk(), recorded(tmp_path, BOOK, summed, single))
    market.play()
    assert market.printed() == [("101", "1")]


def test_a_client_in_the_way_of_the_book_is_filled_at_its_price(tmp_path: Path) -> None:
    desk = Desk("anna")
    market = Market(desk, recorded(tmp_path, BOOK, update(11, 11, asks=[["99.5", "5"]])))
    market.play(1)
    bid = desk.limit("anna", BUY, "2", "100")
    market.play()
    assert (desk.read(bid).ord_status, desk.read(bid).avg_px) == (OrdStatus.FILLED, D(100))


def test_a_client_behind_a_recorded_level_waits_for_its_turn(tmp_path: Path) -> None:
    desk = Desk("anna")
    frames = [trade("99", "2", buyer_is_maker=True), trade("99", "1", buyer_is_maker=True)]
    market = Market(desk, recorded(tmp_path, BOOK, *frames))
    market.play(1)
    bid = desk.limit("anna", BUY, "1", "99")
    market.play(1)
    assert desk.read(bid).cum_qty == 0
    market.play()
    assert desk.read(bid).ord_status is OrdStatus.FILLED


def test_what_a_client_took_is_there_again_with_the_next_frame(tmp_path: Path) -> None:
    desk = Desk("anna")
    market = Market(desk, recorded(tmp_path, BOOK, update(11, 11, bids=[["97", "1"]])))
    market.play(1)
    desk.market("anna", BUY, "1")
    assert market.book()[1] == [("101", "2")]
    market.play()
    assert market.book()[1] == [("101", "3")]


def test_frames_out_of_sequence_crossed_and_unreadable_are_skipped_and_said(
    tmp_path: Path,
) -> None:
    file = recorded(
        tmp_path,
        "wss://stream.binance.com/stream?streams=btcusdt@depth",
        BOOK,
        update(11, 11, asks=[["101", "2"]]),
        update(11, 11, asks=[["101", "9"]]),
        "1723161257000000000 {not a frame",
        "1723161257000000000 " + json.dumps(update(12, 12, bids=[["98", "-1"]])),
        update(14, 14, bids=[["99", "8"]]),
        {**BOOK, "lastUpdateId": 14},
        update(15, 15, bids=[["101", "1"]]),
        trade("101", "1", buyer_is_maker=False),
    )
    market = Market(Desk(), file, unreadable=lambda: file.unreadable)
    market.play(3)
    assert market.book() == ([("99", "2"), ("98", "1")], [("101", "2")])
    market.play(1)
    assert market.book() == ([], [])
    market.play(1)
    assert market.book()[1] == [("101", "3")]
    market.play()
    assert market.book() == ([], [])
    assert market.flow.said() == (
        "BTC-USDT: 3 frames of the book and 0 trades played; "
        "skipped: 2 out of sequence, 1 crossed, 2 unreadable, 1 without a book"
    )


def test_a_recording_that_is_cut_short_is_played_to_where_it_ends(tmp_path: Path) -> None:
    file = recorded(tmp_path, BOOK, *[update(n, n, bids=[["97", str(n)]]) for n in range(11, 500)])
    file.path.write_bytes(file.path.read_bytes()[:-50])
    assert file.symbols() == {"BTCUSDT"}
    assert 0 < len(list(file)) < 490
    assert file.unreadable == 1


def test_nothing_happens_in_a_halt_and_the_book_is_there_afterwards(tmp_path: Path) -> None:
    frames = [trade("101", "1", buyer_is_maker=False), update(11, 11, bids=[["97", "1"]])]
    desk = Desk()
    market = Market(desk, recorded(tmp_path, BOOK, *frames))
    desk.exchange.set_status(BTC, Status.HALT, now=START)
    market.play(2)
    assert (market.book(), market.printed()) == (([], []), [])
    desk.exchange.set_status(BTC, Status.TRADING, now=START)
    market.play()
    assert market.book() == ([("99", "2"), ("98", "1"), ("97", "1")], [("101", "3")])


def test_snapshots_and_frames_of_another_recorder_are_read(tmp_path: Path) -> None:
    path = tmp_path / "BINANCE.0"
    path.write_text(
        "https://api/v3/depth?symbol=BTCUSDT&limit=9 -> 1633998512.5: " + json.dumps(BOOK) + "\n"
        "wss://stream <-> 1633998512.1\n"
        "1633998513.25: " + json.dumps(trade("99", "1", buyer_is_maker=True)) + "\n"
    )
    first, second = opened(str(path))
    assert (first.symbol, isinstance(first.content, DepthSnapshot)) == ("BTCUSDT", True)
    assert second.content == RecordedTrade(SELL, D(99), D(1), "trade")
    assert second.at - first.at == timedelta(seconds=0.75)


def test_a_file_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(BadInput, match="holds no order-book frames"):
        opened(str(path)).symbols()
    with pytest.raises(BadInput, match="no such file"):
        opened(str(tmp_path / "none"))


def _shared(name: str) -> FrameFile:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return opened(str(path))


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_a_real_capture_is_followed_without_a_gap(symbol: str) -> None:
    file = _shared(f"binance_spot_{symbol}_ws_20240808.gz")
    book, heard = LocalBook(), []
    for frame in file:
        if isinstance(frame.content, DepthSnapshot):
            heard.append(book.begin(frame.content))
        elif not isinstance(frame.content, RecordedTrade):
            heard.append(book.hear(frame.content))
    assert file.unreadable == 0
    assert len(heard) > 3_000
    assert {str(each) for each in heard} <= {"APPLIED", "WAITS", "OLD"}
    (bid, _), (ask, _) = book.bids(1)[0], book.asks(1)[0]
    assert ask - bid == D("0.01")


def test_captures_of_books_and_changes_of_one_recorder_fit_together() -> None:
    books = {each.symbol: each for each in _shared("cryptofeed_capture/BINANCE.http.0.0.gz")}
    assert sorted(books) == ["BLZETH", "LRCBTC", "NKNUSDT", "RUNEEUR"]
    for symbol, first in books.items():
        book = LocalBook()
        assert isinstance(first.content, DepthSnapshot)
        assert book.begin(first.content) == "APPLIED"
        changes = (
            each.content
            for each in _shared("cryptofeed_capture/BINANCE.ws.1.0.gz")
            if each.symbol == symbol and not isinstance(each.content, RecordedTrade)
        )
        heard = {book.hear(each) for each in changes if not isinstance(each, DepthSnapshot)}
        assert {str(each) for each in heard} <= {"APPLIED", "OLD"}


def test_a_real_capture_is_the_market_of_the_exchange() -> None:
    file = _shared("binance_spot_btcusdt_ws_20240808.gz")
    frames = list(islice(file, 1_500))
    rules = listing(lot=D("0.00001"), min_qty=D("0.00001"), min_notional=D(5))
    market = Market(Desk(listing=rules), frames)
    market.play()
    bids, asks = market.book()
    assert (len(bids), len(asks)) == (20, 20)
    assert D(asks[0][0]) - D(bids[0][0]) == D("0.01")
    told = [each.content for each in frames if isinstance(each.content, RecordedTrade)]
    printed = market.printed()
    assert len(printed) > 100
    assert {D(px) for px, _ in printed} <= {each.px for each in told}
    # What is missing was traded before the first snapshot, or is still owed.
    assert 0 <= sum(each.qty for each in told) - sum(D(qty) for _, qty in printed) < D("0.1")
    assert "skipped: 0 out of sequence, 0 crossed" in market.flow.said()
