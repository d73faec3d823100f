"""A run gives the same answer on the embedded database and on a server."""

from pathlib import Path

import pytest

from tests.simulation import paper_process
from tests.simulation.markets import PERP, SPOT, Market

pytestmark = pytest.mark.services

_EMBEDDED = {"DATABASE_URL": "", "DATABASE_OWNER_URL": "", "REDIS_URL": ""}


@pytest.mark.parametrize("market", [SPOT, PERP], ids=lambda market: market.name)
def test_the_embedded_database_and_a_server_give_the_same_digest(
    market: Market, tmp_path: Path
) -> None:
    arguments = market.arguments(tmp_path)
    found = [
        paper_process.run(*arguments, out=tmp_path / name, variables=variables)
        for name, variables in (("embedded", _EMBEDDED), ("server", None))
    ]
    assert [each.returncode for each in found] == [0, 0], found
    assert found[0].told == found[1].told
