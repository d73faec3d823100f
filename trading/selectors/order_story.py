"""One order from the signal to the ledger: what the order page tells."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Subquery

from trading.models import CancelRequest, Fill, LedgerPosting, LedgerTransaction, Order, Signal
from trading.selectors.blotter import OrderLine, order_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Rows of the order, to be read only; `checks` are the gate's verdicts as it kept them. A fill
    that the venue took back has `voided_at`, and counts in no sum here."""

    line: OrderLine
    order: Order
    signal: Signal | None
    checks: list[dict[str, Any]]
    fills: list[Any]
    postings: list[LedgerPosting]
    cancels: list[CancelRequest]
    trace_id: str
    fees: dict[str, Decimal]
    first_fill_at: datetime | None


def story(public_id: str) -> Story | None:
    """The order and what followed from it, or None (five queries)."""
    row = (
        Order.objects.select_related(
            "instrument",
            "version__strategy",
            "signal",
            "account",
            "trade",
            "decision",
            "target_watch",
        )
        .filter(public_id=public_id)
        .first()
    )
    if row is None:
        return None
    cancels = list(CancelRequest.objects.filter(order=row).order_by("requested_at", "id"))
    # The blotter's query adds this column; here the requests are at hand.
    waiting = any(wish.answered_at is None for wish in cancels)
    row.cancel_open = waiting  # type: ignore[attr-defined]  # see above
    voids = LedgerTransaction.objects.filter(fill=OuterRef("pk"), kind="VOID")
    told = Fill.objects.filter(order=row).annotate(voided_at=Subquery(voids.values("at")[:1]))
    fills = list(told.order_by("transact_time", "id"))
    postings = list(
        LedgerPosting.objects.filter(
            transaction__in=LedgerTransaction.objects.filter(fill__in=fills)
        )
        .select_related("transaction")
        .order_by("transaction_id", "id")
    )
    fees: dict[str, Decimal] = {}
    for fill in fills:
        if fill.voided_at is not None:
            continue
        fees[fill.fee_asset] = fees.get(fill.fee_asset, Decimal(0)) + fill.fee
    return Story(
        line=order_line(row),
        order=row,
        signal=row.signal,
        checks=list(row.decision.verdicts) if row.decision else [],
        fills=fills,
        postings=postings,
        cancels=cancels,
        trace_id=row.trace_id,
        fees=fees,
        first_fill_at=fills[0].transact_time if fills else None,
    )
