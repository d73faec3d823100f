"""Orders and the journal: from a fill on screen to its numbered entry in two clicks.

1. A record says whose it is: account, mode and source of its own run, which need not be on screen.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from aitrader.kernel.fix import WORKING, OrdStatus
from compliance.selectors import journal, leaves
from dashboard.frame import frame, render
from dashboard.templatetags.desk import pretty
from trading.selectors import blotter, order_story, runs

PAGE = 50
#: The tabs of the order list, by what stands in the address.
TABS: dict[str, frozenset[str]] = {
    "working": frozenset(str(status) for status in WORKING),
    "filled": frozenset({OrdStatus.FILLED, OrdStatus.PARTIALLY_FILLED}),
    "denied": frozenset({OrdStatus.DENIED, OrdStatus.REJECTED}),
    "canceled": frozenset({OrdStatus.CANCELED, OrdStatus.EXPIRED}),
}


@never_cache
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """All orders of the account, newest first, by cursor."""
    seen = frame()
    before = _number(request.GET.get("before"))
    show = request.GET.get("show", "")
    rows = (
        blotter.orders(
            seen.desk.account_id,
            limit=PAGE + 1,
            before=before,
            pin_unknown=False,
            statuses=TABS.get(show),
        )
        if seen.desk
        else []
    )
    older = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render(
        request,
        "dashboard/orders.html",
        frame=seen,
        page="orders",
        paged=True,
        orders=rows[:PAGE],
        older=older,
        first=before is None,
        show=show if show in TABS else "",
        tabs=[
            ("", _("All")),
            ("working", _("Working")),
            ("filled", _("Filled")),
            ("denied", _("Denied or rejected")),
            ("canceled", _("Cancelled or expired")),
        ],
    )


@never_cache
@require_safe
def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """One order from the signal to the ledger, with its journal entries."""
    found = order_story.story(public_id)
    if found is None:
        raise Http404
    entries = journal.for_trace(found.trace_id) if found.trace_id else []
    own = [entry for entry in entries if _concerns(entry, found)]
    hashes = leaves.leaves([entry.leaf_index for entry in own])
    return render(
        request,
        "dashboard/order.html",
        page="orders",
        story=found,
        run=runs.of_account(found.order.account_id),
        o=found.line,
        entries=[(entry, hashes[entry.leaf_index], _facts(entry)) for entry in own],
        others=len(entries) - len(own),
    )


@never_cache
@require_safe
def journal_list(request: HttpRequest) -> HttpResponse:
    """The journal, newest first, by number."""
    size = journal.size()
    top = _number(request.GET.get("from"))
    top = size - 1 if top is None or top >= size else top
    bottom = max(-1, top - PAGE)
    rows = journal.entries_after(bottom, top - bottom)[::-1] if top >= 0 else []
    return render(
        request,
        "dashboard/journal.html",
        page="journal",
        rows=[(entry, _facts(entry)) for entry in rows],
        size=size,
        older=bottom if bottom >= 0 else None,
        newer=min(top + PAGE, size - 1) if top < size - 1 else None,
    )


@never_cache
@require_safe
def leaf(request: HttpRequest, leaf_index: int) -> HttpResponse:
    """One entry: what it says, the bytes it is made of, and the hash of them."""
    entry = journal.entry(leaf_index)
    if entry is None:
        raise Http404
    found = leaves.leaves([leaf_index])[leaf_index]
    return render(
        request,
        "dashboard/leaf.html",
        page="journal",
        entry=entry,
        run=runs.of_entry(
            actor=entry.actor,
            object_type=entry.object_type,
            object_id=entry.object_id,
            trace_id=entry.trace_id,
            data=entry.data,
        ),
        leaf=found,
        text=found.payload.decode("utf-8", "replace"),
        facts=[(key, pretty(value)) for key, value in sorted(entry.data.items())],
        related=journal.for_trace(entry.trace_id)[:50] if entry.trace_id else [],
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None


def _concerns(entry: journal.Entry, story: order_story.Story) -> bool:
    mine = {story.order.public_id, story.order.cl_ord_id}
    if story.signal is not None:
        mine.add(story.signal.public_id)
    return entry.object_id in mine or bool(mine & {str(v) for v in entry.data.values()})


_LOUD = (
    "side", "order_qty", "last_qty", "last_px", "fee", "ord_status", "stance", "instrument",
    "reason", "text", "key", "value",
)  # fmt: skip


def _facts(entry: journal.Entry) -> str:
    """The few words of an entry that fit a line."""
    found = [f"{key} {pretty(entry.data[key])}" for key in _LOUD if entry.data.get(key)]
    return " · ".join(found)[:160]
