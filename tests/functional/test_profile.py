"""What an operator sees and chooses about themselves."""

import re

from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from compliance.models import Operator
from tests.factories import desk as factory


def _text(answer: object) -> str:
    body = answer.content.decode()  # type: ignore[attr-defined]  # a test client's answer
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_it_counts_devices_and_recovery_codes(browser: Client, everyone: Operator) -> None:
    text = _text(browser.get("/me"))
    assert "Sign-in devices 1 authenticator " in text
    assert "Recovery codes left 0 !" in text
    assert "admin, risk, trader" in text
    device = StaticDevice.objects.create(user=everyone, name="recovery codes", confirmed=True)
    StaticToken.objects.bulk_create(StaticToken(device=device, token=str(n)) for n in range(4))
    other = factory.operator("other")
    theirs = StaticDevice.objects.create(user=other, name="recovery codes", confirmed=True)
    StaticToken.objects.create(device=theirs, token="theirs")
    assert "Recovery codes left 4 Keyboard" in _text(browser.get("/me"))


def test_shortcuts_are_switched_off_and_on(desk: factory.Desk, browser: Client) -> None:
    assert 'data-shortcuts="on"' in browser.get("/").content.decode()
    assert browser.get("/me/shortcuts").status_code == 405
    answer = browser.post("/me/shortcuts", {"on": "0"})
    assert answer.cookies["shortcuts"]["httponly"]
    assert answer.cookies["shortcuts"]["samesite"] == "Lax"
    home = browser.get("/").content.decode()
    assert 'data-shortcuts="off"' in home
    assert "<kbd class" not in home
    # Keys other than the halt's are told everywhere, but nothing offers what does not work.
    assert "Shortcuts are off in this browser." in home
    browser.post("/me/shortcuts", {"on": "1"})
    assert 'data-shortcuts="on"' in browser.get("/").content.decode()


def test_switching_needs_a_token(everyone: Operator) -> None:
    client = factory.verified(everyone, enforce_csrf_checks=True)
    assert client.post("/me/shortcuts", {"on": "0"}).status_code == 403


def test_the_page_logs_out(browser: Client) -> None:
    assert browser.get("/me").content.decode().count('action="/logout"') == 2
    browser.post("/logout")
    assert browser.get("/me").status_code == 302
