"""The books of one account at an exchange against what the exchange itself knows of it.

1. The exchange is right: what it was asked for its truth is never what a lagging read would say.
2. Orders of other hands bear client ids that begin with `hand-`; gone before anybody looked, they
   are known by their trades.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from aitrader.kernel.fix import WORKING
from tests.simulation.conftest import rows_of

Rows = Mapping[str, list[dict[str, Any]]]
_OF = "WHERE account_id = (SELECT id FROM trading_account {which})"


def books(database: str, account: str = "") -> Rows:
    """What the desk has written of an account, by its code; of the only one, without."""
    which = f"WHERE code = '{account}'" if account else ""
    of = _OF.format(which=which)
    return {
        "orders": rows_of(
            database, f"SELECT cl_ord_id, ord_status, cum_qty FROM trading_order {of}"
        ),
        "fills": rows_of(
            database,
            f"SELECT exec_id, side, last_qty, last_px, fee, fee_asset FROM trading_fill {of}",
        ),
        "balances": rows_of(database, f"SELECT asset, amount FROM trading_balance {of}"),
    }


def wrong(ours: Rows, truth: Rows, *, named: bool = True) -> list[str]:
    """Orders and fills that are lost, doubled, invented or known otherwise; unequal balances. A
    protocol that names trades by itself has them not `named` as the exchange does."""
    return [*_orders(ours, truth), *_fills(ours, truth, named), *_balances(ours, truth)]


def _taken_back(truth: Rows) -> Mapping[str, Decimal]:
    """How much of each order was voided: here it stays as it was told."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in truth["fills"]:
        if each["busted"]:
            found[each["cl_ord_id"]] += Decimal(each["last_qty"])
    return found


def _orders(ours: Rows, truth: Rows) -> Iterator[str]:
    back = _taken_back(truth)
    names = Counter(each["cl_ord_id"] for each in truth["orders"])
    known = {row["cl_ord_id"]: row for row in ours["orders"]}
    yield from (f"taken {count} times: {name}" for name, count in names.items() if count > 1)
    for each in truth["orders"]:
        row = known.get(each["cl_ord_id"])
        said = (each["ord_status"], Decimal(each["cum_qty"]))
        pair = [known[name] for name in each["cl_ord_id"].split("_") if name in known]
        if len(pair) == 2:
            yield from _pair(pair, *said)
        elif row is None:
            if not each["cl_ord_id"].startswith("hand-"):
                yield f"not known: {each['cl_ord_id']}"
        elif each["cl_ord_id"] in back:
            if row["cum_qty"] != said[1] + back[each["cl_ord_id"]]:
                yield f"known otherwise: {row}, {said}, and taken back"
        elif (row["ord_status"], row["cum_qty"]) != said:
            yield f"known otherwise: {row}, {said}"
    there = {part for name in names for part in (name, *name.split("_"))}
    for name, row in known.items():
        if name not in there and row["cum_qty"] > 0 and not name.startswith("EXT-"):
            yield f"not there: {name}"


def _pair(pair: list[dict[str, Any]], ord_status: str, cum_qty: Decimal) -> Iterator[str]:
    """Two orders of ours that are one of the exchange's."""
    sold = sum((row["cum_qty"] for row in pair), Decimal(0))
    if sold != cum_qty or {row["ord_status"] in WORKING for row in pair} != {ord_status in WORKING}:
        yield f"a pair known otherwise: {pair}, {ord_status} {cum_qty}"


def _fills(ours: Rows, truth: Rows, named: bool) -> Iterator[str]:
    first = 0 if named else 1
    theirs = Counter(_trade(each)[first:] for each in truth["fills"])
    booked = Counter(tuple(row.values())[first:] for row in ours["fills"])
    yield from (f"lost: {each}" for each in theirs - booked)
    yield from (f"phantom, or booked twice: {each}" for each in booked - theirs)


def _trade(each: Mapping[str, Any]) -> tuple[object, ...]:
    numbers = (Decimal(each[name]) for name in ("last_qty", "last_px", "fee"))
    return (str(each["trade_id"]), each["side"], *numbers, each["fee_asset"])


def _balances(ours: Rows, truth: Rows) -> Iterator[str]:
    held = {
        each["asset"]: Decimal(each["free"]) + Decimal(each["locked"]) for each in truth["balances"]
    }
    booked = {row["asset"]: row["amount"] for row in ours["balances"]}
    for asset in sorted(held.keys() | booked.keys()):
        here, there = booked.get(asset, Decimal(0)), held.get(asset, Decimal(0))
        if here != there:
            yield f"{asset}: ours {here}, theirs {there}"
