"""What each role may press, what it does, and that it happens once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.domain.roles import ROLES_THAT_MAY, Action, Role
from compliance.models import JournalEntry, Operator
from dashboard.permits import ACTIONS
from risk.models import TradingStateRow
from tests.factories import desk as factory
from trading.models import CancelRequest, Strategy

KEY = "k" * 24


def _address(button: str, desk: factory.Desk) -> str:
    return {
        "halt": "/halt",
        "release": "/release",
        "strategies": f"/strategies/{desk.strategy.pk}",
        "cancel": f"/orders/{desk.unknown.public_id}/cancel",
        "acknowledge": f"/alerts/{desk.alert.pk}/acknowledge",
    }[button]


def _count(event: str) -> int:
    return JournalEntry.objects.filter(event=event).count()


BUTTONS = [button for button in ACTIONS if button != "limits"]
GRID = [
    (role, button, role in ROLES_THAT_MAY[ACTIONS[button]]) for role in Role for button in BUTTONS
]


def test_every_action_of_the_desk_has_a_button_or_a_reason() -> None:
    elsewhere = {
        Action.CONFIGURE_STRATEGY, Action.VIEW_JOURNAL, Action.MANAGE_OPERATORS,
        Action.ENTER_ADMIN, Action.VIEW_DESK, Action.SUBMIT_ORDER, Action.HANDLE_BREAK,
    }  # fmt: skip
    assert set(ACTIONS.values()) | elsewhere == set(Action)


@pytest.mark.parametrize(("role", "button", "allowed"), GRID)
def test_a_role_may_press_what_the_table_says(
    desk: factory.Desk, installed: None, role: Role, button: str, allowed: bool
) -> None:
    user = factory.operator("someone", role)
    client = factory.verified(user)
    answer = client.post(
        _address(button, desk),
        {"key": KEY, "reason": "because", "enable": "0", "code": factory.code(user)},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == (204 if allowed else 403), answer.content


@pytest.mark.parametrize("button", BUTTONS)
def test_a_get_does_nothing_and_is_refused_on_a_page_of_the_desk(
    desk: factory.Desk, browser: Client, button: str
) -> None:
    answer = browser.get(_address(button, desk))
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    body = answer.content.decode()
    assert "This address does not take GET; it takes POST. Nothing was done." in body
    assert 'data-open="halt-dialog"' in body
    assert not TradingStateRow.objects.exists()


@pytest.mark.parametrize(
    "path", ["/strategies/999999", "/strategies/99999999999999999999999", "/orders/NOTHING/cancel"]
)
def test_a_command_on_what_does_not_exist_is_not_found(
    desk: factory.Desk, browser: Client, path: str
) -> None:
    assert _post(browser, path, reason="because", enable="1").status_code == 404


@pytest.mark.parametrize("button", BUTTONS)
def test_a_post_without_a_token_does_nothing(
    desk: factory.Desk, everyone: Operator, button: str
) -> None:
    client = factory.verified(everyone, enforce_csrf_checks=True)
    assert client.post(_address(button, desk), {"key": KEY, "reason": "x"}).status_code == 403
    assert not TradingStateRow.objects.exists()


def _post(client: Client, path: str, **values: str) -> Any:
    return client.post(path, {"key": KEY, **values}, headers={"HX-Request": "true"})


def test_halting_twice_halts_once(desk: factory.Desk, browser: Client) -> None:
    first = _post(browser, "/halt", reason="test")
    second = _post(browser, "/halt", reason="test")
    assert first["HX-Trigger"] == second["HX-Trigger"]
    assert "live:state" in first["HX-Trigger"]
    assert _count("trading.halted") == 1
    body = browser.get("/d/state").content.decode()
    assert re.search(r"■ HALTED by first <time[^>]*>\d\d:\d\d</time>", body)
    assert "— test" in body
    assert "release-dialog" in body
    assert 'data-open="halt-dialog"' not in body


def test_a_key_belongs_to_one_command(desk: factory.Desk, browser: Client) -> None:
    _post(browser, "/halt", reason="one")
    answer = _post(browser, "/halt", reason="another")
    assert answer.status_code == 409
    assert _post(browser, "/halt", key="short", reason="x").status_code == 409


def test_the_halt_says_in_the_admin_who_and_when(desk: factory.Desk, browser: Client) -> None:
    _post(browser, "/halt", reason="fat finger")
    body = browser.get("/admin/").content.decode()
    shown = re.search(r"■ HALTED by first\s+(<time.*?</time>) — fat finger", body)
    assert shown is not None


def test_the_dialog_names_what_a_halt_does_not_do(desk: factory.Desk, browser: Client) -> None:
    body = browser.get("/").content.decode()
    assert "Not done: resting orders are kept" in body
    assert "Not done: positions are kept" in body


def test_a_halt_needs_a_reason(desk: factory.Desk, browser: Client) -> None:
    assert _post(browser, "/halt", reason="  ").status_code == 409
    assert not TradingStateRow.objects.exists()


def test_release_asks_a_fresh_code(desk: factory.Desk, browser: Client, everyone: Operator) -> None:
    _post(browser, "/halt", reason="test")
    answer = _post(browser, "/release", key="r" * 24, reason="safe", scope="GLOBAL")
    assert answer.status_code == 403
    assert TradingStateRow.objects.get().state == "HALTED"
    answer = _post(
        browser, "/release", key="r" * 24, reason="safe", scope="GLOBAL",
        code=factory.code(everyone),
    )  # fmt: skip
    assert answer.status_code == 204, answer.content
    assert TradingStateRow.objects.get().state == "ACTIVE"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"reason": "  "}, 409),
        ({"reason": "safe", "scope": "GALAXY"}, 404),
        ({"reason": "safe", "scope": "ACCOUNT"}, 409),
        ({"reason": "safe", "scope_code": "PAPER-1"}, 409),
        ({"reason": "safe", "key": "short"}, 409),
    ],
)
def test_a_release_that_cannot_be_done_spends_no_code(
    desk: factory.Desk, browser: Client, everyone: Operator, values: dict[str, str], status: int
) -> None:
    _post(browser, "/halt", reason="test")
    code = factory.code(everyone)
    good = {"key": "r" * 24, "reason": "safe", "scope": "GLOBAL", "scope_code": "", "code": code}
    assert _post(browser, "/release", **{**good, **values}).status_code == status
    assert TradingStateRow.objects.get().state == "HALTED"
    assert _post(browser, "/release", **good).status_code == 204


def test_a_wrong_release_code_counts(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    _post(browser, "/halt", reason="test")
    wrong = f"{(int(factory.code(everyone)) + 1) % 1_000_000:06d}"
    values = {"key": "r" * 24, "reason": "safe", "scope": "GLOBAL", "code": wrong}
    assert _post(browser, "/release", **values).status_code == 403
    assert TOTPDevice.objects.get(user=everyone).throttling_failure_count == 1


def test_a_code_releases_one_thing(desk: factory.Desk, browser: Client, everyone: Operator) -> None:
    _post(browser, "/halt", reason="test")
    code = factory.code(everyone)
    assert _post(browser, "/release", key="r" * 24, reason="safe", code=code).status_code == 204
    _post(browser, "/halt", key="h" * 24, reason="again")
    assert _post(browser, "/release", key="s" * 24, reason="safe", code=code).status_code == 403
    assert TradingStateRow.objects.get().state == "HALTED"


def test_a_strategy_is_switched_off_and_on(desk: factory.Desk, browser: Client) -> None:
    path = f"/strategies/{desk.strategy.pk}"
    _post(browser, path, reason="quiet", enable="0")
    assert not Strategy.objects.get().enabled
    _post(browser, path, key="o" * 24, reason="go", enable="1")
    assert Strategy.objects.get().enabled
    assert (_count("strategy.disabled"), _count("strategy.enabled")) == (1, 1)


def test_a_cancel_is_asked_for_once(desk: factory.Desk, browser: Client) -> None:
    path = f"/orders/{desk.unknown.public_id}/cancel"
    _post(browser, path, reason="stop it")
    _post(browser, path, reason="stop it")
    assert CancelRequest.objects.count() == 1
    assert "PENDING_CANCEL" in browser.get("/d/orders").content.decode()


def test_an_alert_is_acknowledged_in_one_click(desk: factory.Desk, browser: Client) -> None:
    _post(browser, f"/alerts/{desk.alert.pk}/acknowledge")
    assert "Gap of 3 bars" not in browser.get("/d/alerts").content.decode()
    assert _count("alert.acknowledged") == 1


def test_without_scripts_a_form_still_works(desk: factory.Desk, browser: Client) -> None:
    answer = browser.post("/halt", {"key": KEY, "reason": "test"}, follow=True)
    assert "Trading is halted" in answer.content.decode()


def test_who_may_not_sees_a_disabled_button_with_the_reason(
    desk: factory.Desk, as_role: Callable[[Role], Client]
) -> None:
    body = as_role(Role.COMPLIANCE).get("/").content.decode()
    assert "Your role may not do this; trader may." in body
    assert "strategy-dialog" not in body
