"""A desk that begins on an account with many orders is green soon, over the wire."""

from argparse import Namespace

import pytest

from benchmarks import cold_start

_MOST_SECONDS = 30


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_five_hundred_orders_and_fifty_in_doubt_are_reconciled_within_half_a_minute(
    fresh_database: str,
) -> None:
    given = Namespace(open=500, unknown=50, moved=0, latency=50)
    found = cold_start.measure(fresh_database, given)
    assert found["green"]
    assert found["seconds"] <= _MOST_SECONDS
    states = {"NEW CERTAIN": 540, "FILLED CERTAIN": 5, "PENDING_NEW UNKNOWN": 5}
    assert found["orders"] == states
