"""A lost second factor: taken away by another person, enrolled anew by its owner."""

from typing import Any

import orjson
import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.domain.canonical import body_of
from compliance.domain.roles import Role
from compliance.models import JournalEntry, Operator
from tests.factories import desk as factory


@pytest.fixture
def loser(installed: None) -> Operator:
    """Somebody with a device, recovery codes and a second, unfinished device."""
    lost = factory.operator("loser", Role.TRADER)
    TOTPDevice.objects.create(user=lost, name="authenticator", confirmed=False)
    codes = StaticDevice.objects.create(user=lost, name="recovery codes", confirmed=True)
    StaticToken.objects.bulk_create(StaticToken(device=codes, token=f"{n:010x}") for n in range(3))
    return lost


def _path(operator: Operator) -> str:
    return reverse("admin:compliance_operator_reset_second_factor", args=[operator.pk])


def _reset(client: Client, operator: Operator, code: str, reason: str = "phone stolen") -> Any:
    form = {"_form_submitted": "True", "reason": reason, "code": code}
    return client.post(_path(operator), form, follow=True)


def _resets() -> list[dict[str, Any]]:
    rows = JournalEntry.objects.filter(event="operator.second_factor_reset").order_by("id")
    return [orjson.loads(body_of(bytes(row.payload))) for row in rows]


def _devices(operator: Operator) -> int:
    return (
        TOTPDevice.objects.filter(user=operator).count()
        + StaticDevice.objects.filter(user=operator).count()
    )


def test_a_reset_removes_devices_codes_and_sessions(
    desk: factory.Desk, browser: Client, everyone: Operator, loser: Operator
) -> None:
    device = TOTPDevice.objects.get(user=loser, confirmed=True)
    inside = factory.password_only(loser)
    session = inside.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    half_way = factory.password_only(loser)
    assert inside.get("/").status_code == 200

    answer = _reset(browser, loser, factory.code(everyone))
    said = "Removed 2 devices and 3 recovery codes, ended 2 sessions."
    assert said in answer.content.decode()
    assert _devices(loser) == 0
    [entry] = _resets()
    assert (entry["actor"], entry["object_id"]) == ("operator:first", loser.public_id)
    assert entry["data"] == {
        "username": "loser", "reason": "phone stolen", "devices": 2, "recovery_codes": 3,
        "sessions": 2,
    }  # fmt: skip
    for client in (inside, half_way):
        assert client.get("/")["Location"].startswith("/login")
    assert browser.get("/").status_code == 200


def test_whoever_was_reset_enrols_anew_at_the_next_log_in(
    browser: Client, everyone: Operator, loser: Operator
) -> None:
    _reset(browser, loser, factory.code(everyone))
    client = Client()
    answer = client.post("/login", {"username": "loser", "password": factory.PASSWORD})
    assert answer["Location"] == "/2fa/enrol"
    assert client.get("/").status_code == 302
    client.get("/2fa/enrol")
    assert client.post("/2fa/enrol", {"code": factory.code(loser)}).status_code == 200
    assert client.get("/").status_code == 200


def test_all_accounts_of_the_person_are_reset(
    browser: Client, everyone: Operator, loser: Operator
) -> None:
    second = factory.operator("loser-2", Role.RISK)
    Operator.objects.filter(pk=second.pk).update(person=loser.person)
    _reset(browser, loser, factory.code(everyone))
    assert _devices(second) == 0
    assert [each["data"]["username"] for each in _resets()] == ["loser", "loser-2"]


def test_nobody_resets_their_own_under_any_account(
    browser: Client, everyone: Operator, loser: Operator
) -> None:
    code = factory.code(everyone)
    assert "their own second factor" in _reset(browser, everyone, code).content.decode()
    Operator.objects.filter(pk=loser.pk).update(person=everyone.person)
    assert "their own second factor" in _reset(browser, loser, code).content.decode()
    assert _devices(everyone) == 1
    assert not _resets()


def test_a_reset_asks_a_fresh_code_and_a_reason(
    browser: Client, everyone: Operator, loser: Operator
) -> None:
    code = factory.code(everyone)
    for wrong, reason in (("", "lost"), ("000", "lost"), (code, ""), (code, "   ")):
        _reset(browser, loser, wrong, reason)
        assert _devices(loser) == 3
        assert not _resets()
    # Nothing of this has spent the code.
    _reset(browser, loser, code)
    assert len(_resets()) == 1


@pytest.mark.parametrize("role", [Role.RISK, Role.COMPLIANCE, Role.TRADER])
def test_only_who_manages_operators_resets(loser: Operator, role: Role) -> None:
    other = factory.operator("other", role)
    client = factory.verified(other)
    client.post(
        _path(loser), {"_form_submitted": "True", "reason": "x", "code": factory.code(other)}
    )
    assert _devices(loser) == 3


def test_an_operator_who_does_not_exist_is_not_found(browser: Client, everyone: Operator) -> None:
    path = reverse("admin:compliance_operator_reset_second_factor", args=[999_999])
    form = {"_form_submitted": "True", "reason": "lost", "code": factory.code(everyone)}
    assert browser.post(path, form).status_code == 404


def test_dialogs_of_operators_and_limits_spend_the_code_last(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    code = factory.code(everyone)
    sent = {"_form_submitted": "True", "code": code}
    refused = [
        (reverse("admin:compliance_operator_create_operator"), {"username": "new"}),
        (reverse("admin:compliance_operator_create_operator"), {"username": "a b", "risk": "on"}),
        (reverse("admin:compliance_operator_create_operator"), {"username": "first", "risk": "on"}),
        (reverse("admin:compliance_operator_change_roles", args=[everyone.pk]), {"risk": "on"}),
        (
            reverse("admin:risk_limit_change_limit"),
            {
                "account_code": "PAPER-1",
                "key": "MAX_DAY_LOSS",
                "value": "much",
                "purpose": "test",
            },
        ),
    ]
    before = JournalEntry.objects.count()
    for path, values in refused:
        browser.post(path, {**sent, **values})
    assert JournalEntry.objects.count() == before
    browser.post(refused[0][0], {**sent, "username": "new", "risk": "on"})
    assert Operator.objects.filter(username="new").exists()
