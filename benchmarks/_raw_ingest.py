# isort: skip_file
"""The rows that settled fills leave behind, written by hand: the limit for ingest.py.

One statement a table and transaction, whatever the number of fills; nothing is read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connections

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FILLS = (
    "INSERT INTO trading_fill (venue_id, account_id, instrument_id, order_id, exec_id, side,"
    " last_qty, last_px, fee, fee_asset, missing_fee_conversion, realised_pnl, liquidity,"
    " transact_time) SELECT %s, %s, %s, fill.*, 'USDT', false, 0, 'TAKER', %s FROM"
    " unnest(%s::bigint[], %s::text[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[])"
    " AS fill RETURNING id"
)
_LEDGER = (
    "INSERT INTO trading_ledger_transaction (fill_id, public_id, account_id, kind, at)"
    " SELECT entry.*, %s, 'FILL', %s FROM unnest(%s::bigint[], %s::text[]) AS entry RETURNING id"
)
_POSTINGS = (
    "INSERT INTO trading_ledger_posting (transaction_id, ledger_account, asset, amount)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::numeric[])"
)
_BALANCES = (
    "INSERT INTO trading_balance (account_id, asset, amount) VALUES (%s, 'BTC', %s),"
    " (%s, 'USDT', %s) ON CONFLICT (account_id, asset)"
    " DO UPDATE SET amount = trading_balance.amount + EXCLUDED.amount"
)
_POSITION = (
    "INSERT INTO trading_position (account_id, instrument_id, quantity, cost, realised_pnl, fees)"
    " VALUES (%s, %s, %s, %s, 0, %s) ON CONFLICT (account_id, instrument_id)"
    " DO UPDATE SET quantity = trading_position.quantity + EXCLUDED.quantity,"
    " cost = trading_position.cost + EXCLUDED.cost, fees = trading_position.fees + EXCLUDED.fees"
)
_ORDERS = (
    "UPDATE trading_order SET cum_qty = trading_order.cum_qty + told.qty,"
    " filled_qty = trading_order.filled_qty + told.qty,"
    " filled_notional = trading_order.filled_notional + told.notional,"
    " ord_status = told.ord_status, certainty = 'CERTAIN', text = '', closed_at = told.closed_at"
    " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::text[], %s::timestamptz[])"
    " AS told (id, qty, notional, ord_status, closed_at) WHERE trading_order.id = told.id"
)
_PLACE = "UPDATE trading_account SET stream_seq = greatest(stream_seq, %s) WHERE id = %s"
_JOURNAL = (
    "INSERT INTO compliance_journalentry (event, version, actor, on_behalf_of, object_type,"
    " object_id, trace_id, market_at, recorded_at, payload, leaf)"
    " SELECT told.event, 1, 'venue', '', 'order', told.id, told.id, %s, %s, told.payload, told.leaf"
    " FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::bytea[])"
    " AS told (event, id, payload, leaf)"
)
#: As long as what the services write of a fill.
_PAYLOAD_BYTES = 800


@dataclass(frozen=True, slots=True)
class RawFill:
    """A fill of the order with this key; `last` closes it."""

    seq: int
    order_id: int
    exec_id: str
    side: str
    qty: Decimal
    px: Decimal
    fee: Decimal
    last: bool


class RawIngest:
    """Writes on one account of its own."""

    def __init__(self, venue_id: int, account_id: int, instrument_id: int) -> None:
        parameters = connections["default"].get_connection_params()
        wanted = ("host", "port", "user", "password", "dbname")
        given = {key: parameters[key] for key in wanted if parameters.get(key)}
        self._session = psycopg.connect(**given, prepare_threshold=1)
        self._venue_id, self._account_id = venue_id, account_id
        self._instrument_id = instrument_id

    def close(self) -> None:
        self._session.close()

    def settle(self, fills: Sequence[RawFill]) -> None:
        """One transaction."""
        self._book(fills)
        self._move(fills)
        self._note(fills)
        self._session.commit()

    def _book(self, fills: Sequence[RawFill]) -> None:
        rows = self._session.execute(
            _FILLS,
            [
                self._venue_id, self._account_id, self._instrument_id, _NOW,
                [each.order_id for each in fills], [each.exec_id for each in fills],
                [each.side for each in fills], [each.qty for each in fills],
                [each.px for each in fills], [each.fee for each in fills],
            ],
        ).fetchall()  # fmt: skip
        names = [hashlib.sha256(each.exec_id.encode()).hexdigest()[:32] for each in fills]
        entries = self._session.execute(
            _LEDGER, [self._account_id, _NOW, [row[0] for row in rows], names]
        ).fetchall()
        postings: list[tuple[Any, ...]] = []
        for (entry,), each in zip(entries, fills, strict=True):
            base, quote = _moved(each)
            postings += [
                (entry, "VENUE", "BTC", base), (entry, "TRADE", "BTC", -base),
                (entry, "VENUE", "USDT", quote), (entry, "TRADE", "USDT", -quote),
                (entry, "VENUE", "USDT", -each.fee), (entry, "FEES", "USDT", each.fee),
            ]  # fmt: skip
        self._session.execute(_POSTINGS, [*map(list, zip(*postings, strict=True))])

    def _move(self, fills: Sequence[RawFill]) -> None:
        account = self._account_id
        moved = [_moved(each) for each in fills]
        base = sum((each[0] for each in moved), Decimal(0))
        quote = sum((each[1] for each in moved), Decimal(0))
        fees = sum((each.fee for each in fills), Decimal(0))
        self._session.execute(_BALANCES, [account, base, account, quote - fees])
        self._session.execute(_POSITION, [account, self._instrument_id, base, -quote, fees])
        told: dict[int, list[Any]] = {}
        for each in fills:
            row = told.setdefault(each.order_id, [Decimal(0), Decimal(0), "", None])
            row[0] += each.qty
            row[1] += each.qty * each.px
            row[2] = "FILLED" if each.last else "PARTIALLY_FILLED"
            row[3] = _NOW if each.last else None
        columns = zip(*((key, *row) for key, row in told.items()), strict=True)
        self._session.execute(_ORDERS, [*map(list, columns)])
        self._session.execute(_PLACE, [fills[-1].seq, account])

    def _note(self, fills: Sequence[RawFill]) -> None:
        rows: list[tuple[Any, ...]] = []
        for each in fills:
            for event in ("order.filled", "order.closed")[: 2 if each.last else 1]:
                payload = f'{{"event":"{event}","id":"{each.exec_id}"}}'.encode()
                payload += b" " * (_PAYLOAD_BYTES - len(payload))
                leaf = hashlib.sha256(b"\0" + payload).digest()
                rows.append((event, str(each.order_id), payload, leaf))
        columns = map(list, zip(*rows, strict=True))
        self._session.execute(_JOURNAL, [_NOW, _NOW, *columns])


def _moved(each: RawFill) -> tuple[Decimal, Decimal]:
    """What comes in of base and quote, before the fee."""
    base = each.qty if each.side == "BUY" else -each.qty
    return base, -base * each.px
