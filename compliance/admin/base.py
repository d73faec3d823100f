"""How rows look in the admin, and what may never be done to them there.

1. A record is looked at and nothing else: no role, no flag and no inherited action changes that.
2. A command is a dialog: a GET shows a form, a POST does it through a service, a right guards it.
3. Instants are UTC, to the second.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from aitrader.kernel.clock import WALL, iso
from aitrader.kernel.errors import AitraderError
from aitrader.kernel.money import plain

#: Translated when it is shown, not when the module is read.
Title = str | Promise


class Configuration(ModelAdmin):
    """Rows that roles may change as the table of roles says; nothing is deleted."""

    list_per_page = 50
    show_full_result_count = False
    actions = None
    compressed_fields = True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Record(Configuration):
    """Rows that are only looked at."""

    paginator = InfinitePaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def amount(field: str, title: Title) -> Callable[[Any, Any], str]:
    """A column with a number: no exponent, no trailing zeros."""

    def column(self: Any, row: Any) -> str:
        value = getattr(row, field)
        return "—" if value is None else plain(value)

    column.short_description = title  # type: ignore[attr-defined]  # read by the admin
    column.admin_order_field = field  # type: ignore[attr-defined]  # as above
    return column


def utc(field: str, title: Title) -> Callable[[Any, Any], str]:
    """A column with an instant: date, time to the second, zone."""

    def column(self: Any, row: Any) -> str:
        value: datetime | None = getattr(row, field)
        return iso(value)[:19].replace("T", " ") + " UTC" if value else "—"

    column.short_description = title  # type: ignore[attr-defined]  # read by the admin
    column.admin_order_field = field  # type: ignore[attr-defined]  # as above
    return column


def carry_out(request: HttpRequest, to: str, perform: Callable[[], str]) -> HttpResponse:
    """Run a command of a dialog and go to a page that says what became of it."""
    try:
        messages.success(request, perform())
    except ObjectDoesNotExist:
        raise Http404 from None
    except AitraderError as error:
        messages.error(request, str(error))
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": to})
    return redirect(to)


def actor(request: HttpRequest) -> str:
    """The name under which the journal knows the operator."""
    return f"operator:{request.user.get_username()}"


def wall() -> datetime:
    """Wall time of a command."""
    return WALL.now()
