"""Reconciliation breaks: looked at, taken, stated and resolved by dialogs."""

from datetime import timedelta
from decimal import Decimal
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

from compliance.admin.base import Record, carry_out, utc, wall
from compliance.domain.roles import Action
from compliance.services import access
from trading.models import ReconBreak
from trading.services import break_words, breaks
from trading.services.break_words import Fate, Word


class TakeForm(BaseDialogForm):
    """Nothing to fill in."""


class ResolveForm(BaseDialogForm):
    resolution = forms.CharField(
        max_length=200, label=gettext_lazy("Resolution"), widget=UnfoldAdminTextInputWidget
    )


class StateForm(BaseDialogForm):
    fate = forms.ChoiceField(
        label=gettext_lazy("What became of the order"),
        choices=[
            (Fate.NEVER_ACCEPTED, gettext_lazy("The venue never accepted it")),
            (Fate.CLOSED, gettext_lazy("It is closed at the venue")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    cum_qty = forms.DecimalField(
        required=False, min_value=0, max_digits=38, decimal_places=18,
        label=gettext_lazy("Filled there (if closed)"),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    order_id = forms.CharField(
        required=False, max_length=64, label=gettext_lazy("The venue's id of the order"),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    evidence = forms.CharField(
        max_length=200, label=gettext_lazy("Where the venue's record is to be seen"),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget
    )


class MovedForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=200, label=gettext_lazy("Reason and evidence"), widget=UnfoldAdminTextInputWidget
    )


@admin.register(ReconBreak)
class ReconBreakAdmin(Record):
    list_display = (
        "severity", "account", "kind", "object_id", "ours", "venues", "age", "owner", "opened",
        "closed", "resolution",
    )  # fmt: skip
    list_filter = ("severity", "kind", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    ordering = ("-id",)
    actions_detail = ("take_break", "state_fate", "book_moved", "resolve_break")
    opened = utc("opened_at", gettext_lazy("Opened"))
    closed = utc("closed_at", gettext_lazy("Closed"))

    @admin.display(description=gettext_lazy("Age"))
    def age(self, row: ReconBreak) -> str:
        if row.closed_at is not None or row.noticed_at is None:
            return "—"
        return str(timedelta(seconds=int((wall() - row.noticed_at).total_seconds())))

    def has_handle_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, Action.HANDLE_BREAK)

    @action(
        description=gettext_lazy("Take"),
        url_path="take-break",
        permissions=["handle"],
        dialog={
            "title": gettext_lazy("Look after this break"),
            "description": gettext_lazy("Your name stands beside it until it is closed."),
            "form_class": TakeForm,
            "form_submit_text": gettext_lazy("Take it"),
        },
    )
    def take_break(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            taken = breaks.take(break_id=object_id, by=request.user, now=wall())
            return _("The break is yours.") if taken else _("It was yours already.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("Resolve"),
        url_path="resolve-break",
        permissions=["handle"],
        dialog={
            "title": gettext_lazy("Close this break"),
            "description": gettext_lazy(
                "Say what was found. Nothing is booked: for a break of an order or a balance it is"
                " stated what became of it."
            ),
            "form_class": ResolveForm,
            "form_submit_text": gettext_lazy("Close the break"),
        },
    )
    def resolve_break(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            breaks.resolve(
                break_id=object_id,
                by=request.user,
                resolution=form.cleaned_data["resolution"],
                now=wall(),
            )
            return _("The break is closed.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("State what became of the order"),
        url_path="state-fate",
        permissions=["handle"],
        dialog={
            "title": gettext_lazy("What became of the order"),
            "description": gettext_lazy(
                "Look at the venue's own record first. The order ends here as you say, and its"
                " reservation with it; no fill is booked by your word."
            ),
            "form_class": StateForm,
            "form_submit_text": gettext_lazy("State it"),
        },
    )
    def state_fate(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            given = form.cleaned_data
            word = Word(
                fate=Fate(given["fate"]),
                reason=given["reason"],
                evidence=given["evidence"],
                cum_qty=given["cum_qty"] or Decimal(0),
                order_id=given["order_id"],
            )
            break_words.state(break_id=object_id, by=request.user, word=word, now=wall())
            return _("The order has ended as you stated, and the break is closed.")

        return carry_out(request, _page(object_id), perform)

    @action(
        description=gettext_lazy("Book as moved"),
        url_path="book-moved",
        permissions=["handle"],
        dialog={
            "title": gettext_lazy("Moved from outside"),
            "description": gettext_lazy(
                "The balance differs by money that was paid in or out, and no trade of the venue"
                " will explain it. It is booked so; profit is not touched."
            ),
            "form_class": MovedForm,
            "form_submit_text": gettext_lazy("Book it"),
        },
    )
    def book_moved(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            reason = form.cleaned_data["reason"]
            break_words.moved(break_id=object_id, by=request.user, reason=reason, now=wall())
            return _("The balance is booked, and the break is closed.")

        return carry_out(request, _page(object_id), perform)


def _page(break_id: int) -> str:
    return reverse("admin:trading_reconbreak_change", args=[break_id])
