"""The sandbox as a process of its own."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from aitrader.kernel.errors import BadInput
from tests.contract.sandbox.conftest import Start
from tests.contract.sandbox.desk import Desk

ROOT = Path(__file__).parents[3]
_CANDLES = "open_time,open,high,low,close,volume\n1733007600000,96466.1,96495.5,96440,96440,6.6\n"

_FRAMES = (
    (
        '1723161254000000000 {"stream":"btcusdt@depth","data":{"e":"depthUpdate","s":"BTCUSDT",'
        '"U":8,"u":11,"b":[["96466.10","1.5"]],"a":[]}}'
    ),
    '1723161254000000100 {"lastUpdateId":9,"bids":[["96466.10","1"]],"asks":[["96466.20","2"]]}',
    "1723161254000000200 {",
    (
        '1723161254000000300 {"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT",'
        '"p":"96466.20","q":"0.5","m":false}}'
    ),
    (
        '1723161254000000400 {"stream":"btcusdt@depth","data":{"e":"depthUpdate","s":"BTCUSDT",'
        '"U":12,"u":12,"b":[],"a":[["96466.30","0"]]}}'
    ),
)


def _start(*arguments: str) -> "subprocess.Popen[str]":
    # Without a database of any kind: its address would be refused.
    return subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _get(address: str) -> object:
    with urllib.request.urlopen(address, timeout=5) as got:
        return json.load(got)


def test_it_says_where_it_is_trades_the_replay_and_stops_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "btcusdt_1m.csv"
    file.write_text(_CANDLES)
    process = _start("--replay", str(file), "--accounts", "2", "--seed", "3")
    try:
        assert process.stdout is not None
        word, _, told = process.stdout.readline().partition(" ")
        assert word == "ready"
        binance = json.loads(told)["binance"]
        assert {"rest", "ws", "ws_api", "api_key", "api_secret"} <= set(binance)
        assert len(binance["accounts"]) == 2
        ticker = _get(f"{binance['rest']}/api/v3/ticker/price?symbol=BTCUSDT")
        assert ticker == {"symbol": "BTCUSDT", "price": "96466.10000000"}
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=10)
        assert (process.returncode, complaints) == (0, "")
    finally:
        process.kill()
        process.communicate()


def test_it_writes_what_a_desk_needs_to_trade_there(tmp_path: Path) -> None:
    process = _start("--env", str(tmp_path / "there"), "--hold", "USDT=5", "USD=5", "TRY=5")
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline().partition(" ")[2])
    finally:
        process.kill()
        process.communicate()
    lines = (tmp_path / "there" / "sandbox.env").read_text().splitlines()
    given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert given["AITRADER_BINANCE_REST_URL"] == f"{told['binance']['rest']}/api"
    assert given["AITRADER_COINBASE_WS_USER_URL"] == told["coinbase"]["ws_user_plain"]
    for venue in told:
        key = Path(given[f"AITRADER_{venue.upper()}_CREDENTIALS"].removeprefix("file:"))
        assert key.stat().st_mode & 0o077 == 0
        assert json.loads(key.read_text())["api_key"] == told[venue]["api_key"]


def test_it_trades_recorded_frames_and_says_at_the_end_what_was_skipped(tmp_path: Path) -> None:
    file = tmp_path / "capture.gz"
    file.write_bytes(gzip.compress("\n".join(_FRAMES).encode()))
    process = _start("--replay", str(file))
    try:
        assert process.stdout is not None
        binance = json.loads(process.stdout.readline().partition(" ")[2])["binance"]
        depth = _get(f"{binance['rest']}/api/v3/depth?symbol=BTCUSDT")
        assert isinstance(depth, dict)
        assert depth["bids"] == [["96466.10000000", "1.50000000"]]
        assert depth["asks"] == [["96466.20000000", "2.00000000"]]
        (trade,) = cast(
            "list[dict[str, str]]", _get(f"{binance['rest']}/api/v3/trades?symbol=BTCUSDT")
        )
        assert (trade["price"], trade["qty"]) == ("96466.20000000", "0.50000000")
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=10)
        assert (process.returncode, complaints) == (0, "")
        assert "BTCUSDT: 2 frames of the book and 1 trades played" in said
        assert "1 unreadable" in said
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"plan": "drop_evnt=1"}, "did you mean drop_event?"),
        ({"venues": ("mtgox",)}, "venues are binance"),
        ({"replay": ("nowhere.csv",), "market": True}, "nowhere.csv: no such file"),
        ({"replay": ("nowhere.gz",), "market": True}, "nowhere.gz: no such file"),
    ],
)
async def test_a_wrong_option_says_what_is_wrong(
    start: Start, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadInput) as refused:
        await start(**options)
    assert complaint in str(refused.value)


async def _whole_frame(desk: Desk, symbol: str) -> tuple[list[list[str]], list[list[str]]]:
    """Twenty levels a side as recorded; what trades between two frames takes levels away."""
    async with asyncio.timeout(20):
        while True:
            told = (await desk.send("GET", f"depth?symbol={symbol}&limit=100")).body
            bids, asks = told["bids"], told["asks"]
            assert max(len(bids), len(asks)) <= 20
            if (len(bids), len(asks)) == (20, 20):
                return bids, asks
            await asyncio.sleep(0.02)


async def test_clients_see_the_spread_and_depth_of_real_captures(start: Start) -> None:
    streams = ROOT.parent / "shared/data/streams"
    files = [streams / f"binance_spot_{each}_ws_20240808.gz" for each in ("btcusdt", "ethusdt")]
    for file in files:
        if not file.is_file():
            pytest.skip(f"{file.name} is not at hand")
    desk = await start(market=True, replay=tuple(map(str, files)), venues=("binance",))
    for symbol, least, most in (("BTCUSDT", 60_000, 63_000), ("ETHUSDT", 2_600, 2_750)):
        bids, asks = await _whole_frame(desk, symbol)
        spread = Decimal(asks[0][0]) - Decimal(bids[0][0])
        assert Decimal("0.01") <= spread < 1
        assert least < Decimal(bids[0][0]) < most
    bought = await desk.order(type="MARKET", timeInForce=None, price=None, quantity="0.001")
    assert bought.body["status"] == "FILLED"
