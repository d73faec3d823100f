"""The admin: behind both factors, records that stay as they are, commands that are dialogs."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.test import Client, RequestFactory
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.sites import UnfoldAdminSite

from aitrader.kernel.clock import WALL, iso
from compliance.admin.base import Record
from compliance.domain.roles import ROLES_THAT_MAY, Action, Role
from compliance.models import JournalEntry, Operator
from dashboard.backoffice import BackOffice
from risk.models import Limit, TradingStateRow
from tests.factories import desk as factory
from trading.models import CancelRequest, Order, ReconBreak


def registered() -> Iterator[ModelAdmin]:
    yield from admin.site._registry.values()


def commands() -> Iterator[tuple[ModelAdmin, str]]:
    for each in registered():
        for kind in ("actions_list", "actions_row", "actions_detail", "actions_submit_line"):
            for name in each._extract_action_names(getattr(each, kind)):  # type: ignore[attr-defined]  # unfold and django-otp ship no types
                yield each, name


def test_the_site_is_ours() -> None:
    assert admin.site.__class__ is BackOffice
    assert BackOffice.has_permission is not UnfoldAdminSite.has_permission


def test_a_password_alone_does_not_open_it(half_way: Client) -> None:
    answer = half_way.get("/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/2fa")


def test_the_site_itself_asks_for_the_second_factor(everyone: Operator) -> None:
    request = RequestFactory().get("/admin/")
    request.user = everyone
    everyone.is_verified = lambda: False  # type: ignore[attr-defined]  # unfold and django-otp ship no types
    assert not admin.site.has_permission(request)
    everyone.is_verified = lambda: True  # type: ignore[attr-defined]  # unfold and django-otp ship no types
    assert admin.site.has_permission(request)
    everyone.is_staff = False
    assert not admin.site.has_permission(request)


@pytest.mark.parametrize("role", list(Role))
def test_only_some_roles_enter(as_role: Callable[[Role], Client], role: Role) -> None:
    answer = as_role(role).get("/admin/", follow=True)
    allowed = role in ROLES_THAT_MAY[Action.ENTER_ADMIN]
    assert answer.request["PATH_INFO"] == ("/admin/" if allowed else "/")


def test_every_registered_admin_only_shows_records() -> None:
    for each in registered():
        assert isinstance(each, Record), each
        request = RequestFactory().get("/")
        request.user = type("Anyone", (), {"has_perm": lambda *_: True})()
        assert not each.has_add_permission(request), each
        assert not each.has_change_permission(request), each
        assert not each.has_delete_permission(request), each
        assert not each.get_actions(request), each


def test_every_command_is_a_dialog_with_a_right() -> None:
    found = list(commands())
    assert {name for _each, name in found} == {
        "halt_all", "cancel_order", "change_limit", "create_operator", "change_roles",
        "change_rules", "enable_strategy", "disable_strategy", "new_version",
        "reset_second_factor", "take_break", "resolve_break", "state_fate", "book_moved",
    }  # fmt: skip
    for each, name in found:
        method = getattr(each, name)
        assert method.dialog, name
        assert method.allowed_permissions, name


def _command_address(each: ModelAdmin, name: str) -> str:
    meta = each.model._meta
    pk = each.model._default_manager.order_by("pk").values_list("pk", flat=True).first()
    detail = name in each._extract_action_names(each.actions_detail)  # type: ignore[attr-defined]  # unfold and django-otp ship no types
    view = f"admin:{meta.app_label}_{meta.model_name}_{name}"
    return reverse(view, args=[pk] if detail else [])


def test_a_get_of_a_command_changes_nothing(desk: factory.Desk, browser: Client) -> None:
    before = JournalEntry.objects.count()
    for each, name in commands():
        answer = browser.get(_command_address(each, name))
        assert answer.status_code == 200, name
        assert b'id="dialog"' in answer.content, name
    assert JournalEntry.objects.count() == before
    assert not TradingStateRow.objects.exists()


_NEEDS = {
    "halt_all": ROLES_THAT_MAY[Action.HALT],
    "cancel_order": ROLES_THAT_MAY[Action.CANCEL_ORDER],
    "take_break": ROLES_THAT_MAY[Action.HANDLE_BREAK],
    "book_moved": ROLES_THAT_MAY[Action.HANDLE_BREAK],
    "state_fate": ROLES_THAT_MAY[Action.HANDLE_BREAK],
    "resolve_break": ROLES_THAT_MAY[Action.HANDLE_BREAK],
    "change_limit": ROLES_THAT_MAY[Action.CHANGE_LIMIT],
    "create_operator": ROLES_THAT_MAY[Action.MANAGE_OPERATORS],
    "change_roles": ROLES_THAT_MAY[Action.MANAGE_OPERATORS],
    "reset_second_factor": ROLES_THAT_MAY[Action.MANAGE_OPERATORS],
    "enable_strategy": ROLES_THAT_MAY[Action.TOGGLE_STRATEGY],
    "disable_strategy": ROLES_THAT_MAY[Action.TOGGLE_STRATEGY],
    "new_version": ROLES_THAT_MAY[Action.CONFIGURE_STRATEGY],
    # A right on rows, which the admin alone holds.
    "change_rules": {Role.ADMIN},
}


@pytest.mark.parametrize("role", [Role.RISK, Role.ADMIN, Role.COMPLIANCE])
def test_commands_ask_for_their_right(
    desk: factory.Desk, as_role: Callable[[Role], Client], role: Role
) -> None:
    client = as_role(role)
    for each, name in commands():
        path = _command_address(each, name)
        expected = 200 if role in _NEEDS[name] else 403
        assert client.get(path).status_code == expected, (role, name)
        if expected == 403:
            assert client.post(path, {"_form_submitted": "True"}).status_code == 403


def test_halt_and_cancel_go_through_the_services(desk: factory.Desk, browser: Client) -> None:
    form = {"_form_submitted": "True", "reason": "from the admin"}
    browser.post(reverse("admin:risk_tradingstaterow_halt_all"), form)
    assert TradingStateRow.objects.get().state == "HALTED"
    browser.post(reverse("admin:trading_order_cancel_order", args=[desk.unknown.pk]), form)
    assert CancelRequest.objects.get().reason == "from the admin"


def test_a_break_is_taken_and_closed_by_whoever_may(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    found = ReconBreak.objects.create(
        public_id="B" * 32, account=desk.account, kind="OVERFILL", object_id="X", ours="1",
        venues="2", opened_at=desk.account.opened_at, noticed_at=desk.account.opened_at,
    )  # fmt: skip
    path = [reverse(f"admin:trading_reconbreak_{name}", args=[found.pk]) for name in _BREAKS]
    browser.post(path[0], {"_form_submitted": "True"})
    found.refresh_from_db()
    assert (found.owner, found.closed_at) == (everyone.username, None)
    browser.post(path[1], {"_form_submitted": "True", "resolution": "the venue corrected it"})
    found.refresh_from_db()
    assert found.closed_at is not None
    assert found.resolution == "the venue corrected it"


def test_a_break_that_the_desk_compares_is_not_closed_by_a_word(
    desk: factory.Desk, browser: Client
) -> None:
    found = ReconBreak.objects.create(
        public_id="C" * 32, account=desk.account, kind="BALANCE", object_id="BTC", ours="1",
        venues="2", opened_at=desk.account.opened_at,
    )  # fmt: skip
    path = reverse("admin:trading_reconbreak_resolve_break", args=[found.pk])
    browser.post(path, {"_form_submitted": "True", "resolution": "never mind"})
    found.refresh_from_db()
    assert found.closed_at is None


def test_what_became_of_an_order_is_stated_and_refused_while_the_desk_still_looks(
    desk: factory.Desk, browser: Client
) -> None:
    found = ReconBreak.objects.create(
        public_id="D" * 32, account=desk.account, kind="DOUBT", object_id=desk.unknown.cl_ord_id,
        ours="no trade", venues="trade 7", opened_at=desk.account.opened_at,
        noticed_at=WALL.now(),
    )  # fmt: skip
    path = reverse("admin:trading_reconbreak_state_fate", args=[found.pk])
    form = {
        "_form_submitted": "True", "fate": "NEVER_ACCEPTED", "evidence": "order history, export 3",
        "reason": "support says so",
    }  # fmt: skip
    browser.post(path, form)
    desk.unknown.refresh_from_db()
    assert desk.unknown.certainty == "UNKNOWN"
    now = WALL.now()
    reads = {"reads": [iso(now)], "probed_at": iso(now)}
    Order.objects.filter(pk=desk.unknown.pk).update(
        claimed_at=now - timedelta(minutes=2), evidence=reads, closedness=1
    )
    browser.post(path, form)
    desk.unknown.refresh_from_db()
    found.refresh_from_db()
    assert (desk.unknown.ord_status, desk.unknown.certainty) == ("REJECTED", "CERTAIN")
    assert found.resolution == "support says so"
    assert found.evidence["seen"] == "order history, export 3"


_BREAKS = ("take_break", "resolve_break")


def test_a_post_without_a_token_is_refused(desk: factory.Desk, everyone: Operator) -> None:
    client = factory.verified(everyone, enforce_csrf_checks=True)
    answer = client.post(
        reverse("admin:risk_tradingstaterow_halt_all"), {"_form_submitted": "True", "reason": "x"}
    )
    assert answer.status_code == 403


def _limit(browser: Client, value: str, code: str = "") -> None:
    browser.post(
        reverse("admin:risk_limit_change_limit"),
        {
            "_form_submitted": "True", "account_code": "PAPER-1", "key": "MAX_DAY_LOSS",
            "value": value, "purpose": "test", "code": code,
        },
    )  # fmt: skip


def test_loosening_a_limit_asks_a_code(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    limits = Limit.objects.filter(key="MAX_DAY_LOSS").order_by("-version")
    _limit(browser, "4000")
    assert limits[0].value == 4_000
    _limit(browser, "9000")
    assert limits[0].value == 4_000
    _limit(browser, "9000", factory.code(everyone))
    assert limits[0].value == 9_000
    assert Limit.objects.filter(key="MAX_DAY_LOSS").count() == 3


def test_roles_are_given_by_another_person_with_a_code(
    desk: factory.Desk, browser: Client, everyone: Operator
) -> None:
    other = factory.operator("other", Role.TRADER)
    form = {"_form_submitted": "True", "risk": "on", "is_active": "on"}
    path = reverse("admin:compliance_operator_change_roles", args=[other.pk])
    browser.post(path, {**form, "code": "000"})
    assert [group.name for group in other.groups.all()] == ["trader"]
    browser.post(path, {**form, "code": factory.code(everyone)})
    assert [group.name for group in Operator.objects.get(pk=other.pk).groups.all()] == ["risk"]


def test_every_list_and_row_is_shown_with_the_strip(desk: factory.Desk, browser: Client) -> None:
    for path in ("/admin/", "/admin/trading/"):
        assert "◆ PAPER" in browser.get(path).content.decode(), path
    for each in registered():
        meta = each.model._meta
        path = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        answer = browser.get(path)
        if answer.status_code == 403:
            continue
        assert answer.status_code == 200, path
        assert "◆ PAPER" in answer.content.decode(), path
        row = each.model._default_manager.order_by("pk").first()
        if row is not None:
            shown = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
            assert browser.get(shown).status_code == 200, shown


def test_lists_have_names_that_people_use(desk: factory.Desk, browser: Client) -> None:
    shown = browser.get("/admin/").content.decode()
    for name in ("Strategies", "Journal entries", "Ledger transactions", "Trading states"):
        assert name in shown, name
    for wrong in ("Strategys", "entrys", "rows"):
        assert wrong not in shown, wrong


def test_seeds_are_never_shown(desk: factory.Desk, browser: Client, everyone: Operator) -> None:
    device = TOTPDevice.objects.get(user=everyone)
    body = browser.get(reverse("admin:otp_totp_totpdevice_change", args=[device.pk]))
    assert device.key not in body.content.decode()
