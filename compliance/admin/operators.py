"""Operators and persons. Dialogs give roles and take a lost second factor away.

1. A row is never edited by hand: flags, groups, devices and passwords have one way each, and it
   journals.
2. Who changes an operator gives a fresh one-time password, and is another person.
3. A code is spent last: what can be refused without it is refused first.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from compliance.admin.base import Record, actor, carry_out, utc, wall
from compliance.domain.roles import Action, Role
from compliance.models import Operator, Person
from compliance.services import access, second_factor


def _code() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Fresh code from your authenticator"),
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
    )


class RolesForm(BaseDialogForm):
    trader = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    risk = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    admin = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    compliance = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    is_active = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, initial=True)
    code = _code()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = Operator.objects.filter(pk=self.object_id).first()
        if row is not None:
            held = set(row.groups.values_list("name", flat=True))
            for role in Role:
                self.fields[role.value].initial = role.value in held
            self.fields["is_active"].initial = row.is_active


class CreateForm(BaseDialogForm):
    username = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget)
    full_name = forms.CharField(max_length=150, required=False, widget=UnfoldAdminTextInputWidget)
    trader = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    risk = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    admin = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    compliance = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    code = _code()


class ResetForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget
    )
    code = _code()


def _by(request: HttpRequest) -> Operator:
    # The site lets nobody in who is not one.
    assert isinstance(request.user, Operator)
    return request.user


def _roles(form: Any) -> list[Role]:
    return [role for role in Role if form.cleaned_data[role.value]]


@admin.register(Operator)
class OperatorAdmin(Record):
    list_display = ("username", "person", "roles", "is_active", "joined", "seen")
    search_fields = ("username", "person__full_name")
    list_select_related = ("person",)
    ordering = ("username",)
    fields = ("username", "person", "roles", "is_active", "is_staff", "joined", "seen", "public_id")
    readonly_fields = fields
    actions_list = ("create_operator",)
    actions_detail = ("change_roles", "reset_second_factor")
    joined = utc("date_joined", gettext_lazy("Joined"))
    seen = utc("last_login", gettext_lazy("Last password log-in"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=gettext_lazy("Roles"))
    def roles(self, row: Operator) -> str:
        return ", ".join(sorted(group.name for group in row.groups.all())) or "—"

    def has_manage_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, Action.MANAGE_OPERATORS)

    @action(
        description=gettext_lazy("Create operator"),
        url_path="create-operator",
        permissions=["manage"],
        dialog={
            "title": gettext_lazy("Create operator"),
            "description": gettext_lazy("The password is random and shown once."),
            "form_class": CreateForm,
            "form_submit_text": gettext_lazy("Create"),
        },
    )
    def create_operator(self, request: HttpRequest, form: Any) -> HttpResponse:
        def perform() -> str:
            now = wall()
            access.require_new(form.cleaned_data["username"], _roles(form))
            self.admin_site.fresh_code(request, form.cleaned_data["code"], now=now)
            made = access.create_operator(
                username=form.cleaned_data["username"],
                full_name=form.cleaned_data["full_name"],
                roles=_roles(form),
                now=now,
                actor=actor(request),
                market_at=self.admin_site.market_now(now),
            )
            return _("Password of %(name)s, shown this once: %(password)s") % {
                "name": made.operator.username,
                "password": made.password,
            }

        return carry_out(request, reverse("admin:compliance_operator_changelist"), perform)

    @action(
        description=gettext_lazy("Change roles"),
        url_path="change-roles",
        permissions=["manage"],
        dialog={
            "title": gettext_lazy("Change roles"),
            "description": gettext_lazy("Takes effect with the operator's next request."),
            "form_class": RolesForm,
            "form_submit_text": gettext_lazy("Change"),
        },
    )
    def change_roles(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            now = wall()
            operator = Operator.objects.get(pk=object_id)
            access.require_another(operator, _by(request))
            verified_at = self.admin_site.fresh_code(request, form.cleaned_data["code"], now=now)
            changed = access.change_operator(
                operator=operator,
                roles=_roles(form),
                is_active=form.cleaned_data["is_active"],
                by=_by(request),
                verified_at=verified_at,
                now=now,
                market_at=self.admin_site.market_now(now),
            )
            return _("Changed.") if changed else _("Nothing to change.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("Reset second factor"),
        url_path="reset-second-factor",
        permissions=["manage"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": gettext_lazy("Reset this person's second factor"),
            "description": gettext_lazy(
                "All devices and recovery codes of the person are removed and their sessions end."
                " Whoever logs in next with the password enrols a new device: be sure that it is"
                " this person. Not done: roles and password are kept."
            ),
            "form_class": ResetForm,
            "form_submit_text": gettext_lazy("Reset"),
        },
    )
    def reset_second_factor(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            now = wall()
            operator = Operator.objects.get(pk=object_id)
            access.require_another(operator, _by(request))
            reason = second_factor.require_reason(form.cleaned_data["reason"])
            verified_at = self.admin_site.fresh_code(request, form.cleaned_data["code"], now=now)
            gone = second_factor.reset(
                operator=operator,
                by=_by(request),
                reason=reason,
                verified_at=verified_at,
                now=now,
                market_at=self.admin_site.market_now(now),
            )
            words = {
                "devices": gone.devices,
                "codes": gone.recovery_codes,
                "sessions": gone.sessions,
            }
            return (
                _(
                    "Removed %(devices)s devices and %(codes)s recovery codes, ended %(sessions)s"
                    " sessions. A new device is enrolled at the next log-in."
                )
                % words
            )

        return carry_out(request, _page(object_id), perform)


def _page(operator_id: int) -> str:
    return reverse("admin:compliance_operator_change", args=[operator_id])


@admin.register(Person)
class PersonAdmin(Record):
    list_display = ("full_name", "public_id")
    search_fields = ("full_name", "public_id")
    ordering = ("full_name", "id")
