"""Changing the rules of an instrument.

1. Tick and lot stay once an order exists: the prices and quantities on record are multiples of
   them. The turns of the desks that trade it are held meanwhile, so no order slips in between.
2. Every change is journalled with the values before and after.
3. Desks and markets read the rules when they start: a change is in force from the next start.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.money import ONE, ZERO, amount, plain, qty_to_lot, stored
from compliance.services import journal
from trading.models import Feed, InstrumentRow, Order
from trading.services import turns
from trading.services.orders import require_reason

#: What may be changed, with the least value and whether that value itself is allowed.
RULES: Mapping[str, tuple[Decimal, bool]] = {
    "max_bar_range": (ZERO, False),
    "min_qty": (ZERO, False),
    "min_notional": (ZERO, True),
    "tick": (ZERO, False),
    "lot": (ZERO, False),
}
#: A bar that doubles is no price to open a position at, whoever says so.
WIDEST_BAR = ONE
#: What the columns hold, with room to spare.
_MOST = Decimal(10) ** 15
_FIXED_BY_ORDERS = ("tick", "lot")


def read_rules(given: Mapping[str, object]) -> dict[str, Decimal]:
    """Rules as they are stored. Raises BadInput naming the rule that is wrong."""
    found = {}
    for name, value in given.items():
        if name not in RULES:
            raise BadInput(f"unknown rule {name!r}; known are {', '.join(RULES)}")
        number = amount(value, what=name)
        if number > _MOST:
            raise BadInput(f"{name} is above {plain(_MOST)}")
        number = stored(number)
        least, itself = RULES[name]
        if number < least or (number == least and not itself):
            raise BadInput(f"{name} {plain(number)} must be {'at least' if itself else 'above'} 0")
        found[name] = number
    if found.get("max_bar_range", ZERO) > WIDEST_BAR:
        raise BadInput(
            f"max_bar_range {plain(found['max_bar_range'])} is above {plain(WIDEST_BAR)}"
            " (it is a share of the bar's open)"
        )
    return found


def change_instrument(
    *, instrument_id: int, rules: Mapping[str, object], actor: str, reason: str, now: datetime
) -> InstrumentRow | None:
    """Change rules of an instrument; None when it has these values already. `now` is wall time.

    Raises BadInput for an unknown rule or a bad value, Refused without a reason, or for another
    tick or lot once an order exists.
    """
    reason = require_reason(reason)
    wanted = read_rules(rules)
    with _traders_waiting(instrument_id), transaction.atomic():
        row = InstrumentRow.objects.select_for_update(of=("self",), no_key=True).get(
            pk=instrument_id
        )
        before = {name: getattr(row, name) for name in wanted}
        changed = [name for name in wanted if before[name] != wanted[name]]
        if not changed:
            return None
        fixed = [name for name in changed if name in _FIXED_BY_ORDERS]
        if fixed and Order.objects.filter(instrument=row).exists():
            raise Refused(f"{row.code} has orders: its {fixed[0]} stays {plain(before[fixed[0]])}")
        for name in changed:
            setattr(row, name, wanted[name])
        if row.min_qty != qty_to_lot(row.min_qty, row.lot):
            raise BadInput(
                f"min_qty {plain(row.min_qty)} is not a multiple of the lot {plain(row.lot)}"
            )
        row.save(update_fields=changed)
        event = Event(
            name=EventName.INSTRUMENT_CHANGED,
            actor=actor,
            object_type="instrument",
            object_id=row.code,
            market_at=_market_at(row) or now,
            data={
                "reason": reason,
                "before": {name: before[name] for name in changed},
                "after": {name: wanted[name] for name in changed},
            },
        )
        journal.record([event], now=now)
    return row


@contextmanager
def _traders_waiting(instrument_id: int) -> Iterator[None]:
    feeds = Feed.objects.filter(instruments__instrument=instrument_id).order_by("account_id")
    with ExitStack() as held:
        for account_id in feeds.values_list("account_id", flat=True):
            held.enter_context(turns.alone(account_id))
        yield


def _market_at(row: InstrumentRow) -> datetime | None:
    feeds = Feed.objects.filter(instruments__instrument=row, market_at__isnull=False)
    return feeds.order_by("-started_at").values_list("market_at", flat=True).first()
