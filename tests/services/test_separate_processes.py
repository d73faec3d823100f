"""Feed, worker and schedule as processes of their own: killed, emptied and still exact."""

import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from tests.services.processes import Desk, kill
from tests.simulation import auditor

pytestmark = pytest.mark.services

BARS = 100
_SECONDS = 60.0


def test_a_market_is_traded_to_its_end_whatever_is_killed(
    desk: Desk, broker: "redis.Redis"
) -> None:
    worker = desk.worker()
    desk.beat()
    market = ("--speed", "max", "--bars", str(BARS), "--symbol", "BTCUSDT", "--history", "0")
    feed = desk.start("manage.py", "feed", *market)
    desk.until(lambda: desk.count("trading_fill") >= 1, "no fill")
    kill(worker)
    traded = desk.count("trading_fill")
    other = desk.start("manage.py", "feed", "--symbol", "ETHUSDT")
    desk.worker()
    desk.until(lambda: desk.count("trading_fill") > traded, "no fill after the kill")
    assert other.wait(_SECONDS) == 1
    assert desk.said(other).startswith("aitrader: another desk runs on this database: ")
    broker.flushdb()
    desk.until(lambda: feed.poll() is not None, "the feed does not end")
    assert feed.returncode == 0, desk.logs()
    given = conninfo_to_dict(desk.owner)
    found: list[str] = ["not looked yet"]

    def sound() -> bool:
        found[:] = auditor.audit(given).findings
        return not found

    # What the last bar caused may still be on its way, by the sweep if by nothing else.
    desk.until(sound, "never sound")
    assert desk.count("trading_bar") == BARS
    assert desk.count("compliance_journalleaf") == desk.count("compliance_journalentry")
