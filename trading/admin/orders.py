"""Orders: looked at, and cancelled through the same service as everywhere."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from aitrader.kernel.money import plain
from compliance.admin.base import Record, amount, carry_out, utc, wall
from compliance.domain.roles import Action
from compliance.services import access
from trading.models import CancelRequest, Order, ParentOrder, ReplaceRequest, TargetWatch
from trading.services import person_orders


class CancelForm(BaseDialogForm):
    reason = forms.CharField(
        max_length=200, initial=gettext_lazy("Operator cancel"), widget=UnfoldAdminTextInputWidget
    )


@admin.register(Order)
class OrderAdmin(Record):
    list_display = (
        "short", "account", "created", "instrument", "side", "ord_type", "qty", "filled",
        "ord_status", "certainty", "origin", "reason",
    )  # fmt: skip
    list_filter = ("account", "ord_status", "certainty", "side", "origin")
    search_fields = ("public_id", "cl_ord_id", "order_id")
    list_select_related = ("account", "instrument")
    ordering = ("-id",)
    actions_detail = ("cancel_order",)
    created = utc("created_at", gettext_lazy("Created"))

    @admin.display(description=gettext_lazy("Order"))
    def short(self, row: Order) -> str:
        return row.public_id[:8]

    @admin.display(description=gettext_lazy("Qty"))
    def qty(self, row: Order) -> str:
        return plain(row.order_qty)

    @admin.display(description=gettext_lazy("Filled"))
    def filled(self, row: Order) -> str:
        return plain(row.filled_qty)

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, Action.CANCEL_ORDER)

    @action(
        description=gettext_lazy("Cancel order"),
        url_path="cancel-order",
        permissions=["cancel"],
        dialog={
            "title": gettext_lazy("Cancel this order"),
            "description": gettext_lazy(
                "What is filled stays filled; the venue may fill more before it answers."
            ),
            "form_class": CancelForm,
            "form_submit_text": gettext_lazy("Cancel the order"),
        },
    )
    def cancel_order(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        def perform() -> str:
            asked = person_orders.cancel(
                order=Order.objects.get(pk=object_id),
                by=request.user,
                reason=form.cleaned_data["reason"],
                now=wall(),
            )
            if not asked.done:
                return _("Nothing to cancel: it is closed, or its cancel is on its way.")
            return " ".join([_("The cancel is on its way."), *asked.besides])

        return carry_out(request, reverse("admin:trading_order_change", args=[object_id]), perform)


@admin.register(CancelRequest)
class CancelRequestAdmin(Record):
    list_display = ("order_id", "requested", "requested_by", "reason", "answered", "outcome")
    ordering = ("-id",)
    requested = utc("requested_at", gettext_lazy("Requested"))
    answered = utc("answered_at", gettext_lazy("Answered"))


@admin.register(ReplaceRequest)
class ReplaceRequestAdmin(Record):
    list_display = (
        "order_id", "successor_id", "requested", "requested_by", "reason", "answered", "outcome",
    )  # fmt: skip
    ordering = ("-id",)
    raw_id_fields = ("order", "successor")
    requested = utc("requested_at", gettext_lazy("Requested"))
    answered = utc("answered_at", gettext_lazy("Answered"))


@admin.register(TargetWatch)
class TargetWatchAdmin(Record):
    list_display = ("order_id", "target", "created", "touched", "ended", "outcome")
    ordering = ("-id",)
    raw_id_fields = ("order",)
    target = amount("target_px", gettext_lazy("Target"))
    created = utc("created_at", gettext_lazy("Created"))
    touched = utc("touched_at", gettext_lazy("Touched"))
    ended = utc("ended_at", gettext_lazy("Ended"))


@admin.register(ParentOrder)
class ParentOrderAdmin(Record):
    list_display = (
        "public_id", "account", "created", "instrument", "side", "qty", "slices", "requested_by",
        "reason", "closed",
    )  # fmt: skip
    list_filter = ("account",)
    list_select_related = ("account", "instrument")
    ordering = ("-id",)
    qty = amount("order_qty", gettext_lazy("Qty"))
    created = utc("created_at", gettext_lazy("Created"))
    closed = utc("closed_at", gettext_lazy("Closed"))
