"""The auditor finds what is planted, and nothing where nothing is wrong."""

import pytest
from django.db import connection

from compliance.services import sequencer
from tests.factories.road import Road
from tests.simulation.conftest import audited

# What is done to the tables, and what must be said about it.
PLANTED = {
    "UPDATE sim_venue_execution SET last_px = last_px + 1 WHERE exec_type = 'TRADE'": (
        "a trade of the venue that is not booked exactly once"
    ),
    "DELETE FROM sim_venue_execution WHERE exec_type = 'TRADE'": (
        "a fill without a trade of the venue"
    ),
    "INSERT INTO sim_venue_execution (account_code, cl_ord_id, exec_id, exec_type, instrument, "
    "cum_qty, last_qty, last_px, fee, fee_asset, liquidity, transact_time, text) "
    "SELECT account_code, cl_ord_id, 'TWICE', exec_type, instrument, cum_qty, last_qty, last_px, "
    "fee, fee_asset, liquidity, transact_time, text FROM sim_venue_execution "
    "WHERE exec_type = 'TRADE' LIMIT 1": "a trade of the venue that is not booked exactly once",
    "UPDATE sim_venue_order SET cl_ord_id = 'STRANGER' WHERE ord_type = 'STOP'": (
        "an order at the venue that the desk does not know"
    ),
    "UPDATE sim_venue_order SET ord_status = 'CANCELED' WHERE ord_status = 'NEW'": (
        "an order that both sides see differently"
    ),
    "UPDATE sim_venue_balance SET amount = amount + 1 WHERE asset = 'USDT'": (
        "a balance that the venue sees differently"
    ),
    "UPDATE trading_balance SET amount = amount + 0.000000000000000001 WHERE asset = 'BTC'": (
        "a balance that is not its postings"
    ),
    "UPDATE trading_position SET quantity = quantity + 1": "make a position of",
    "UPDATE trading_order SET filled_qty = filled_qty + 1 WHERE cum_qty > 0": (
        "an order whose fills do not add up"
    ),
    "UPDATE trading_order SET certainty = 'UNKNOWN' WHERE ord_type = 'STOP'": (
        "an order left in doubt"
    ),
    "UPDATE trading_account SET stream_seq = 0": "a stream that was not read to its end",
    "UPDATE trading_strategycursor SET last_open_time = last_open_time - interval '1 minute'": (
        "a cursor that is not at the newest bar"
    ),
}


@pytest.mark.parametrize("statement", PLANTED, ids=PLANTED.values())
def test_what_is_planted_is_found(statement: str, fresh_database: str) -> None:
    road = Road(exits={"stop_loss_pct": "1"})
    road.move(101)
    road.hold()
    sequencer.catch_up()
    assert audited(fresh_database).findings == []
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0
    findings = audited(fresh_database).findings
    assert any(PLANTED[statement] in finding for finding in findings), findings


def test_what_a_number_differs_by_is_told(fresh_database: str) -> None:
    road = Road()
    road.move(101)
    road.hold()
    before = audited(fresh_database)
    assert before.differences(audited(fresh_database)) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_equitypoint SET equity = equity + 0.5")
    (difference,) = before.differences(audited(fresh_database))
    assert difference.startswith("equity: ")
    assert "100000 and 100000.5" in difference
