"""What is kept and read to take in what other hands did, in memory: a part of `OrderStore`."""

from collections.abc import Collection
from datetime import datetime

from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import Side
from trading.models import InstrumentRow, Order
from trading.sandbox.memory import Memory, copied
from trading.selectors.order_store import KeptFill


class ForeignMemory:
    """Implements the part of `OrderStore` that is about other hands."""

    _memory: Memory

    def looked_at(self) -> tuple[datetime | None, datetime | None]:
        account = self._memory.account
        return account["held_at"], account.get("reconciled_at")

    def reconciled(self, at: Moment) -> None:
        self._memory.put(self._memory.account, "reconciled_at", at.wall)

    def known_among(self, cl_ord_ids: Collection[str]) -> set[str]:
        return {each for each in cl_ord_ids if each in self._memory.by_client}

    def of_venue(self, row: InstrumentRow, order_ids: Collection[str]) -> dict[str, Order]:
        found: dict[str, Order] = {}
        for order in self._memory.orders.values():
            if order.instrument_id == row.pk and order.order_id in order_ids:
                found.setdefault(order.order_id, copied(order))
        return found

    def is_unseen(self, row: InstrumentRow, side: Side, text: str) -> bool:
        return any(
            (order.instrument_id, order.side, order.order_id, order.text)
            == (row.pk, side, "", text)
            for order in self._memory.orders.values()
        )

    def standing_fills(self, row: InstrumentRow, since: datetime) -> list[KeptFill]:
        found = [
            each
            for each in self._memory.fills.values()
            if each.instrument_id == row.pk
            and each.transact_time >= since
            and each.pk not in self._memory.voided
        ]
        return sorted(found, key=lambda each: (each.transact_time, each.pk))
