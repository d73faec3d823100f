"""What an operator sees and chooses about themselves."""

import re
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.http import HttpRequest
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from compliance.domain.canonical import body_of
from compliance.models import JournalEntry, Operator
from dashboard import step_up
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


def _events(name: str) -> list[dict[str, Any]]:
    rows = JournalEntry.objects.filter(event=name).order_by("id")
    return [orjson.loads(body_of(bytes(row.payload))) for row in rows]


def _shown_codes(answer: Any) -> list[str]:
    return re.findall(r"<li>([0-9a-f]{10})</li>", answer.content.decode())


def test_new_recovery_codes_end_the_old_ones_and_are_shown_once(
    browser: Client, everyone: Operator
) -> None:
    device = StaticDevice.objects.create(user=everyone, name="recovery codes", confirmed=True)
    StaticToken.objects.create(device=device, token="aaaaaaaaaa")
    answer = browser.post("/me/recovery-codes", {"code": factory.code(everyone)})
    codes = _shown_codes(answer)
    assert len(set(codes)) == 10
    assert "no-store" in answer["Cache-Control"]
    assert "Recovery codes left 10 Keyboard" in _text(browser.get("/me"))
    assert not any(code in browser.get("/me").content.decode() for code in codes)
    [entry] = _events("operator.recovery_codes_made")
    assert entry["actor"] == "operator:first"
    assert entry["data"] == {"username": "first", "codes": 10}

    other = factory.password_only(everyone)
    assert other.post("/2fa", {"code": "aaaaaaaaaa"}).status_code == 403
    StaticDevice.objects.get().throttle_reset()
    assert other.post("/2fa", {"code": codes[0]}).status_code == 302


def test_recovery_codes_ask_a_fresh_code(browser: Client, everyone: Operator) -> None:
    assert browser.get("/me/recovery-codes").status_code == 405
    for wrong in ("", "000"):
        answer = browser.post("/me/recovery-codes", {"code": wrong})
        assert answer.status_code == 403
        assert not _shown_codes(answer)
        assert 'role="alert"' in answer.content.decode()
    assert not StaticToken.objects.exists()
    assert not _events("operator.recovery_codes_made")


NEW = "another long password"


def _change(browser: Client, **given: str) -> Any:
    usual = {"old": factory.PASSWORD, "new": NEW, "again": NEW}
    return browser.post("/me/password", {**usual, **given})


def test_a_changed_password_is_journalled_and_ends_the_other_sessions(
    browser: Client, everyone: Operator
) -> None:
    elsewhere = factory.verified(everyone)
    answer = _change(browser, code=factory.code(everyone))
    assert answer.status_code == 302, _text(answer)
    assert "The password is changed." in _text(browser.get("/me"))
    assert elsewhere.get("/").status_code == 302
    everyone.refresh_from_db()
    assert everyone.check_password(NEW)
    [entry] = _events("operator.password_changed")
    assert (entry["actor"], entry["data"]) == ("operator:first", {"username": "first"})
    assert NEW not in str(entry)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"again": "yet another password"}, "The new password and its repetition differ."),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": factory.PASSWORD, "again": factory.PASSWORD}, "the new password is the old one"),
    ],
)
def test_a_bad_new_password_spends_no_code(
    browser: Client, everyone: Operator, given: dict[str, str], words: str
) -> None:
    code = factory.code(everyone)
    answer = _change(browser, code=code, **given)
    assert answer.status_code == 403
    assert words in _text(answer)
    assert not _events("operator.password_changed")
    assert _change(browser, code=code).status_code == 302


def test_a_password_is_not_changed_without_a_code_or_the_old_one(
    browser: Client, everyone: Operator
) -> None:
    assert _change(browser, code="").status_code == 403
    answer = _change(browser, code=factory.code(everyone), old="not this one")
    assert answer.status_code == 403
    assert "the old password is wrong" in _text(answer)
    # Each try at the old password costs a code.
    assert _change(browser, code=factory.code(everyone)).status_code == 403
    everyone.refresh_from_db()
    assert everyone.check_password(factory.PASSWORD)
    assert not _events("operator.password_changed")


@pytest.mark.parametrize("guess", [factory.PASSWORD, "not the password"])
def test_without_a_code_nothing_is_learnt_of_the_password(
    browser: Client, everyone: Operator, guess: str
) -> None:
    answer = _change(browser, old="anything at all", new=guess, again=guess, code="")
    assert answer.status_code == 403
    assert "Enter the six digits that your authenticator shows." in _text(answer)
    assert "password is" not in _text(answer)
    assert not _events("operator.login_failed")


def test_wrong_old_passwords_count_as_refused_log_ins(
    browser: Client, everyone: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_up, "give", _any_code)
    for left in range(4, -1, -1):
        answer = _change(browser, code="1", old="not this one")
        assert answer.status_code == (403 if left else 429)
    refused = _events("operator.login_failed")
    assert [entry["data"] for entry in refused] == [{"door": "password change"}] * 4
    assert len(_events("operator.locked")) == 1
    # Locked: the right one is not taken either.
    assert _change(browser, code="1").status_code == 429
    everyone.refresh_from_db()
    assert everyone.check_password(factory.PASSWORD)


def _any_code(request: HttpRequest, code: str, *, now: datetime) -> None:
    request.session["step_up_at"] = now.isoformat()


def test_the_back_office_has_no_other_way_to_change_a_password(
    browser: Client, everyone: Operator
) -> None:
    before = everyone.password
    for path in ("/admin/password_change/", "/admin/password_change/done/"):
        for answer in (
            browser.get(path),
            browser.post(
                path,
                {"old_password": factory.PASSWORD, "new_password1": NEW, "new_password2": NEW},
            ),
        ):
            assert answer["Location"] == "/me", path
    everyone.refresh_from_db()
    assert everyone.password == before
