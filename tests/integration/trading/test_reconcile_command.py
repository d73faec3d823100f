"""Reconciling by hand says what matched, what was settled and which breaks are open."""

import json
from decimal import Decimal as D
from pathlib import Path

import pytest
from django.core.management import call_command

from aitrader.kernel.errors import BadInput
from tests.factories import road as roads
from tests.factories.road import Road
from trading.gateways.sim import books
from trading.models import ReconBreak

pytestmark = pytest.mark.usefixtures("fresh_database")


def _traded() -> Road:
    road = Road(exits={"stop_loss_pct": "1", "take_profit_pct": "2"})
    road.move(101)
    road.hold()
    books.deposit(road.desk.account.code, "USDT", D(100_000))
    return road


def test_equal_books_match_and_nothing_is_adjusted(tmp_path: Path) -> None:
    _traded()
    out = tmp_path / "out.json"
    call_command("reconcile", account="PAPER-1", json=str(out))
    # Stop and target, BTC and USDT.
    assert json.loads(out.read_text()) == {
        "account": "PAPER-1", "matched": 4, "adjusted": 0, "breaks": 0,
    }  # fmt: skip


def test_money_that_came_from_elsewhere_is_a_break_until_it_is_gone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    road = _traded()
    account = road.desk.account.code
    with books.writing(account):
        books.move(account, {"BTC": D("0.5")})
    with pytest.raises(SystemExit):
        call_command("reconcile", account=account, json=None)
    told = capsys.readouterr().out
    assert "BALANCE BTC" in told
    assert ReconBreak.objects.get().kind == "BALANCE"
    with books.writing(account):
        books.move(account, {"BTC": D("-0.5")})
    call_command("reconcile", account=account, json=None)
    assert ReconBreak.objects.get().closed_at is not None


def test_an_account_that_is_not_there_is_one_line() -> None:
    roads.Road()
    with pytest.raises(BadInput, match="no account NOPE"):
        call_command("reconcile", account="NOPE", json=None)
