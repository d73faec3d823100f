"""The venues' page: what each gateway does, and how it stands with its venue, from rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from aitrader.kernel.fix import OrdType, TimeInForce
from dashboard.frame import frame, render
from trading.selectors import venue_sheet
from trading.selectors.venue_sheet import Sheet

#: Rules of instruments that were read longer ago are said to be old.
OLD_RULES = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Ability:
    """One line of the capability matrix: words that the venue takes, and those that it does not."""

    name: str
    yes: list[str] = field(default_factory=list)
    no: list[str] = field(default_factory=list)


@never_cache
@require_safe
def venues(request: HttpRequest) -> HttpResponse:
    """Every venue in use."""
    seen = frame()
    found = venue_sheet.sheets(seen.now)
    return render(
        request,
        "dashboard/venues.html",
        frame=seen,
        page="venues",
        venues=[(sheet, _abilities(sheet)) for sheet in found],
        rules_since=seen.now - OLD_RULES,
    )


def _abilities(sheet: Sheet) -> list[Ability]:
    if sheet.facts is None or not sheet.facts.capabilities:
        return []
    told = sheet.facts.capabilities
    groups = [" + ".join(group) for group in told.get("oco", [])]
    return [
        _among(_("Order types"), [each.value for each in OrdType], told.get("ord_types", [])),
        _among(
            _("Time in force"), [each.value for each in TimeInForce], told.get("times_in_force", [])
        ),
        _among(
            _("Time in force of stop-limits"),
            [each.value for each in TimeInForce],
            told.get("stop_times_in_force", []),
        ),
        _among(_("Post-only"), [_("limit orders")], [_("limit orders")] * told.get("post_only", 0)),
        Ability(_("One cancels the other"), groups, [] if groups else [_("no groups")]),
        Ability(_("Amend"), [], [_("cancel, then a new order")]),
        Ability(_("Client order id"), [_promise(told)]),
        _news(told),
    ]


def _among(name: str, every: list[str], chosen: list[str]) -> Ability:
    return Ability(
        name, [each for each in every if each in chosen], [w for w in every if w not in chosen]
    )


def _news(told: Mapping[str, object]) -> Ability:
    if told.get("streams"):
        return Ability(_("User stream"), [_("tells everything")])
    if told.get("line"):
        return Ability(_("User stream"), [_("hints: what it says is asked about")])
    return Ability(_("User stream"), [], [_("none: orders are asked about")])


def _promise(told: Mapping[str, object]) -> str:
    words = {
        "IDEMPOTENT": _("kept for ever: sent again, an order is the same order"),
        "OPEN_ONLY": _("unique among open orders: an order in doubt is never sent again"),
        "NONE": _("nothing promised: an order in doubt is never sent again"),
    }
    return words.get(str(told.get("client_id_class")), str(told.get("client_id_class")))
