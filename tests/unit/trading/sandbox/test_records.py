"""Reading the sandbox exchange: paging, bounds, and a read that lags."""

from datetime import timedelta

from aitrader.kernel.fix import OrdStatus
from tests.factories.sandbox import BTC, BUY, SELL, START, D, Desk, listing
from trading.sandbox.accounts import Fees
from trading.sandbox.engine import Exchange
from trading.sandbox.events import Event
from trading.sandbox.orders import Fill
from trading.sandbox.records import KEPT_OF_HOUSE
from trading.sandbox.replica import Replica


def many_trades(count: int) -> Desk:
    """So many trades of Anna, all at one instant."""
    desk = Desk("anna", "boris")
    desk.limit("boris", SELL, "50", "100")
    for _ in range(count):
        desk.limit("anna", BUY, "0.01", "100")
    return desk


def test_pages_of_trades_of_one_millisecond_miss_none() -> None:
    desk = many_trades(1_001)
    found: list[Fill] = []
    start = 1
    while True:
        page = desk.exchange.records.account_trades("anna", BTC, from_id=start, limit=500)
        found += page
        if len(page) < 500:
            break
        start = page[-1].trade_id + 1
    assert [each.trade_id for each in found] == list(range(1, 1_002))
    assert len({each.transact_time for each in found}) == 1


def test_without_a_start_the_newest_come() -> None:
    records = many_trades(5).exchange.records
    assert [each.trade_id for each in records.account_trades("anna", BTC, limit=2)] == [4, 5]
    assert [each.trade_id for each in records.public_trades(BTC, limit=2)] == [4, 5]
    assert [each.trade_id for each in records.public_trades(BTC, from_id=2, limit=2)] == [2, 3]
    assert [each.order_id for each in records.all_orders("anna", limit=2)] == [5, 6]
    assert [each.order_id for each in records.all_orders("anna", from_id=3, limit=2)] == [3, 4]
    assert records.account_trades("anna", "ETH-USDT") == ()
    assert len(records.account_trades("boris", order_id=1)) == 5
    assert records.account_trades("anna", order_id=1) == ()


def test_orders_of_a_time() -> None:
    desk = Desk("anna")
    for second in range(5):
        desk.now = START + timedelta(seconds=second)
        desk.limit("anna", BUY, "1", "90")
    start, end = START + timedelta(seconds=1), START + timedelta(seconds=3)
    found = desk.exchange.records.all_orders("anna", start=start, end=end)
    assert [each.order_id for each in found] == [2, 3, 4]


def test_a_bounded_history_forgets_the_oldest_that_is_closed() -> None:
    desk = Desk("boris")
    desk.exchange.open_account("anna", fees=Fees(), history=2)
    desk.exchange.deposit("anna", "USDT", D(10_000), now=START)
    resting = desk.limit("anna", BUY, "1", "90")
    desk.limit("boris", SELL, "50", "100")
    for _ in range(5):
        desk.limit("anna", BUY, "1", "100")
    records = desk.exchange.records
    assert [each.order_id for each in records.all_orders("anna")] == [resting.order_id, 6, 7]
    assert [each.trade_id for each in records.account_trades("anna")] == [4, 5]
    assert records.order("anna", BTC, order_id=3) is None
    assert records.order("anna", BTC, cl_ord_id="auto-3") is None


def test_a_replica_shows_what_was_told_by_then() -> None:
    replica, log = Replica(), list[Event]()

    def both(event: Event) -> None:
        log.append(event)
        replica(event)

    desk = Desk()
    desk.exchange = Exchange([listing()], both)
    desk.open("anna")
    desk.open("boris")
    placed = desk.limit("anna", BUY, "1", "100", cl_ord_id="a")
    accepted_at = desk.now
    filled_at = desk.later(20)
    desk.limit("boris", SELL, "1", "100")

    early = replica.catch_up(accepted_at - timedelta(milliseconds=1))
    assert early.order("anna", BTC, cl_ord_id="a") is None
    then = replica.catch_up(filled_at - timedelta(seconds=1))
    assert then.order("anna", BTC, cl_ord_id="a") == placed
    assert [each.order_id for each in then.open_orders("anna")] == [placed.order_id]
    assert then.account_trades("anna") == ()
    now = replica.catch_up(filled_at)
    shown = now.order("anna", BTC, order_id=placed.order_id)
    assert shown
    assert shown.ord_status is OrdStatus.FILLED
    assert now.open_orders("anna") == ()
    assert now.balances("anna") == desk.exchange.records.balances("anna")
    # It does not go back.
    assert replica.catch_up(accepted_at).open_orders("anna") == ()


def test_the_past_of_the_house_is_bounded_everywhere() -> None:
    desk, replica = Desk(), Replica()
    desk.exchange = Exchange([listing()], replica)
    desk.open("#crowd")
    desk.open("anna")
    for _ in range(KEPT_OF_HOUSE + 5):
        desk.limit("#crowd", SELL, "0.01", "100")
        desk.limit("anna", BUY, "0.01", "100")
    for records in (desk.exchange.records, replica.catch_up(desk.now)):
        assert len(records.all_orders("#crowd", limit=10_000)) == KEPT_OF_HOUSE
        assert len(records.account_trades("#crowd", limit=10_000)) == KEPT_OF_HOUSE
        assert len(records.all_orders("anna", limit=10_000)) == KEPT_OF_HOUSE + 5
