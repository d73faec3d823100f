"""An auditor who trusts nobody: reads the venue's tables and the desk's by SQL and adds up again.

1. It uses no code of the product: own statements, own arithmetic (fractions, never rounded).
2. `findings` is empty when what must hold within one database holds.
3. `books` is what two runs of the same market must have in common to the last digit.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
# Each rounding to 18 decimals is off by half a unit at most.
_UNIT = Fraction(1, 10**18)

_BOOKS: Mapping[str, str] = {
    "fills": """
        SELECT f.exec_id, o.cl_ord_id, f.side, f.last_qty, f.last_px, f.fee, f.fee_asset,
               f.realised_pnl, f.liquidity, f.transact_time
          FROM trading_fill f JOIN trading_order o ON o.id = f.order_id ORDER BY f.exec_id""",
    "orders": """
        SELECT o.cl_ord_id, o.intent_id, o.origin, o.side, o.ord_type, o.order_qty, o.price,
               o.stop_px, o.trailing_bps, o.oco_group, o.closing, o.reduce_only, o.reason,
               o.reference_px, o.ord_status, o.certainty, o.cum_qty, o.filled_qty,
               o.filled_notional, o.approved, o.created_at, o.expires_at, o.sent_at, o.sizing,
               CASE WHEN o.ord_status IN ('DENIED', 'EXPIRED', 'REJECTED') THEN o.text END AS text
          FROM trading_order o ORDER BY o.cl_ord_id""",
    "decisions": """
        SELECT intent_id, approved, reasons, decided_at FROM risk_decision ORDER BY intent_id""",
    "counters": "SELECT account_code, day, orders, notional FROM risk_limitcounter ORDER BY day",
    "positions": """
        SELECT i.code, p.quantity, p.cost, p.realised_pnl, p.fees FROM trading_position p
          JOIN trading_instrument i ON i.id = p.instrument_id ORDER BY i.code""",
    "balances": "SELECT asset, amount FROM trading_balance ORDER BY asset",
    "ledger": """
        SELECT t.public_id, t.kind, t.at, p.ledger_account, p.asset, p.amount
          FROM trading_ledger_posting p JOIN trading_ledger_transaction t ON t.id = p.transaction_id
         ORDER BY t.public_id, p.ledger_account, p.asset, p.amount""",
    "equity": "SELECT at, equity, cash, unrealised_pnl FROM trading_equitypoint ORDER BY at",
    "days": "SELECT day, start_equity FROM trading_accountday ORDER BY day",
    "peak": "SELECT code, opening_equity, peak_equity FROM trading_account ORDER BY code",
    "signals": """
        SELECT public_id, open_time, stance, previous, close, decided_at FROM trading_signal
         ORDER BY public_id""",
    "trades": """
        SELECT public_id, side, entry_qty, entry_notional, exit_qty, exit_notional, fees,
               entry_reason, exit_reason, created_at, opened_at, closed_at IS NULL AS still_open
          FROM trading_trade ORDER BY public_id""",
    "cursors": """
        SELECT s.code, i.code AS instrument, c.last_open_time, c.stance
          FROM trading_strategycursor c JOIN trading_strategyversion v ON v.id = c.version_id
          JOIN trading_strategy s ON s.id = v.strategy_id
          JOIN trading_instrument i ON i.id = c.instrument_id ORDER BY s.code, i.code""",
    "bars": "SELECT open_time, open, high, low, close, volume FROM trading_bar ORDER BY 1, 2",
    "quarantined": "SELECT line, open_time, identical FROM trading_quarantinedbar ORDER BY line",
    "gaps": "SELECT first_missing, bars FROM trading_feedgap ORDER BY first_missing",
    "venue orders": """
        SELECT cl_ord_id, side, ord_type, order_qty, price, stop_px, trailing_bps, oco_group,
               ord_status, cum_qty, accepted_at, text FROM sim_venue_order ORDER BY cl_ord_id""",
    "venue reports": """
        SELECT exec_id, cl_ord_id, exec_type, cum_qty, last_qty, last_px, fee, fee_asset,
               transact_time, text FROM sim_venue_execution ORDER BY exec_id""",
    "venue balances": "SELECT asset, amount FROM sim_venue_balance ORDER BY asset",
    "venue positions": """
        SELECT instrument, quantity, cost FROM sim_venue_position WHERE quantity <> 0
         ORDER BY instrument""",
}

# What must find no row. The first column names the culprit.
_NEVER: Mapping[str, str] = {
    "a client order id twice at the venue": """
        SELECT cl_ord_id FROM sim_venue_order GROUP BY cl_ord_id HAVING count(*) > 1""",
    "an order at the venue that the desk does not know, or knows otherwise": """
        SELECT v.cl_ord_id FROM sim_venue_order v LEFT JOIN trading_order o
            ON o.cl_ord_id = v.cl_ord_id AND o.side = v.side AND o.order_qty = v.order_qty
           AND o.ord_type = v.ord_type AND o.sent_at IS NOT NULL
           AND o.price IS NOT DISTINCT FROM v.price
           AND o.stop_px IS NOT DISTINCT FROM v.stop_px
           AND o.trailing_bps IS NOT DISTINCT FROM v.trailing_bps
         WHERE o.id IS NULL""",
    "an order that both sides see differently": """
        SELECT o.cl_ord_id FROM trading_order o JOIN sim_venue_order v USING (cl_ord_id)
         WHERE o.ord_status <> v.ord_status OR o.cum_qty <> v.cum_qty""",
    "an open order that the venue does not have": """
        SELECT o.cl_ord_id FROM trading_order o LEFT JOIN sim_venue_order v USING (cl_ord_id)
         WHERE v.id IS NULL AND (o.cum_qty > 0 OR o.ord_status IN
               ('NEW', 'PENDING_NEW', 'PARTIALLY_FILLED', 'FILLED'))""",
    "an order left in doubt": """
        SELECT cl_ord_id FROM trading_order WHERE certainty <> 'CERTAIN'""",
    "a trade of the venue that is not booked exactly once, as it was": """
        SELECT e.exec_id FROM sim_venue_execution e WHERE e.exec_type = 'TRADE' AND 1 <> (
            SELECT count(*) FROM trading_fill f JOIN trading_order o ON o.id = f.order_id
             WHERE f.exec_id = e.exec_id AND o.cl_ord_id = e.cl_ord_id
               AND f.last_qty = e.last_qty AND f.last_px = e.last_px AND f.fee = e.fee
               AND f.fee_asset = e.fee_asset AND f.transact_time = e.transact_time)""",
    "a fill without a trade of the venue": """
        SELECT f.exec_id FROM trading_fill f LEFT JOIN sim_venue_execution e
            ON e.exec_id = f.exec_id AND e.exec_type = 'TRADE' WHERE e.id IS NULL""",
    "an order whose fills do not add up": """
        SELECT o.cl_ord_id FROM trading_order o LEFT JOIN trading_fill f ON f.order_id = o.id
         GROUP BY o.id HAVING coalesce(sum(f.last_qty), 0) <> o.filled_qty
             OR o.filled_qty <> o.cum_qty OR o.cum_qty > o.order_qty""",
    "an order sent without an approving decision": """
        SELECT o.cl_ord_id FROM trading_order o LEFT JOIN risk_decision d
            ON d.id = o.decision_id AND d.intent_id = o.intent_id AND d.approved
         WHERE o.sent_at IS NOT NULL AND d.id IS NULL AND o.origin <> 'EXTERNAL'""",
    "an OCO group that filled more than once": """
        SELECT oco_group FROM sim_venue_order WHERE oco_group <> '' AND cum_qty > 0
         GROUP BY oco_group HAVING count(*) > 1""",
    "a fill without exactly one ledger transaction": """
        SELECT f.exec_id FROM trading_fill f LEFT JOIN trading_ledger_transaction t
            ON t.fill_id = f.id AND t.kind = 'FILL' GROUP BY f.id HAVING count(t.id) <> 1""",
    "a ledger transaction that does not balance": """
        SELECT transaction_id::text FROM trading_ledger_posting
         GROUP BY transaction_id, asset HAVING sum(amount) <> 0""",
    "a balance that is not its postings": """
        SELECT coalesce(b.asset, l.asset) FROM trading_balance b FULL JOIN (
            SELECT asset, sum(amount) AS amount FROM trading_ledger_posting
             WHERE ledger_account = 'VENUE' GROUP BY asset) l ON l.asset = b.asset
         WHERE coalesce(b.amount, 0) <> coalesce(l.amount, 0)""",
    "a balance that the venue sees differently": """
        SELECT coalesce(b.asset, v.asset) FROM trading_balance b
          FULL JOIN sim_venue_balance v ON v.asset = b.asset
         WHERE coalesce(b.amount, 0) <> coalesce(v.amount, 0)""",
    "a fill that the journal tells other than once": """
        SELECT f.exec_id FROM trading_fill f JOIN trading_order o ON o.id = f.order_id
         WHERE 1 <> (SELECT count(*) FROM compliance_journalentry j
             WHERE j.event = 'order.filled' AND j.object_id = o.public_id
               AND position('"exec_id":"' || f.exec_id || '"'
                            IN convert_from(j.payload, 'UTF8')) > 0)""",
    "an order whose beginning the journal tells other than once": """
        SELECT o.cl_ord_id FROM trading_order o WHERE 1 <> (
            SELECT count(*) FROM compliance_journalentry j WHERE j.object_id = o.public_id
               AND j.event = CASE WHEN o.ord_status = 'DENIED' THEN 'order.denied'
                             WHEN o.origin = 'EXTERNAL' THEN 'order.adopted'
                             ELSE 'order.created' END)""",
    "an order whose end the journal tells other than once": """
        SELECT o.cl_ord_id FROM trading_order o
         WHERE o.ord_status <> 'DENIED' AND (o.closed_at IS NOT NULL)::int <> (
            SELECT count(*) FROM compliance_journalentry j WHERE j.object_id = o.public_id
               AND j.event = 'order.closed')""",
    "a signal that the journal tells other than once": """
        SELECT s.public_id FROM trading_signal s WHERE 1 <> (
            SELECT count(*) FROM compliance_journalentry j WHERE j.object_id = s.public_id
               AND j.event = 'signal.raised')""",
    "a journal entry without a number": """
        SELECT j.id::text FROM compliance_journalentry j
          LEFT JOIN compliance_journalleaf l ON l.entry_id = j.id WHERE l.entry_id IS NULL""",
    "a hole in the journal's numbers": """
        SELECT n::text FROM generate_series(
            0, (SELECT max(leaf_index) FROM compliance_journalleaf)) n
          LEFT JOIN compliance_journalleaf l ON l.leaf_index = n WHERE l.entry_id IS NULL""",
    "a stream that was not read to its end": """
        SELECT a.code FROM trading_account a WHERE a.stream_seq < (
            SELECT coalesce(max(id), 0) FROM sim_venue_execution e
             WHERE e.account_code = a.code)""",
    "a cursor that is not at the newest bar": """
        SELECT c.id::text FROM trading_strategycursor c WHERE c.last_open_time <> (
            SELECT max(open_time) FROM trading_bar b WHERE b.instrument_id = c.instrument_id)""",
    "an open reconciliation break": """
        SELECT kind || ' ' || object_id FROM trading_recon_break WHERE closed_at IS NULL""",
    "a cancel request that nobody answered": """
        SELECT o.cl_ord_id FROM trading_cancelrequest c JOIN trading_order o ON o.id = c.order_id
         WHERE c.answered_at IS NULL""",
    "a trade of a strategy that does not add up to the position": """
        SELECT i.code FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
         WHERE NOT EXISTS (SELECT 1 FROM trading_fill WHERE fee_asset = i.base)
           AND p.quantity <> coalesce((
            SELECT sum(CASE t.side WHEN 'BUY' THEN 1 ELSE -1 END * (t.entry_qty - t.exit_qty))
              FROM trading_trade t JOIN trading_strategycursor c ON c.id = t.cursor_id
             WHERE c.instrument_id = p.instrument_id), 0)""",
}

#: Of these, what may be asked of a desk whose venue keeps its own books.
NEVER_ALONE = {name: text for name, text in _NEVER.items() if "sim_venue" not in text}


@dataclass(frozen=True, slots=True)
class Audit:
    """`findings` in words; `books` by name, as rows."""

    findings: list[str]
    books: dict[str, list[Row]]

    def differences(self, other: "Audit") -> list[str]:
        """Where the books of two runs differ, with the first row that does."""
        return [
            f"{name}: {_first_difference(rows, other.books[name])}"
            for name, rows in self.books.items()
            if rows != other.books[name]
        ]


def audit(conninfo: Mapping[str, Any]) -> Audit:
    """Look through one database. `conninfo` as psycopg takes it."""
    with psycopg.connect(**conninfo, row_factory=dict_row) as connection:
        connection.read_only = True
        books = {name: connection.execute(text).fetchall() for name, text in _BOOKS.items()}
        findings = [
            f"{name}: {', '.join(str(next(iter(row.values()))) for row in rows[:5])}"
            for name, text in _NEVER.items()
            if (rows := connection.execute(text).fetchall())
        ]
        findings += _recounted(connection)
    return Audit(findings, books)


def _recounted(connection: "psycopg.Connection[Row]") -> Iterator[str]:
    """Money and holdings from the venue's trades alone, against both sides' books."""
    [account] = connection.execute("SELECT * FROM trading_account").fetchall()
    instruments = {
        row["code"]: row for row in connection.execute("SELECT * FROM trading_instrument")
    }
    trades = connection.execute(
        "SELECT e.*, o.side FROM sim_venue_execution e JOIN sim_venue_order o USING (cl_ord_id) "
        "WHERE e.exec_type = 'TRADE' ORDER BY e.id"
    ).fetchall()
    money: dict[str, Fraction] = defaultdict(Fraction)
    money[account["base_currency"]] = Fraction(account["opening_equity"])
    held: dict[str, tuple[Fraction, Fraction]] = {}
    for trade in trades:
        instrument = instruments[trade["instrument"]]
        qty, px = Fraction(trade["last_qty"]), Fraction(trade["last_px"])
        signed = qty if trade["side"] == "BUY" else -qty
        if instrument["kind"] == "SPOT":
            money[instrument["base"]] += signed
            money[instrument["quote"]] -= signed * px
        else:
            before = held.get(trade["instrument"], (Fraction(), Fraction()))
            after, realised = _turned_over(before, signed, px)
            held[trade["instrument"]] = after
            money[instrument["quote"]] += realised
        money[trade["fee_asset"]] -= Fraction(trade["fee"])
        if account["kind"] == "SPOT" and (short := [a for a, m in money.items() if m < 0]):
            yield f"a SPOT account below zero: {short[0]} after {trade['exec_id']}"
            return
    tolerance = _UNIT * 2 * max(1, len(trades))
    rows = connection.execute("SELECT asset, amount FROM sim_venue_balance").fetchall()
    booked = {row["asset"]: Fraction(row["amount"]) for row in rows}
    for asset in sorted(money.keys() | booked.keys()):
        if abs(money[asset] - booked.get(asset, Fraction())) > tolerance:
            yield f"{asset}: the venue's trades add up to {float(money[asset])}"
    yield from _recounted_positions(connection, account, held, money, instruments)


def _recounted_positions(
    connection: "psycopg.Connection[Row]",
    account: Row,
    held: Mapping[str, tuple[Fraction, Fraction]],
    money: Mapping[str, Fraction],
    instruments: Mapping[str, Row],
) -> Iterator[str]:
    rows = connection.execute(
        "SELECT i.code, p.quantity FROM trading_position p "
        "JOIN trading_instrument i ON i.id = p.instrument_id"
    ).fetchall()
    booked = {row["code"]: Fraction(row["quantity"]) for row in rows}
    for code, instrument in instruments.items():
        if account["kind"] == "SPOT":
            expected = money.get(instrument["base"], Fraction())
        else:
            expected = held.get(code, (Fraction(), Fraction()))[0]
        if booked.get(code, Fraction()) != expected:
            yield f"{code}: the venue's trades make a position of {float(expected)}"


def _turned_over(
    before: tuple[Fraction, Fraction], signed: Fraction, px: Fraction
) -> tuple[tuple[Fraction, Fraction], Fraction]:
    """(quantity, cost) after a trade at weighted-average cost, and what was realised."""
    quantity, cost = before
    closing = Fraction()
    if quantity * signed < 0:
        closing = max(signed, -quantity) if signed < 0 else min(signed, -quantity)
    released = cost * -closing / quantity if closing else Fraction()
    realised = -closing * px - released
    quantity, cost = quantity + closing, cost - released
    return (quantity + signed - closing, cost + (signed - closing) * px), realised


def _first_difference(ours: list[Row], theirs: list[Row]) -> str:
    if len(ours) != len(theirs):
        return f"{len(ours)} rows and {len(theirs)}"
    one, two = next(pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1])
    fields = [name for name in one if one[name] != two[name]]
    told = ", ".join(f"{name} {_text(one[name])} and {_text(two[name])}" for name in fields)
    return f"{next(iter(one.values()))}: {told}"


def _text(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)[:60]
