"""What moves an account's money from outside the exchange: deposits, withdrawals, locks.

Venue document: venues.md X24 (external trade, deposit, withdrawal, lock).
"""

from collections.abc import Callable
from decimal import Decimal

from aitrader.kernel.errors import BadInput
from trading.sandbox.events import BalanceCause
from trading.sandbox.rules import Refusal, Refused
from trading.sandbox.state import State


def move(
    state: State, cause: BalanceCause, account: str, asset: str, amount: Decimal
) -> Refused | None:
    """Do it and tell it; INSUFFICIENT_BALANCE if there is less. Raises BadInput: unknown account,
    amount not > 0. `amount` is in `asset`."""
    if account not in state.policies:
        raise BadInput(f"the exchange has no account {account!r}")
    if not amount.is_finite() or amount <= 0:
        raise BadInput(f"{amount} is not a positive amount")
    accounts = state.accounts
    steps: dict[BalanceCause, tuple[Callable[[str, str, Decimal], bool], int, int]] = {
        # What to call, with which sign, and the sign of the change of free that is told.
        BalanceCause.DEPOSIT: (accounts.issue, 1, 1),
        BalanceCause.WITHDRAWAL: (accounts.issue, -1, -1),
        BalanceCause.LOCK: (accounts.lock_outside, 1, -1),
        BalanceCause.UNLOCK: (accounts.lock_outside, -1, 1),
    }
    act, sign, told = steps[cause]
    if not act(account, asset, amount * sign):
        return Refused(Refusal.INSUFFICIENT_BALANCE, f"{account} has less than {amount} {asset}")
    state.flush(cause, amount * told)
    return None
