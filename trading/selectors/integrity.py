"""Whether the books agree with themselves, with the venue and with the journal.

Every check is a query over all rows, written apart from the code that made them.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection

from aitrader.kernel.fix import AccountKind
from aitrader.kernel.money import ZERO, stored
from trading.domain.ports import Gateway
from trading.models import Account, Balance, Order
from trading.selectors.account_state import AccountState

_LEDGER_SUMS = """
SELECT posting.asset, sum(posting.amount) FROM trading_ledger_posting posting
  JOIN trading_ledger_transaction entry ON entry.id = posting.transaction_id
 WHERE entry.account_id = %s GROUP BY posting.asset ORDER BY posting.asset
"""
_UNBALANCED = """
SELECT count(*) FROM (
    SELECT transaction_id FROM trading_ledger_posting
     GROUP BY transaction_id, asset HAVING sum(amount) <> 0) broken
"""
_BALANCE_DRIFT = """
SELECT count(*) FROM (
    SELECT posting.asset, sum(posting.amount) AS amount FROM trading_ledger_posting posting
      JOIN trading_ledger_transaction entry ON entry.id = posting.transaction_id
     WHERE entry.account_id = %(account)s AND posting.ledger_account = 'VENUE'
     GROUP BY posting.asset) ledger
  FULL JOIN (SELECT asset, amount FROM trading_balance WHERE account_id = %(account)s) held
    ON held.asset = ledger.asset
 WHERE coalesce(held.amount, 0) <> coalesce(ledger.amount, 0)
"""
_POSITION_DRIFT = """
SELECT count(*) FROM trading_position held
  JOIN trading_instrument instrument ON instrument.id = held.instrument_id
 WHERE held.account_id = %(account)s AND held.quantity <> coalesce((
    SELECT sum(CASE fill.side WHEN 'BUY' THEN fill.last_qty ELSE -fill.last_qty END
               - CASE WHEN instrument.kind = 'SPOT' AND fill.fee_asset = instrument.base
                      THEN fill.fee ELSE 0 END)
      FROM trading_fill fill
     WHERE fill.account_id = held.account_id AND fill.instrument_id = held.instrument_id
       AND NOT EXISTS (SELECT 1 FROM trading_ledger_transaction entry
                        WHERE entry.fill_id = fill.id AND entry.kind = 'VOID')), 0)
   - coalesce((
    SELECT sum(posting.amount) FROM trading_ledger_posting posting
      JOIN trading_ledger_transaction entry ON entry.id = posting.transaction_id
      JOIN trading_account account ON account.id = entry.account_id
     WHERE entry.account_id = held.account_id AND posting.ledger_account = 'EXTERNAL'
       AND posting.asset = instrument.base AND instrument.quote = account.base_currency
       AND instrument.kind = 'SPOT'), 0)
"""
_ORDER_DRIFT = """
SELECT count(*) FROM trading_order o WHERE o.account_id = %(account)s AND (
    o.filled_qty <> o.cum_qty OR o.cum_qty > o.order_qty OR o.filled_qty <> coalesce((
        SELECT sum(last_qty) FROM trading_fill WHERE order_id = o.id), 0))
"""
_FILLS_WITHOUT = """
SELECT count(*) FROM trading_fill fill WHERE fill.account_id = %(account)s AND (
    NOT EXISTS (SELECT 1 FROM trading_ledger_transaction entry WHERE entry.fill_id = fill.id)
    OR NOT EXISTS (
        SELECT 1 FROM compliance_journalentry entry JOIN trading_order o ON o.id = fill.order_id
         WHERE entry.object_type = 'order' AND entry.object_id = o.public_id
           AND entry.event = 'order.filled'
           AND position(fill.exec_id IN convert_from(entry.payload, 'UTF8')) > 0))
"""
_UNNUMBERED = """
SELECT count(*) FROM compliance_journalentry entry
  LEFT JOIN compliance_journalleaf leaf ON leaf.entry_id = entry.id WHERE leaf.entry_id IS NULL
"""


def ledger_sums(account: Account) -> dict[str, Decimal]:
    """Sum of all postings per asset; zero for each, or the books are broken."""
    with connection.cursor() as cursor:
        cursor.execute(_LEDGER_SUMS, [account.pk])
        return dict(cursor.fetchall())


def checks(account: Account, gateway: Gateway, state: AccountState) -> Mapping[str, bool]:
    """Each check by name, True where it holds."""

    def none(statement: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"account": account.pk})
            return bool(cursor.fetchone()[0] == 0)

    return {
        "ledger_transactions_balance": none(_UNBALANCED),
        "ledger_sums_are_zero": all(total == 0 for total in ledger_sums(account).values()),
        "balances_equal_ledger": none(_BALANCE_DRIFT),
        "balances_equal_venue": _balances(account)
        == _non_zero(gateway.balances(account=account.code)),
        "positions_equal_fills": none(_POSITION_DRIFT),
        "orders_equal_fills": none(_ORDER_DRIFT),
        "orders_equal_venue": _orders_equal_venue(account, gateway),
        "fills_in_ledger_and_journal": none(_FILLS_WITHOUT),
        "no_unknown_orders": not Order.objects.filter(account=account)
        .exclude(certainty="CERTAIN")
        .exists(),
        "equity_adds_up": _equity_adds_up(account, state),
        "journal_is_numbered": none(_UNNUMBERED),
    }


def _balances(account: Account) -> dict[str, Decimal]:
    return _non_zero(dict(Balance.objects.filter(account=account).values_list("asset", "amount")))


def _non_zero(balances: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in balances.items() if amount != 0}


def _orders_equal_venue(account: Account, gateway: Gateway) -> bool:
    """Open orders are the same here and there, and so are the fills of every sent order."""
    working = Order.objects.filter(account=account, ord_status__in=["NEW", "PARTIALLY_FILLED"])
    ours = set(working.values_list("cl_ord_id", flat=True))
    if ours != {each.cl_ord_id for each in gateway.open_orders(account=account.code)}:
        return False
    place = 0
    theirs: dict[str, tuple[str, Decimal, Decimal]] = {}
    while batch := gateway.executions(account=account.code, after=place, limit=5000):
        place = batch[-1].seq
        theirs |= {
            each.report.exec_id: (each.report.cl_ord_id, each.report.last_qty, each.report.last_px)
            for each in batch
            if each.report.last_qty
        }
    rows = account.fills.values_list("exec_id", "order__cl_ord_id", "last_qty", "last_px")
    return {row[0]: row[1:] for row in rows} == theirs


def _equity_adds_up(account: Account, state: AccountState) -> bool:
    """equity = opening + realised + unrealised − fees, to the last stored decimal."""
    instruments = account.fills.values_list("fee_asset", "instrument__base", "instrument__quote")
    if any(asset not in (base, quote) for asset, base, quote in instruments.distinct()):
        # A fee asset of its own gains and loses worth after it was paid, or has no rate at all,
        # which makes equity unknown: there is no such sum to check.
        return True
    if state.equity is None or state.unrealised_pnl is None:
        return False
    expected = account.opening_equity + state.realised_pnl + state.unrealised_pnl - state.fees
    rounding = stored(Decimal(1).scaleb(-18)) * 4 * max(1, account.fills.count())
    tolerance = rounding if account.kind == AccountKind.SPOT else ZERO
    return abs(state.equity - expected) <= tolerance
