"""The audit log of configuration: which rows it follows, what it keeps, who reads it."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.test import Client
from django.urls import reverse

from compliance.domain.roles import Role
from compliance.models import Operator, Person
from risk.models import Limit
from tests.factories import desk as factory
from trading.models import Account, InstrumentRow, Strategy, StrategyVersion

PAGE = reverse("admin:auditlog_logentry_changelist")


def test_it_follows_configuration_and_nothing_else() -> None:
    assert set(auditlog.get_models()) == {
        Account, InstrumentRow, Strategy, StrategyVersion, Limit, Operator, Person,
    }  # fmt: skip


def test_it_keeps_columns_of_configuration_alone(desk: factory.Desk) -> None:
    entry = LogEntry.objects.get_for_object(desk.account).latest("id")
    assert set(entry.changes) == {
        "public_id", "code", "venue", "kind", "mode", "base_currency", "opening_equity",
        "opened_at",
    }  # fmt: skip
    before = LogEntry.objects.count()
    account = Account.objects.get()
    account.stream_seq, account.peak_equity = 7, Decimal(200_000)
    account.save()
    assert LogEntry.objects.count() == before


def test_a_change_in_the_back_office_is_kept_with_its_person(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    sent = {"_form_submitted": "True", "reason": "because"}
    browser.post(reverse("admin:trading_strategy_disable_strategy", args=[desk.strategy.pk]), sent)
    assert "enabled True → False" in browser.get(PAGE).content.decode()
    entry = LogEntry.objects.get_for_object(desk.strategy).latest("id")
    assert entry.changes == {"enabled": ["True", "False"]}
    assert entry.actor == everyone


def test_a_new_version_of_a_limit_is_kept(desk: factory.Desk, browser: Client) -> None:
    browser.post(
        reverse("admin:risk_limit_change_limit"),
        {
            "_form_submitted": "True", "account_code": "PAPER-1", "key": "MAX_DAY_LOSS",
            "value": "4000", "purpose": "calmer", "code": "",
        },
    )  # fmt: skip
    entry = LogEntry.objects.get_for_model(Limit).latest("id")
    assert entry.changes["purpose"] == ["None", "calmer"]


def test_roles_are_kept_and_passwords_are_not(
    browser: Client, everyone: Operator, installed: None
) -> None:
    other = factory.operator("other", Role.TRADER)
    form = {"_form_submitted": "True", "risk": "on", "is_active": "on"}
    path = reverse("admin:compliance_operator_change_roles", args=[other.pk])
    browser.post(path, {**form, "code": factory.code(everyone)})
    found = [entry.changes for entry in LogEntry.objects.get_for_object(other).order_by("id")]
    told = [(each["groups"]["operation"], each["groups"]["objects"]) for each in found[-2:]]
    assert sorted(told) == [("add", ["risk"]), ("delete", ["trader"])]
    changed = Operator.objects.get(pk=other.pk)
    changed.set_password("a password to be kept nowhere")
    changed.save()
    assert not any("password" in changes for changes in found)
    assert LogEntry.objects.get_for_object(other).count() == len(found)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.COMPLIANCE, Role.RISK])
def test_admin_and_compliance_read_it(
    desk: factory.Desk, as_role: Callable[[Role], Client], role: Role
) -> None:
    client = as_role(role)
    shown = client.get(PAGE)
    assert shown.status_code == (403 if role is Role.RISK else 200)
    if role is not Role.RISK:
        assert "sma_cross" in shown.content.decode() or "PAPER-1" in shown.content.decode()
        entry = LogEntry.objects.latest("id")
        change = reverse("admin:auditlog_logentry_change", args=[entry.pk])
        assert client.get(change).status_code == 200
        assert client.post(change, {"action": 2}).status_code == 403
    assert client.get(reverse("admin:auditlog_logentry_add")).status_code == 403
