"""Two steps to the desk, and what each refuses."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from aitrader.kernel.clock import WALL
from compliance.domain.roles import Role
from compliance.models import JournalEntry, Operator
from compliance.services import access
from dashboard import trail
from tests.factories import desk as factory


def _login(client: Client, user: Operator, password: str = factory.PASSWORD, **more: str) -> Any:
    return client.post(reverse("login"), {"username": user.username, "password": password, **more})


def _events() -> list[str]:
    return list(JournalEntry.objects.order_by("id").values_list("event", flat=True))


def test_password_then_code_opens_the_desk(everyone: Operator) -> None:
    client = Client()
    answer = _login(client, everyone, next="/orders")
    assert answer["Location"] == "/2fa?next=%2Forders"
    key = client.session.session_key
    answer = client.post("/2fa?next=%2Forders", {"code": factory.code(everyone)})
    assert answer["Location"] == "/orders"
    assert client.session.session_key != key
    assert client.get("/").status_code == 200
    assert "operator.logged_in" in _events()


def test_a_wrong_password_is_journalled_without_it(everyone: Operator) -> None:
    assert _login(Client(), everyone, "not the password").status_code == 403
    row = JournalEntry.objects.get(event="operator.login_failed")
    assert b"not the password" not in bytes(row.payload)


def test_five_wrong_passwords_lock_the_name(everyone: Operator) -> None:
    client = Client()
    for _ in range(5):
        _login(client, everyone, "wrong")
    answer = _login(client, everyone)
    assert answer.status_code in {403, 429}
    assert "_auth_user_id" not in client.session


def test_a_lock_is_one_entry_and_what_follows_it_none(everyone: Operator) -> None:
    client = Client()
    for _ in range(20):
        _login(client, everyone, "wrong")
    found = [event for event in _events() if event.startswith("operator.lo")]
    assert found == [*["operator.login_failed"] * 4, "operator.locked"]
    # Another browser of the same address and name is as locked.
    _login(Client(headers={"user-agent": "another"}), everyone, "wrong")
    assert len([event for event in _events() if event.startswith("operator.lo")]) == 5


def test_a_stranger_with_many_names_fills_no_journal(installed: None) -> None:
    client = Client()
    for number in range(trail.MOST_OF_AN_ADDRESS + 20):
        client.post(reverse("login"), {"username": f"name{number}", "password": "wrong"})
    events = _events()
    assert events.count("operator.login_failed") == trail.MOST_OF_AN_ADDRESS - 1
    assert events.count("operator.locked") == 1


def test_only_codes_that_a_device_was_asked_about_are_journalled(
    half_way: Client, everyone: Operator
) -> None:
    right = factory.code(everyone)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for code in ("", "  ", wrong, wrong, wrong, "no device takes this"):
        assert half_way.post("/2fa", {"code": code}).status_code == 403
    assert _events().count("operator.login_failed") == 1


@pytest.mark.parametrize("path", ["/login", "/2fa", "/2fa/enrol"])
def test_each_step_to_the_desk_says_mode_and_source(
    desk: factory.Desk, newcomer: Operator, everyone: Operator, path: str
) -> None:
    client = {
        "/login": Client(),
        "/2fa": factory.password_only(everyone),
        "/2fa/enrol": factory.password_only(newcomer),
    }[path]
    body = client.get(path).content.decode()
    assert "◆ PAPER" in body
    assert "SIMULATED" in body


def test_recovery_codes_are_shown_under_mode_and_source(
    desk: factory.Desk, newcomer: Operator
) -> None:
    body = _enrol(factory.password_only(newcomer), newcomer).decode()
    assert "◆ PAPER" in body
    assert "SIMULATED" in body


def test_without_a_desk_the_door_says_so(installed: None) -> None:
    assert "no feed" in Client().get("/login").content.decode()


def test_a_code_works_once(everyone: Operator) -> None:
    code = factory.code(everyone)
    first, second = factory.password_only(everyone), factory.password_only(everyone)
    assert first.post("/2fa", {"code": code}).status_code == 302
    assert second.post("/2fa", {"code": code}).status_code == 403
    assert second.get("/").status_code == 302


def test_an_empty_code_does_not_count_as_a_failure(half_way: Client, everyone: Operator) -> None:
    for empty in ("", "   "):
        assert half_way.post("/2fa", {"code": empty}).status_code == 403
    assert TOTPDevice.objects.get(user=everyone).throttling_failure_count == 0
    assert half_way.post("/2fa", {"code": factory.code(everyone)}).status_code == 302


def test_a_wrong_code_throttles_the_device(half_way: Client, everyone: Operator) -> None:
    right = factory.code(everyone)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    assert half_way.post("/2fa", {"code": wrong}).status_code == 403
    assert TOTPDevice.objects.get(user=everyone).throttling_failure_count == 1
    assert half_way.post("/2fa", {"code": right}).status_code == 403


@pytest.fixture
def newcomer(installed: None) -> Operator:
    return access.create_operator(
        username="new", password=factory.PASSWORD, roles=[Role.TRADER], now=WALL.now(),
        actor="test",
    ).operator  # fmt: skip


def _enrol(client: Client, user: Operator) -> bytes:
    client.get("/2fa/enrol")
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key)
    totp.time = WALL.now().timestamp()
    return client.post("/2fa/enrol", {"code": f"{totp.token():06d}"}).content


def test_a_newcomer_enrols_and_sees_recovery_codes_once(newcomer: Operator) -> None:
    client = Client()
    assert _login(client, newcomer)["Location"] == "/2fa/enrol"
    assert client.get("/2fa/qr.svg")["Content-Type"] == "image/svg+xml"
    shown = re.findall(r"<li>([0-9a-f]{10})</li>", _enrol(client, newcomer).decode())
    assert len(shown) == 10
    assert client.get("/").status_code == 200
    assert client.get("/2fa/qr.svg").status_code == 404
    assert client.get("/2fa/enrol").status_code == 302

    other = factory.password_only(newcomer)
    assert other.post("/2fa", {"code": shown[0]}).status_code == 302
    assert StaticToken.objects.count() == 9
    again = factory.password_only(newcomer)
    assert again.post("/2fa", {"code": shown[0]}).status_code == 403


def test_an_unconfirmed_device_opens_nothing(newcomer: Operator) -> None:
    client = factory.password_only(newcomer)
    client.get("/2fa/enrol")
    assert client.post("/2fa/enrol", {"code": "000000"}).status_code == 403
    assert client.get("/").status_code == 302
    assert not TOTPDevice.objects.get(user=newcomer).confirmed


def test_who_has_a_device_cannot_enrol_another_with_a_password(half_way: Client) -> None:
    assert half_way.get("/2fa/enrol")["Location"] == "/2fa"
    assert half_way.get("/2fa/qr.svg").status_code == 404


@pytest.mark.parametrize("address", ["/logout", "/admin/logout/"])
def test_logging_out_is_a_post_and_an_entry(browser: Client, address: str) -> None:
    assert browser.get(address).status_code == 405
    assert browser.get("/").status_code == 200
    assert browser.post(address).status_code == 302
    assert browser.get("/").status_code == 302
    assert JournalEntry.objects.filter(event="operator.logged_out").count() == 1


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:1"])
def test_nobody_is_sent_elsewhere(everyone: Operator, target: str) -> None:
    client = Client()
    assert _login(client, everyone, next=target)["Location"] == "/2fa"
    answer = client.post("/2fa", {"code": factory.code(everyone), "next": target})
    assert answer["Location"] == "/"
