"""Every type and time in force that a person can ask for, at the sandbox's Binance."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.integration.trading.at_venue import CODE
from tests.integration.trading.trades_at_venue import trading_at_venue
from trading.models import Order
from trading.services import reconciliation, routing

pytestmark = pytest.mark.usefixtures("fresh_database")

_SELL = "--side SELL --qty 0.01"
_BUY = "--side BUY --qty 0.01"
ASKED = {
    "market": (f"{_BUY} --type MARKET", "FILLED"),
    "limit": (f"{_BUY} --type LIMIT --price 59000", "NEW"),
    "limit that takes": (f"{_BUY} --type LIMIT --price 60000", "FILLED"),
    "post-only": (f"{_BUY} --type LIMIT --price 59000 --post-only", "NEW"),
    "stop": (f"{_SELL} --type STOP --stop-px 59000", "NEW"),
    "stop-limit": (f"{_SELL} --type STOP_LIMIT --stop-px 59000 --price 58900", "NEW"),
    "take-profit": (f"{_SELL} --type MARKET_IF_TOUCHED --stop-px 61000", "NEW"),
    "take-profit limit": (f"{_SELL} --type LIMIT_IF_TOUCHED --price 61000", "NEW"),
    "trailing stop": (f"{_SELL} --type TRAILING_STOP --trailing-bps 200", "NEW"),
    "immediate, nothing there": (f"{_BUY} --type LIMIT --price 59000 --tif IOC", "EXPIRED"),
    "immediate": (f"{_BUY} --type LIMIT --price 60000 --tif IOC", "FILLED"),
    "all": (f"{_BUY} --type LIMIT --price 60000 --tif FOK", "FILLED"),
    "or nothing": (f"{_BUY} --type LIMIT --price 59000 --tif FOK", "EXPIRED"),
    "stop-limit, then at once": (
        f"{_SELL} --type STOP_LIMIT --stop-px 59000 --price 58900 --tif IOC", "NEW",
    ),
    "take-profit limit, then all": (
        f"{_SELL} --type LIMIT_IF_TOUCHED --price 61000 --tif FOK", "NEW",
    ),
    "a buy stop": (f"{_BUY} --type STOP --stop-px 61000", "NEW"),
}  # fmt: skip


def test_each_of_them_is_taken_and_becomes_what_it_should(tmp_path: Path) -> None:
    found = {}
    with trading_at_venue(tmp_path, hold={"USDT": Decimal(1_000_000), "BTC": Decimal(1)}) as there:
        assert there.begin()
        # Of orders that trailing stops wait for, the last trade is the measure.
        there.change("book", instrument="BTCUSDT", side="BUY", price="60000", qty="0.01")
        for name, (words, _) in ASKED.items():
            account = there.desk.account.code
            call_command(
                "order", "submit", "--account", account, "--instrument", CODE, *words.split(),
                "--by", "ada", "--reason", name, "--wait", "0",
            )  # fmt: skip
            routing.send_all(desk=there.desk, gateway=there.gateway, at=there.now())
            order = Order.objects.latest("pk")
            found[name] = f"{order.ord_status} {order.text}".strip()
            if order.ord_status == "NEW":
                _cancel(order)
                routing.cancel_all(desk=there.desk, gateway=there.gateway, at=there.now())
                order.refresh_from_db()
                assert order.ord_status == "CANCELED"
        compared = reconciliation.compare(desk=there.desk, gateway=there.gateway, at=there.now())
        assert compared.agree
    assert found == {name: status for name, (_, status) in ASKED.items()}


def _cancel(order: Order) -> None:
    call_command(
        "order", "cancel", order.public_id, "--by", "ada", "--reason", "test", "--wait", "0"
    )
