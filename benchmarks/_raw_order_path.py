"""The rows that one market order leaves behind, written by hand: the limit for order_path.py."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connections
from psycopg.types.json import Jsonb

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_JOURNAL = (
    "INSERT INTO compliance_journalentry (event, version, actor, on_behalf_of, object_type,"
    " object_id, trace_id, market_at, recorded_at, payload, leaf)"
    " VALUES (%s, 1, 'desk', '', 'order', %s, %s, %s, %s, %s, %s)"
)
_DECISION = (
    "INSERT INTO risk_decision (public_id, intent_id, account_code, approved, verdicts, reasons,"
    " decided_at) VALUES (%s, %s, %s, true, %s, '[]', %s) RETURNING id"
)
_ORDER = (
    "INSERT INTO trading_order (public_id, intent_id, cl_ord_id, order_id, account_id,"
    " instrument_id, origin, side, ord_type, time_in_force, order_qty, oco_group, closing,"
    " reduce_only, reason, reference_px, reserved_notional, sizing, trace_id, ord_status,"
    " closedness, certainty, cum_qty, filled_qty, filled_notional, text, decision_id, approved,"
    " created_at, fencing_token, post_only) VALUES (%s, %s, %s, '', %s, %s, 'OPERATOR', %s,"
    " 'MARKET', 'GTC',"
    " %s, '', false, false, 'benchmark', %s, %s, '{}', %s, 'CREATED', 0, 'CERTAIN', 0, 0, 0, '',"
    " %s, true, %s, 0, false) RETURNING id"
)
_SIM_ORDER = (
    "INSERT INTO sim_venue_order (account_code, cl_ord_id, instrument, side, ord_type,"
    " time_in_force, order_qty, oco_group, reduce_only, ord_status, cum_qty, accepted_at, text)"
    " VALUES (%s, %s, %s, %s, 'MARKET', 'GTC', %s, '', false, 'NEW', 0, %s, '') RETURNING id"
)
_SIM_EXECUTION = (
    "INSERT INTO sim_venue_execution (account_code, cl_ord_id, exec_id, exec_type, instrument,"
    " cum_qty, last_qty, last_px, fee, fee_asset, liquidity, transact_time, text)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'USDT', 'TAKER', %s, '')"
)
_FILL = (
    "INSERT INTO trading_fill (venue_id, account_id, instrument_id, order_id, exec_id, side,"
    " last_qty, last_px, fee, fee_asset, missing_fee_conversion, realised_pnl, liquidity,"
    " transact_time) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'USDT', false, 0, 'TAKER', %s)"
    " RETURNING id"
)
_LEDGER = (
    "INSERT INTO trading_ledger_transaction (public_id, account_id, fill_id, kind, at)"
    " VALUES (%s, %s, %s, 'FILL', %s) RETURNING id"
)
_POSTINGS = (
    "INSERT INTO trading_ledger_posting (transaction_id, ledger_account, asset, amount) VALUES"
    " (%s, 'VENUE', 'BTC', %s), (%s, 'TRADE', 'BTC', %s), (%s, 'VENUE', 'USDT', %s),"
    " (%s, 'TRADE', 'USDT', %s), (%s, 'VENUE', 'USDT', %s), (%s, 'FEES', 'USDT', %s)"
)
_BALANCE = (
    "INSERT INTO trading_balance (account_id, asset, amount) VALUES (%s, 'BTC', %s),"
    " (%s, 'USDT', %s) ON CONFLICT (account_id, asset)"
    " DO UPDATE SET amount = trading_balance.amount + EXCLUDED.amount"
)
_SIM_BALANCE = (
    "INSERT INTO sim_venue_balance (account_code, asset, amount) VALUES (%s, 'BTC', %s),"
    " (%s, 'USDT', %s) ON CONFLICT (account_code, asset)"
    " DO UPDATE SET amount = sim_venue_balance.amount + EXCLUDED.amount"
)
_POSITION = (
    "INSERT INTO trading_position (account_id, instrument_id, quantity, cost, realised_pnl, fees)"
    " VALUES (%s, %s, %s, 0, 0, 0) ON CONFLICT (account_id, instrument_id)"
    " DO UPDATE SET quantity = trading_position.quantity + EXCLUDED.quantity"
)
_CLAIM = (
    "UPDATE trading_order SET closedness = 1, ord_status = 'PENDING_NEW', fencing_token = 1,"
    " sent_at = %s, lease_until = %s WHERE id = %s"
)
_ACK = "UPDATE trading_order SET closedness = 2, ord_status = 'NEW', order_id = %s WHERE id = %s"
_FILLED = (
    "UPDATE trading_order SET cum_qty = %s, ord_status = 'FILLED', filled_qty = %s,"
    " filled_notional = %s, closed_at = %s WHERE id = %s"
)
_COUNTER = (
    "INSERT INTO risk_limitcounter (account_code, day, orders, notional) VALUES (%s, %s, 1, %s)"
    " ON CONFLICT (account_code, day) DO UPDATE SET orders = risk_limitcounter.orders + 1,"
    " notional = risk_limitcounter.notional + EXCLUDED.notional"
)
_QTY, _PX, _FEE = Decimal("0.01"), Decimal("60000.01"), Decimal("0.3")


class RawPath:
    """Writes on an account of its own code at the venue, on the desk's account in the books."""

    def __init__(self, account_id: int, instruments: Mapping[int, Any]) -> None:
        parameters = connections["default"].get_connection_params()
        wanted = ("host", "port", "user", "password", "dbname")
        given = {key: parameters[key] for key in wanted if parameters.get(key)}
        self._desk = psycopg.connect(**given, prepare_threshold=1)
        self._venue = psycopg.connect(**given, prepare_threshold=1)
        self._account_id = account_id
        self._instrument_id, row = next(iter(instruments.items()))
        self._venue_id, self._instrument = row.venue_id, row.code
        self._number = 0

    def close(self) -> None:
        self._desk.close()
        self._venue.close()

    def order(self) -> None:
        self._number += 1
        key = hashlib.sha256(f"raw{self._number}".encode()).hexdigest()[:31]
        sign = 1 if self._number % 2 else -1
        side = "BUY" if sign > 0 else "SELL"
        order_id = self._decide(key, side)
        self._desk.execute(_CLAIM, [_NOW, _NOW, order_id])
        self._desk.execute(
            "UPDATE trading_account SET fencing_token = fencing_token + 1 WHERE id = %s",
            [self._account_id],
        )
        self._journal(key, "order.sent")
        self._desk.commit()
        sim_id = self._accept(key, side)
        self._desk.execute(_ACK, [f"SIM-{key}", order_id])
        self._journal(key, "order.acknowledged")
        self._desk.commit()
        self._match(key, sim_id, sign)
        self._settle(key, order_id, side, sign)

    def _decide(self, key: str, side: str) -> int:
        verdicts = Jsonb([{"check": str(n), "passed": True} for n in range(21)])
        row = self._desk.execute(_DECISION, [key, key, "RAW", verdicts, _NOW]).fetchone()
        assert row is not None
        order = self._desk.execute(
            _ORDER,
            [key, key, key, self._account_id, self._instrument_id, side, _QTY, _PX, _QTY * _PX,
             key, row[0], _NOW],
        ).fetchone()  # fmt: skip
        assert order is not None
        self._desk.execute(_COUNTER, ["RAW", _NOW.date(), _QTY * _PX])
        self._journal(key, "order.created")
        self._desk.commit()
        return int(order[0])

    def _accept(self, key: str, side: str) -> int:
        row = self._venue.execute(
            _SIM_ORDER, ["RAW", key, self._instrument, side, _QTY, _NOW]
        ).fetchone()
        assert row is not None
        self._venue.execute(
            _SIM_EXECUTION,
            ["RAW", key, f"n{key}", "NEW", self._instrument, 0, 0, 0, 0, _NOW],
        )
        self._venue.commit()
        return int(row[0])

    def _match(self, key: str, sim_id: int, sign: int) -> None:
        self._venue.execute(
            "UPDATE sim_venue_order SET ord_status = 'FILLED', cum_qty = %s, opened_to = %s"
            " WHERE id = %s",
            [_QTY, _NOW, sim_id],
        )
        self._venue.execute(
            _SIM_EXECUTION,
            ["RAW", key, f"t{key}", "TRADE", self._instrument, _QTY, _QTY, _PX, _FEE, _NOW],
        )
        self._venue.execute(_SIM_BALANCE, ["RAW", sign * _QTY, "RAW", -sign * _QTY * _PX])
        self._venue.commit()

    def _settle(self, key: str, order_id: int, side: str, sign: int) -> None:
        account, instrument = self._account_id, self._instrument_id
        fill = self._desk.execute(
            _FILL,
            [self._venue_id, account, instrument, order_id, f"t{key}", side, _QTY, _PX, _FEE,
             _NOW],
        ).fetchone()  # fmt: skip
        assert fill is not None
        entry = self._desk.execute(_LEDGER, [f"L{key}", account, fill[0], _NOW]).fetchone()
        assert entry is not None
        base, quote = sign * _QTY, -sign * _QTY * _PX
        postings: list[Any] = []
        for amount in (base, -base, quote, -quote, -_FEE, _FEE):
            postings += (entry[0], amount)
        self._desk.execute(_POSTINGS, postings)
        self._desk.execute(_BALANCE, [account, base, account, quote - _FEE])
        self._desk.execute(_POSITION, [account, instrument, base])
        self._desk.execute(_FILLED, [_QTY, _QTY, _QTY * _PX, _NOW, order_id])
        self._desk.execute(
            "UPDATE trading_account SET stream_seq = stream_seq WHERE id = %s", [account]
        )
        self._journal(key, "order.filled")
        self._journal(key, "order.closed")
        self._desk.commit()

    def _journal(self, key: str, event: str) -> None:
        payload = (f'{{"body":{{"event":"{event}","object":"{key}"}}}}' + " " * 600).encode()
        leaf = hashlib.sha256(b"\0" + payload).digest()
        self._desk.execute(_JOURNAL, [event, key, key, _NOW, _NOW, payload, leaf])
