"""The simulated venue's books: every read and write of its tables.

1. All of it goes through the `venue` connection and commits there, apart from the desk.
2. Whoever writes holds the account's advisory lock, so that the stream's ids are in commit order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import connections, transaction

from aitrader.kernel import ids
from aitrader.kernel.clock import iso
from aitrader.kernel.fix import ExecType, Liquidity, OrdStatus
from aitrader.kernel.money import ZERO
from trading.domain.execution_report import ExecutionReport
from trading.models import SimBalance, SimExecution, SimOrder, SimPosition
from trading.selectors import sql

DATABASE = "venue"
OPEN = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
_OPEN = "WHERE ord_status IN ('NEW', 'PARTIALLY_FILLED')"


class _Writes:
    """Counts this process's transactions, so that who is alone with the books may keep a copy."""

    count = 0


def writes() -> int:
    """How many transactions this process has begun on the books."""
    return _Writes.count


@contextmanager
def writing(account: str) -> Iterator[None]:
    """One transaction of the venue on one account."""
    _Writes.count += 1
    with transaction.atomic(using=DATABASE):
        with connections[DATABASE].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [account])
        yield


def order_of(cl_ord_id: str) -> SimOrder | None:
    found = sql.load(SimOrder, "WHERE cl_ord_id = %s", [cl_ord_id], using=DATABASE)
    return found[0] if found else None


def open_orders(account: str) -> list[SimOrder]:
    """The account's orders that can fill, oldest first."""
    clause = f"{_OPEN} AND account_code = %s ORDER BY id"
    return sql.load(SimOrder, clause, [account], using=DATABASE)


def add_order(row: SimOrder) -> None:
    sql.insert(row, using=DATABASE)


def save(row: SimOrder, *columns: str) -> None:
    sql.update(row, *columns, using=DATABASE)


def add_execution(
    order: SimOrder,
    exec_type: ExecType,
    *,
    at: datetime,
    seed: str,
    last_qty: Decimal = ZERO,
    last_px: Decimal = ZERO,
    fee: Decimal = ZERO,
    fee_asset: str = "",
    liquidity: Liquidity = Liquidity.TAKER,
    text: str = "",
) -> SimExecution:
    """Write one report; its id is derived from the order, the kind and the instant."""
    row = SimExecution(
        account_code=order.account_code,
        cl_ord_id=order.cl_ord_id,
        exec_id=ids.derive(seed, "sim.exec", order.cl_ord_id, exec_type, iso(at), order.cum_qty),
        exec_type=exec_type,
        instrument=order.instrument,
        cum_qty=order.cum_qty,
        last_qty=last_qty,
        last_px=last_px,
        fee=fee,
        fee_asset=fee_asset,
        liquidity=liquidity,
        transact_time=at,
        text=text,
    )
    return sql.insert(row, using=DATABASE)


def executions(account: str, *, after: int, limit: int) -> Sequence[SimExecution]:
    clause = "WHERE account_code = %s AND id > %s ORDER BY id LIMIT %s"
    return sql.load(SimExecution, clause, [account, after, limit], using=DATABASE)


def executions_of(cl_ord_id: str) -> Sequence[SimExecution]:
    clause = "WHERE cl_ord_id = %s ORDER BY id"
    return sql.load(SimExecution, clause, [cl_ord_id], using=DATABASE)


def trades(account: str, instrument: str, *, since: datetime) -> Sequence[SimExecution]:
    clause = (
        "WHERE account_code = %s AND instrument = %s AND exec_type = 'TRADE'"
        " AND transact_time >= %s ORDER BY id"
    )
    return sql.load(SimExecution, clause, [account, instrument, since], using=DATABASE)


def balances(account: str) -> dict[str, Decimal]:
    statement = "SELECT asset, amount FROM sim_venue_balance WHERE account_code = %s"
    return dict(sql.fetch_all(statement, [account], using=DATABASE))


def move(account: str, changes: dict[str, Decimal]) -> None:
    """Add to balances; an asset that is new starts at zero."""
    with connections[DATABASE].cursor() as cursor:
        for asset, change in changes.items():
            cursor.execute(
                "INSERT INTO sim_venue_balance (account_code, asset, amount) VALUES (%s, %s, %s) "
                "ON CONFLICT (account_code, asset) "
                "DO UPDATE SET amount = sim_venue_balance.amount + EXCLUDED.amount",
                [account, asset, change],
            )


def deposit(account: str, asset: str, amount: Decimal) -> None:
    """Fund an account once; a second call does nothing."""
    with writing(account):
        if not SimBalance.objects.using(DATABASE).filter(account_code=account).exists():
            move(account, {asset: amount})


def position_of(account: str, instrument: str) -> SimPosition:
    row, _ = SimPosition.objects.using(DATABASE).get_or_create(
        account_code=account, instrument=instrument
    )
    return row


def as_report(row: SimExecution) -> ExecutionReport:
    return ExecutionReport(
        cl_ord_id=row.cl_ord_id,
        order_id=f"SIM-{row.cl_ord_id}",
        exec_id=row.exec_id,
        exec_type=ExecType(row.exec_type),
        instrument=row.instrument,
        cum_qty=row.cum_qty,
        transact_time=row.transact_time,
        last_qty=row.last_qty,
        last_px=row.last_px,
        fee=row.fee,
        fee_asset=row.fee_asset,
        liquidity=Liquidity(row.liquidity),
        text=row.text,
    )
