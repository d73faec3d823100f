"""A feed in waiting takes over when the one that drives is killed: bars without a gap, the user
stream subscribed anew."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from aitrader.kernel.clock import WALL
from tests.integration.trading.at_venue import exchange, variables
from tests.services.processes import Desk, kill
from tests.services.test_failover import TAKE_OVER

pytestmark = pytest.mark.services

FEED = (
    *("manage.py", "feed", "--source", "binance", "--orders", "venue"),
    *("--symbol", "BTCUSDT", "--interval", "1s", "--history", "5"),
)
OPEN_TIMES = "SELECT open_time FROM trading_bar ORDER BY open_time"
LINES_UP = "SELECT count(*) FROM compliance_journalentry WHERE event = 'stream.up'"


def test_a_standby_takes_over_from_a_feed_that_was_killed(
    fresh_database: str, broker: "redis.Redis", tmp_path: Path
) -> None:
    with exchange(tmp_path, market=True) as (_, there):
        desk = Desk(fresh_database, broker, tmp_path, variables(there))
        try:
            desk.worker()
            desk.beat()
            driving = desk.start(*FEED)
            desk.until(lambda: desk.ask(LINES_UP)[0][0] == 1, "no user stream")
            standby = desk.start(*FEED, "--standby")
            desk.until(lambda: desk.said(standby).startswith("standby: "), "it does not wait")
            recorded = desk.count("trading_bar")
            desk.until(lambda: desk.count("trading_bar") > recorded, "no bars")
            killed_at = WALL.now()
            kill(driving)
            recorded = desk.count("trading_bar")
            desk.until(lambda: desk.count("trading_bar") > recorded + 1, "nobody took over")
            # The claim of a feed ends with its process.
            assert WALL.now() - killed_at < TAKE_OVER
            desk.until(lambda: desk.ask(LINES_UP)[0][0] == 2, "no user stream of the standby")
            assert standby.poll() is None
            times = [at for (at,) in desk.ask(OPEN_TIMES)]
            steps = {after - before for before, after in itertools.pairwise(times)}
            assert steps == {timedelta(seconds=1)}
        finally:
            for process in desk.processes:
                kill(process)
