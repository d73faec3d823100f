"""Money that comes from outside or goes there: deposits, withdrawals, what was held before.

1. A flow is booked as a ledger transaction between VENUE and EXTERNAL, once for its key.
2. On a SPOT account an asset that the desk trades is a position too, at the price of the moment:
   what is held counts in exposure, whoever brought it.
3. A flow is neither profit nor loss: the baselines of equity, peak and day move with it.
"""

from datetime import datetime
from decimal import Decimal

from aitrader.kernel.fix import AccountKind, Side
from aitrader.kernel.money import ONE, ZERO, product
from trading.domain import ledger
from trading.domain.position import FillFacts
from trading.models import InstrumentRow
from trading.selectors.desk import Desk
from trading.services import booking, order_rows


def book(
    *,
    desk: Desk,
    kind: str,
    key: str,
    asset: str,
    amount: Decimal,
    px: Decimal | None,
    at: datetime,
    opening: bool = False,
) -> None:
    """Book `amount` of `asset` (negative: it went out); `px` is its price in the account's base
    currency, None where nothing prices it. `opening`: the baselines count it already.

    The caller holds the account's lock.
    """
    booking.post(
        desk=desk, kind=kind, key=key, postings=ledger.postings_for_deposit(asset, amount), at=at
    )
    currency = desk.account.base_currency
    worth_px = ONE if asset == currency else px
    if worth_px is None:
        return
    row = _traded(desk, asset)
    if row is not None:
        _move_position(desk, row, amount, worth_px)
    if not opening:
        order_rows.of(desk).move_baselines(product(amount, worth_px), at)


def _traded(desk: Desk, asset: str) -> InstrumentRow | None:
    """The instrument as whose position the asset counts."""
    if desk.account.kind != AccountKind.SPOT:
        return None
    of_asset = (asset, desk.account.base_currency)
    return next(
        (row for row in desk.instruments.values() if (row.base, row.quote) == of_asset), None
    )


def _move_position(desk: Desk, row: InstrumentRow, amount: Decimal, px: Decimal) -> None:
    store = order_rows.of(desk)
    key, before = store.position(row)
    facts = FillFacts(
        side=Side.BUY if amount > 0 else Side.SELL,
        qty=abs(amount),
        px=px,
        fee=ZERO,
        fee_asset=row.quote,
        base=row.base,
        quote=row.quote,
    )
    after, _ = before.apply(facts)
    store.move_position(key, after)
