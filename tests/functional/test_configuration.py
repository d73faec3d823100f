"""Commands of the back office on strategies and instruments: what they do, refuse and journal."""

from typing import Any

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from compliance.domain.canonical import body_of
from compliance.domain.roles import Role
from compliance.models import JournalEntry
from tests.factories import desk as factory
from trading.models import InstrumentRow, Order, Strategy, StrategyVersion, Trade

SENT = {"_form_submitted": "True", "reason": "because"}
PARAMETERS = {
    "param_fast": "7", "param_slow": "30", "param_stop_loss_pct": "1",
    "param_take_profit_pct": "2", "param_trailing_pct": "0",
    "method": "FIXED_FRACTION", "fraction": "0.1", "target_volatility": "",
}  # fmt: skip


def _strategy(name: str, desk: factory.Desk) -> str:
    return reverse(f"admin:trading_strategy_{name}", args=[desk.strategy.pk])


def _rules(desk: factory.Desk) -> str:
    return reverse("admin:trading_instrumentrow_change_rules", args=[desk.instrument.pk])


def _values(**changed: str) -> dict[str, str]:
    usual = {
        "tick": "0.01", "lot": "0.00001", "min_qty": "0.00001", "min_notional": "5",
        "max_bar_range": "0.5",
    }  # fmt: skip
    return {**SENT, **usual, **changed}


def _journalled(event: str) -> dict[str, Any]:
    entry = JournalEntry.objects.get(event=event)
    assert entry.actor == "operator:first"
    data: dict[str, Any] = orjson.loads(body_of(bytes(entry.payload)))["data"]
    return data


def _close_trades(desk: factory.Desk) -> None:
    Trade.objects.update(closed_at=factory.MARKET)


def test_a_strategy_is_switched(desk: factory.Desk, browser: Client) -> None:
    answer = browser.post(_strategy("disable_strategy", desk), SENT, follow=True)
    assert "The strategy is disabled." in answer.content.decode()
    assert not Strategy.objects.get().enabled
    assert _journalled("strategy.disabled")["reason"] == "because"
    answer = browser.post(_strategy("disable_strategy", desk), SENT, follow=True)
    assert "It was disabled already." in answer.content.decode()
    browser.post(_strategy("enable_strategy", desk), SENT)
    assert Strategy.objects.get().enabled
    assert _journalled("strategy.enabled")["reason"] == "because"


@pytest.mark.parametrize("name", ["enable_strategy", "disable_strategy", "new_version"])
def test_a_command_needs_a_reason(desk: factory.Desk, browser: Client, name: str) -> None:
    before = JournalEntry.objects.count()
    values = {**SENT, **PARAMETERS, "reason": ""}
    answer = browser.post(_strategy(name, desk), values)
    assert "This field is required." in answer.content.decode()
    assert JournalEntry.objects.count() == before


def test_the_dialog_starts_with_the_version_in_force(desk: factory.Desk, browser: Client) -> None:
    shown = browser.get(_strategy("new_version", desk)).content.decode()
    for words in ('name="param_slow"', 'value="20"', "Bars in the slow average.", "2 to 1000."):
        assert words in shown, words
    # The strategy's own fields come first, the reason last.
    assert shown.index("param_fast") < shown.index('name="method"') < shown.index('name="reason"')


def test_other_parameters_are_a_new_version(desk: factory.Desk, browser: Client) -> None:
    _close_trades(desk)
    old = StrategyVersion.objects.get()
    answer = browser.post(_strategy("new_version", desk), {**SENT, **PARAMETERS}, follow=True)
    assert "sma_cross is now at version 2." in answer.content.decode()
    new = StrategyVersion.objects.get(current=True)
    assert (new.number, new.parameters["fast"], new.parameters["slow"]) == (2, "7", "30")
    old.refresh_from_db()
    assert not old.current
    assert old.parameters == {}
    data = _journalled("strategy.configured")
    assert data["version"] == 2
    assert data["reason"] == "because"
    assert data["before"]["parameters"] == {}
    again = browser.post(_strategy("new_version", desk), {**SENT, **PARAMETERS}, follow=True)
    assert "has these parameters already" in again.content.decode()
    assert StrategyVersion.objects.count() == 2


def test_an_open_trade_keeps_its_version(desk: factory.Desk, browser: Client) -> None:
    answer = browser.post(_strategy("new_version", desk), {**SENT, **PARAMETERS}, follow=True)
    assert "sma_cross has 1 open trade" in answer.content.decode()
    assert StrategyVersion.objects.count() == 1
    assert not JournalEntry.objects.filter(event="strategy.configured").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("param_fast", "0", "fast=0 is outside 1 to 500"),
        ("param_fast", "1.5", "fast=1.5 is not a whole number"),
        ("param_fast", "abc", "fast=&#x27;abc&#x27; is not a number"),
        ("param_fast", "40", "fast=40 must be less than slow=30"),
        ("param_trailing_pct", "NaN", "is not a number"),
        ("fraction", "-1", "sizing fraction -1 must be positive"),
        ("fraction", "11", "fraction 11 is above 10 times equity"),
        ("fraction", "x", "is not a decimal number"),
        ("method", "VOLATILITY_TARGET", "target volatility: &#x27;&#x27; is not a decimal number"),
        ("method", "MARTINGALE", "Select a valid choice"),
    ],
)
def test_bad_parameters_are_one_line_in_the_dialog(
    desk: factory.Desk, browser: Client, field: str, value: str, words: str
) -> None:
    _close_trades(desk)
    answer = browser.post(_strategy("new_version", desk), {**SENT, **PARAMETERS, field: value})
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="dialog"' in shown
    assert words in shown
    assert StrategyVersion.objects.count() == 1


def test_rules_of_an_instrument_are_changed(desk: factory.Desk, browser: Client) -> None:
    values = _values(max_bar_range="0.2", min_notional="10")
    answer = browser.post(_rules(desk), values, follow=True)
    assert "are changed" in answer.content.decode()
    row = InstrumentRow.objects.get()
    assert (str(row.max_bar_range)[:3], int(row.min_notional)) == ("0.2", 10)
    data = _journalled("instrument.changed")
    assert data["before"] == {"max_bar_range": "0.5", "min_notional": "5"}
    assert data["after"] == {"max_bar_range": "0.2", "min_notional": "10"}
    browser.post(_rules(desk), values)
    assert JournalEntry.objects.filter(event="instrument.changed").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("max_bar_range", "0", "max_bar_range 0 must be above 0"),
        ("max_bar_range", "2", "max_bar_range 2 is above 1"),
        ("min_notional", "-5", "min_notional -5 must be at least 0"),
        ("min_qty", "Infinity", "is not finite"),
        ("min_qty", "1e40", "min_qty is above"),
        ("tick", "x", "is not a decimal number"),
    ],
)
def test_bad_rules_are_one_line_in_the_dialog(
    desk: factory.Desk, browser: Client, field: str, value: str, words: str
) -> None:
    answer = browser.post(_rules(desk), _values(**{field: value}))
    assert words in answer.content.decode()
    assert not JournalEntry.objects.filter(event="instrument.changed").exists()


def test_tick_and_lot_stay_once_there_are_orders(desk: factory.Desk, browser: Client) -> None:
    answer = browser.post(_rules(desk), _values(tick="0.1"), follow=True)
    assert "SIM:BTC-USDT has orders: its tick stays 0.01" in answer.content.decode()
    assert not JournalEntry.objects.filter(event="instrument.changed").exists()
    Order.objects.update(instrument=_another(desk))
    browser.post(_rules(desk), _values(tick="0.1"))
    assert str(InstrumentRow.objects.get(pk=desk.instrument.pk).tick)[:3] == "0.1"


def _another(desk: factory.Desk) -> InstrumentRow:
    row = InstrumentRow.objects.get(pk=desk.instrument.pk)
    row.pk, row.code = None, "SIM:ETH-USDT"
    row.save()
    return row


@pytest.mark.parametrize("role", [Role.RISK, Role.COMPLIANCE])
def test_who_may_not_changes_nothing(desk: factory.Desk, role: Role) -> None:
    client = factory.verified(factory.operator("someone", role))
    before = JournalEntry.objects.count()
    assert client.post(_rules(desk), _values(max_bar_range="0.2")).status_code == 403
    for name in ("enable_strategy", "disable_strategy", "new_version"):
        answer = client.post(_strategy(name, desk), {**SENT, **PARAMETERS})
        assert answer.status_code == 403, name
    assert JournalEntry.objects.count() == before


def test_a_dialog_on_what_does_not_exist_is_not_found(desk: factory.Desk, browser: Client) -> None:
    for name in ("enable_strategy", "disable_strategy"):
        path = reverse(f"admin:trading_strategy_{name}", args=[999_999])
        assert browser.post(path, SENT).status_code == 404, name


def test_accounts_say_why_they_are_only_looked_at(desk: factory.Desk, browser: Client) -> None:
    for path in ("", f"{desk.account.pk}/change/"):
        shown = browser.get(f"/admin/trading/account/{path}").content.decode()
        assert "are only looked at" in shown
