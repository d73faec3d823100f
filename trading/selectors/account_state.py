"""What an account holds and is worth at a set of mark prices.

1. Equity is None when anything held has no mark price or no conversion rate: never guessed.
2. SPOT: Σ balance × mark. PERP: balance of the base currency + Σ unrealised PnL.
3. What is held of an asset that none of the desk's instruments prices counts as nothing; what is
   owed of one leaves equity unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ZERO, product, stored
from trading.domain.position import PositionState
from trading.models import Account, InstrumentRow
from trading.selectors import sql

BALANCES = sql.Select("SELECT asset, amount FROM trading_balance WHERE account_id = %(account)s", 2)
POSITIONS = sql.Select(
    """
SELECT instrument_id, quantity, cost, realised_pnl, fees FROM trading_position
 WHERE account_id = %(account)s
""",
    5,
)
_HOLDINGS = sql.Together(BALANCES, POSITIONS)


@dataclass(frozen=True, slots=True)
class Mark:
    """A price in quote per base and the instant it was true."""

    px: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountState:
    """`positions` by instrument id; money in the account's base currency; None is unknown."""

    balances: Mapping[str, Decimal]
    positions: Mapping[int, PositionState]
    equity: Decimal | None
    cash: Decimal
    unrealised_pnl: Decimal | None

    @property
    def realised_pnl(self) -> Decimal:
        return sum((each.realised_pnl for each in self.positions.values()), ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((each.fees for each in self.positions.values()), ZERO)


def holdings(account: Account) -> tuple[dict[str, Decimal], dict[int, PositionState]]:
    """Balances by asset and positions by instrument id."""
    balances, positions = _HOLDINGS.fetch({"account": account.pk})
    return dict(balances), read_positions(account, positions)


def read_positions(account: Account, rows: Iterable[Any]) -> dict[int, PositionState]:
    """Rows of `POSITIONS`, by instrument id."""
    kind = AccountKind(account.kind)
    return {instrument_id: PositionState(kind, *rest) for instrument_id, *rest in rows}


def value(
    account: Account,
    instruments: Mapping[int, InstrumentRow],
    balances: Mapping[str, Decimal],
    positions: Mapping[int, PositionState],
    marks: Mapping[int, Mark],
) -> AccountState:
    """Value what is held at these marks."""
    unrealised = _unrealised(account, instruments, positions, marks)
    cash = balances.get(account.base_currency, ZERO)
    if account.kind == AccountKind.PERP:
        others = [asset for asset, held in balances.items() if held]
        foreign = any(asset != account.base_currency for asset in others)
        equity = None if unrealised is None or foreign else stored(cash + unrealised)
    else:
        equity = _spot_equity(account, instruments, balances, marks)
    return AccountState(balances, positions, equity, cash, unrealised)


def _unrealised(
    account: Account,
    instruments: Mapping[int, InstrumentRow],
    positions: Mapping[int, PositionState],
    marks: Mapping[int, Mark],
) -> Decimal | None:
    total = ZERO
    for instrument_id, position in positions.items():
        if position.quantity == 0:
            continue
        mark = marks.get(instrument_id)
        if mark is None or instruments[instrument_id].quote != account.base_currency:
            return None
        total += position.unrealised(mark.px)
    return total


def _spot_equity(
    account: Account,
    instruments: Mapping[int, InstrumentRow],
    balances: Mapping[str, Decimal],
    marks: Mapping[int, Mark],
) -> Decimal | None:
    prices = {
        instruments[instrument_id].base: mark.px
        for instrument_id, mark in marks.items()
        if instruments[instrument_id].quote == account.base_currency
    }
    prices[account.base_currency] = Decimal(1)
    traded = {row.base for row in instruments.values()} | {
        row.quote for row in instruments.values()
    }
    total = ZERO
    for asset, held in balances.items():
        if held == 0:
            continue
        if asset not in prices:
            if held > 0 and asset not in traded:
                continue
            return None
        total += product(held, prices[asset])
    return total
