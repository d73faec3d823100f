"""Limits: versions to look at, and one dialog that proposes the next.

1. A version is never edited; the dialog calls risk.services.limits, which journals it.
2. Loosening asks for a fresh one-time password, tightening does not: the service decides which.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aitrader.kernel.money import plain
from compliance.admin.base import Record, actor, carry_out, utc, wall
from compliance.domain.roles import Action
from compliance.services import access
from risk.domain.limits import SPECS, LimitKey, read_limits
from risk.models import Limit
from risk.services import limits


class LimitForm(BaseDialogForm):
    account_code = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    key = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        choices=[(key.value, f"{key.value} ({SPECS[key].unit})") for key in LimitKey],
    )
    value = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget)
    purpose = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    code = forms.CharField(
        required=False,
        label=gettext_lazy("Fresh code from your authenticator (to loosen)"),
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = Limit.objects.order_by("account_code").values_list("account_code", flat=True)
        self.fields["account_code"].choices = [(each, each) for each in codes.distinct()]


@admin.register(Limit)
class LimitAdmin(Record):
    list_display = ("account_code", "key", "amount", "version", "effective", "set_by", "purpose")
    list_filter = ("account_code", "key")
    ordering = ("account_code", "key", "-version")
    actions_list = ("change_limit",)
    effective = utc("effective_at", gettext_lazy("In force since"))

    @admin.display(description=gettext_lazy("Value"))
    def amount(self, row: Limit) -> str:
        return plain(row.value)

    def has_limit_permission(self, request: HttpRequest) -> bool:
        return access.may(request.user, Action.CHANGE_LIMIT)

    @action(
        description=gettext_lazy("Change a limit"),
        url_path="change-limit",
        permissions=["limit"],
        dialog={
            "title": gettext_lazy("Change a limit"),
            "description": gettext_lazy(
                "A new version takes effect with the next order; the old ones stay on record."
            ),
            "form_class": LimitForm,
            "form_submit_text": gettext_lazy("Put in force"),
        },
    )
    def change_limit(self, request: HttpRequest, form: Any) -> HttpResponse:
        given = form.cleaned_data

        def perform() -> str:
            now = wall()
            # What can be refused without the code is refused before it is spent.
            read_limits({given["key"]: given["value"]})
            verified_at = (
                self.admin_site.fresh_code(request, given["code"], now=now)
                if given["code"]
                else None
            )
            row = limits.change(
                account_code=given["account_code"],
                key=given["key"],
                value=given["value"],
                purpose=given["purpose"],
                set_by=actor(request),
                now=now,
                market_at=self.admin_site.market_now(now),
                verified_at=verified_at,
            )
            if row is None:
                return _("The limit has that value already.")
            return _("%(key)s is now %(value)s (version %(version)s).") % {
                "key": row.key,
                "value": plain(row.value),
                "version": row.version,
            }

        return carry_out(request, reverse("admin:risk_limit_changelist"), perform)
