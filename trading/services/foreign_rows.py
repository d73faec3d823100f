"""What is read to take in what other hands did, as rows of PostgreSQL: a part of `OrderStore`."""

from collections.abc import Collection
from datetime import datetime

from aitrader.kernel.fix import Side
from trading.models import Account, Fill, InstrumentRow, Order
from trading.selectors.order_store import KeptFill
from trading.services.book_rows import BookRows


class ForeignRows(BookRows):
    """Implements the part of `OrderStore` that is about other hands."""

    def looked_at(self) -> tuple[datetime | None, datetime | None]:
        rows = Account.objects.values_list("held_at", "reconciled_at")
        return rows.get(pk=self.account.pk)

    def known_among(self, cl_ord_ids: Collection[str]) -> set[str]:
        rows = Order.objects.filter(cl_ord_id__in=cl_ord_ids)
        return set(rows.values_list("cl_ord_id", flat=True))

    def of_venue(self, row: InstrumentRow, order_ids: Collection[str]) -> dict[str, Order]:
        rows = Order.objects.filter(account=self.account, instrument=row, order_id__in=order_ids)
        found = {order.order_id: order for order in rows.order_by("-pk")}
        for order in found.values():
            order.instrument = row
        return found

    def is_unseen(self, row: InstrumentRow, side: Side, text: str) -> bool:
        rows = Order.objects.filter(account=self.account, instrument=row, side=side, order_id="")
        return rows.filter(text=text).exists()

    def standing_fills(self, row: InstrumentRow, since: datetime) -> list[KeptFill]:
        rows = Fill.objects.filter(account=self.account, instrument=row, transact_time__gte=since)
        found = rows.exclude(entries__kind="VOID").order_by("transact_time", "pk")
        return [
            KeptFill(
                each.pk, each.order_id, row.pk, each.exec_id, Side(each.side), each.last_qty,
                each.last_px, each.fee, each.fee_asset, each.transact_time,
            )
            for each in found
        ]  # fmt: skip
