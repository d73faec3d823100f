"""Seeds of the simulation in PostgreSQL and in memory, held against each other."""

import pytest

from aitrader.management.commands import simulate
from tests.simulation.test_exchange_faults import _in_rows


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize(("venue", "seed"), [("binance", 4), ("btcturk", 5), ("coinbase", 84)])
def test_rows_keep_the_same(venue: str, seed: int) -> None:
    assert _in_rows(seed, venue) == simulate.run(seed, venue)
