"""Orders and what happens to them, as rows of PostgreSQL: `OrderStore` of every real desk.

1. Leases and breaks age on the database's clock, the one that all processes share.
2. The senders' lock is a session's: it outlives the transactions between recheck and answer.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from aitrader.kernel.clock import Moment, monotonic
from aitrader.kernel.events import Event
from aitrader.kernel.fix import CLOSED, Certainty, ExecType, OrdStatus, OrdType
from aitrader.kernel.topics import SENDERS_LOCK
from compliance.services import journal
from risk.domain.trading_state import ScopedState
from risk.selectors import states
from risk.services import kill_switch
from trading.domain import evidence
from trading.domain.evidence import Evidence
from trading.domain.execution_report import ExecutionReport
from trading.domain.order_state import Closedness
from trading.domain.ports import VenueTrade
from trading.models import Account, Balance, Fill, Order, ReconBreak, Trade
from trading.selectors import sql
from trading.selectors.desk import Desk
from trading.selectors.order_store import FillKey, OrderStore, Terms
from trading.selectors.orders import WORKING_STATUSES
from trading.services.foreign_rows import ForeignRows

_LOCK_ACCOUNT = "SELECT fencing_token FROM trading_account WHERE id = %s FOR NO KEY UPDATE"
_PLACE = "SELECT stream_seq FROM trading_account WHERE id = %s"
_MOVE_PLACE = "UPDATE trading_account SET stream_seq = greatest(stream_seq, %s) WHERE id = %s"
# The successor of an open replace request is held back (replacing.py).
_CREATED = """
WHERE account_id = %s AND ord_status = 'CREATED' AND NOT EXISTS (
    SELECT 1 FROM trading_replacerequest request
     WHERE request.successor_id = trading_order.id AND request.answered_at IS NULL)
"""
_ANY_WAITING = f"SELECT 1 FROM trading_order {_CREATED} LIMIT 1"
_WAITING = f"{_CREATED} ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
_RESTRICTING = f"""
(SELECT array_agg(ARRAY[state, scope, scope_code, reason]) FROM ({states.CURRENT}) AS restricting)
"""
_SEND = "SELECT pg_advisory_lock_shared(%s)"
_SEND_IF_WAITING = f"{_SEND} WHERE EXISTS (SELECT FROM trading_order {_CREATED})"
_SENT = "SELECT pg_advisory_unlock_shared(%s)"
_CLAIM = f"""
UPDATE trading_order SET closedness = %s, ord_status = %s, fencing_token = %s, sent_at = %s,
       claimed_at = clock.now, lease_until = clock.now + %s, recv_window = %s,
       deadline = clock.now + %s, body = kept.body, body_sha256 = kept.sha256
  FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS kept (id, body, sha256),
       (SELECT {sql.NOW} AS now) AS clock
 WHERE trading_order.id = kept.id
"""
_FENCE = "UPDATE trading_account SET fencing_token = %s WHERE id = %s RETURNING id"
_ASKED = """
SELECT request.order_id FROM trading_cancelrequest request
  JOIN trading_order o ON o.id = request.order_id
 WHERE o.account_id = %s AND request.answered_at IS NULL ORDER BY request.id
"""
_ANSWER = """
UPDATE trading_cancelrequest SET answered_at = %s, outcome = %s
 WHERE order_id = %s AND answered_at IS NULL
"""
_MISSED = """
SELECT NOT EXISTS (
    SELECT 1 FROM trading_order o
     WHERE o.account_id = %(account)s
       AND (o.id = %(order)s OR %(group)s <> '' AND o.oco_group = %(group)s)
       AND (EXISTS (SELECT 1 FROM trading_cancelrequest request WHERE request.order_id = o.id)
            OR o.id <> %(order)s AND (o.cum_qty > 0
                OR NOT %(refused)s
                   AND o.ord_status IN ('CREATED', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED'))))
   AND (%(stops)s OR EXISTS (
    SELECT 1 FROM trading_replacerequest request
      JOIN trading_order o ON o.id = request.order_id
     WHERE request.successor_id = %(order)s
       AND (o.ord_type IN ('STOP', 'STOP_LIMIT', 'TRAILING_STOP')
            OR request.requested_by = 'desk')))
"""
_OF_REPORTS = "WHERE account_id = %s AND cl_ord_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_BOOKED = """
SELECT instrument_id, exec_id, side FROM trading_fill
 WHERE venue_id = %s AND account_id = %s AND exec_id = ANY(%s)
"""
_CLAIMED = "SELECT claimed_at, deadline FROM trading_order WHERE id = %s"
# Fills that a status report announced are asked for too, whatever the order's status is.
_DOUBTFUL = f"""
SELECT id FROM trading_order
 WHERE account_id = %s AND (
    certainty <> 'CERTAIN'
    OR (ord_status = 'PENDING_NEW' AND coalesce(lease_until < {sql.NOW}, true)))
 ORDER BY id
"""
_RESTING = (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


def of(desk: Desk) -> OrderStore:
    """The desk's store: rows, unless it was made with another one."""
    if desk.store is None:
        desk.store = OrderRows(desk)
    return desk.store


class OrderRows(ForeignRows):
    """Implements `OrderStore`."""

    def lock(self) -> int:
        (token,) = sql.fetch_one(_LOCK_ACCOUNT, [self.account.pk])
        return int(token)

    @contextmanager
    def sending(self, *, if_waiting: bool = False) -> Iterator[bool]:
        if if_waiting:
            locked = sql.fetch_one(_SEND_IF_WAITING, [SENDERS_LOCK, self.account.pk]) is not None
        else:
            locked = sql.fetch_one(_SEND, [SENDERS_LOCK]) is not None
        try:
            yield locked
        finally:
            if locked:
                sql.fetch_one(_SENT, [SENDERS_LOCK])

    def restrict(self, asked: ScopedState, at: Moment) -> None:
        kill_switch.engage(
            scope=asked.scope,
            scope_code=asked.code,
            state=asked.state,
            reason=asked.reason,
            actor="desk",
            now=at.wall,
            market_at=at.market,
            wait_for_senders=False,
        )

    def seconds(self) -> float:
        return monotonic()

    # Sending

    def any_waiting(self) -> bool:
        return bool(sql.fetch_one(_ANY_WAITING, [self.account.pk]))

    def waiting(self) -> tuple[list[Order], tuple[ScopedState, ...]]:
        asked = [self.account.pk]
        found, restricting = sql.load_beside(Order, _RESTRICTING, _WAITING, asked)
        return self._with_instruments(found), states.read(restricting or ())

    def waiting_in_group(self, order: Order) -> int:
        rows = self._orders().filter(oco_group=order.oco_group, ord_status=OrdStatus.CREATED)
        return rows.count()

    def claimed_with(self, order: Order) -> list[Order]:
        if not order.oco_group:
            return [order]
        found = self._orders().filter(oco_group=order.oco_group, fencing_token=order.fencing_token)
        return list(found.select_related("instrument").order_by("pk"))

    def take(
        self, orders: Sequence[Order], terms: Terms, events: Sequence[Event], *, now: datetime
    ) -> None:
        # Claimed together, they say the same but for their requests.
        first, *_ = orders
        claim = [
            first.closedness, str(first.ord_status), first.fencing_token, first.sent_at,
            terms.lease, terms.recv_window, terms.enters_within,
            [order.pk for order in orders],
            [order.body for order in orders],
            [order.body_sha256 for order in orders],
        ]  # fmt: skip
        sql.at_once(
            (_FENCE, [first.fencing_token, self.account.pk]),
            claimed=(_CLAIM, claim),
            told=journal.insertion(events, now=now),
        )

    def unclaim(self, order: Order) -> bool:
        claimed = Order.objects.filter(
            pk=order.pk, ord_status=OrdStatus.PENDING_NEW, fencing_token=order.fencing_token
        )
        return bool(
            claimed.update(
                ord_status=OrdStatus.CREATED,
                closedness=int(Closedness.UNSENT),
                certainty=Certainty.CERTAIN,
                lease_until=None,
                evidence=None,
            )
        )

    def mark_unknown(self, order: Order, reason: str) -> bool:
        known = Order.objects.filter(
            pk=order.pk, ord_status__in=WORKING_STATUSES, certainty=Certainty.CERTAIN
        )
        return bool(known.update(certainty=Certainty.UNKNOWN, text=reason))

    # Requests to cancel

    def asked(self) -> list[Order]:
        keys = [key for (key,) in sql.fetch_all(_ASKED, [self.account.pk])]
        if not keys:
            return []
        found = {row.pk: row for row in sql.load(Order, "WHERE id = ANY(%s)", [keys])}
        return [found[key] for key in keys]

    def answer(self, order: Order, outcome: str, at: Moment) -> None:
        sql.execute(_ANSWER, [at.market, outcome, order.pk])

    def is_missed(self, order: Order) -> bool:
        refused = order.ord_status == OrdStatus.REJECTED
        asked = {
            "account": self.account.pk,
            "order": order.pk,
            "group": order.oco_group,
            "refused": refused,
            "stops": order.ord_type != OrdType.MARKET,
        }
        return bool(sql.fetch_one(_MISSED, asked)[0])

    # Settling

    def place(self) -> int:
        (place,) = sql.fetch_one(_PLACE, [self.account.pk])
        return int(place)

    def move_place(self, place: int) -> None:
        sql.execute(_MOVE_PLACE, [place, self.account.pk])

    def of_reports(self, reports: Sequence[ExecutionReport]) -> dict[str, Order]:
        wanted = sorted({report.cl_ord_id for report in reports})
        found = sql.load(Order, _OF_REPORTS, [self.account.pk, wanted])
        filled = {report.cl_ord_id for report in reports if report.exec_type is ExecType.TRADE}
        keys = {order.trade_id for order in found if order.trade_id and order.cl_ord_id in filled}
        trades = {}
        if keys:
            trades = {row.pk: row for row in sql.load(Trade, "WHERE id = ANY(%s)", [sorted(keys)])}
        for order in self._with_instruments(found):
            if order.trade_id in trades:
                order.trade = trades[order.trade_id]
        return {order.cl_ord_id: order for order in found}

    def booked(self, exec_ids: Sequence[str]) -> set[FillKey]:
        rows = sql.fetch_all(_BOOKED, [self.account.venue_id, self.account.pk, list(exec_ids)])
        return set(rows)

    def locked(self, order_id: int) -> Order:
        (order,) = sql.load(Order, "WHERE id = %s FOR NO KEY UPDATE", [order_id])
        return order

    def save(self, order: Order, *columns: str) -> None:
        sql.update(order, *columns)

    def save_trade(self, trade: Trade, *columns: str) -> None:
        sql.update(trade, *columns)

    # Doubt

    def claimed(self, order: Order) -> tuple[datetime | None, datetime | None]:
        claimed_at, deadline = sql.fetch_one(_CLAIMED, [order.pk])
        return claimed_at, deadline

    def keep_evidence(self, order: Order, found: Evidence) -> None:
        order.evidence = evidence.to_json(found)
        order.save(update_fields=["evidence"])

    def is_booked(self, order: Order, trade: VenueTrade) -> bool:
        # Of that very order: a trade may have us on both sides.
        return Fill.objects.filter(
            account=self.account,
            instrument_id=order.instrument_id,
            exec_id=trade.exec_id,
            order__order_id=trade.order_id,
        ).exists()

    def balances(self, *assets: str) -> dict[str, Decimal]:
        rows = Balance.objects.filter(account=self.account)
        if assets:
            rows = rows.filter(asset__in=assets)
        return dict(rows.values_list("asset", "amount"))

    # Reconciling

    def end_leases(self) -> None:
        self._orders().filter(ord_status=OrdStatus.PENDING_NEW).update(lease_until=None)

    def doubtful(self) -> list[Order]:
        found = [key for (key,) in sql.fetch_all(_DOUBTFUL, [self.account.pk])]
        if not found:
            return []
        rows = Order.objects.filter(pk__in=found).select_related("instrument")
        return list(rows.order_by("pk"))

    def resting(self) -> list[Order]:
        rows = self._orders().filter(ord_status__in=_RESTING, certainty=Certainty.CERTAIN)
        return list(rows.select_related("instrument").order_by("pk"))

    def resting_ids(self) -> set[str]:
        rows = self._orders().filter(ord_status__in=_RESTING)
        return set(rows.values_list("cl_ord_id", flat=True))

    def closed_among(self, cl_ord_ids: Collection[str]) -> list[Order]:
        rows = self._orders().filter(cl_ord_id__in=cl_ord_ids, ord_status__in=CLOSED)
        return list(rows.select_related("instrument").order_by("pk"))

    def is_settled(self, order: Order) -> bool:
        cleared = Order.objects.filter(pk=order.pk, certainty=Certainty.CERTAIN)
        return cleared.exclude(ord_status=OrdStatus.PENDING_NEW).exists()

    def in_doubt(self) -> set[str]:
        return set(self._unsettled().values_list("cl_ord_id", flat=True))

    def unsettled(self) -> list[Order]:
        return list(self._unsettled().select_related("instrument").order_by("pk"))

    def _unsettled(self) -> QuerySet[Order]:
        return self._orders().filter(
            ~Q(certainty=Certainty.CERTAIN) | Q(ord_status=OrdStatus.PENDING_NEW)
        )

    def is_doubtful(self, cl_ord_id: str) -> bool:
        rows = self._orders().filter(cl_ord_id=cl_ord_id)
        return rows.exclude(certainty=Certainty.CERTAIN).exists()

    def open_breaks(self) -> list[ReconBreak]:
        rows = ReconBreak.objects.filter(account=self.account, closed_at__isnull=True)
        return list(rows.order_by("pk"))

    def open_break(self, found: ReconBreak) -> bool:
        (now,) = sql.fetch_one(f"SELECT {sql.NOW}", [])
        _, created = ReconBreak.objects.get_or_create(
            account=self.account,
            kind=found.kind,
            object_id=found.object_id,
            closed_at=None,
            defaults={
                "public_id": found.public_id,
                "ours": found.ours,
                "venues": found.venues,
                "opened_at": found.opened_at,
                "noticed_at": now,
                "severity": found.severity,
                "evidence": found.evidence,
            },
        )
        return created

    def keep_break(self, found: ReconBreak) -> None:
        found.save(update_fields=["ours", "venues"])

    def close_break(self, found: ReconBreak, resolution: str, at: Moment) -> None:
        found.closed_at, found.resolution = at.market, resolution
        found.save(update_fields=["closed_at", "resolution"])

    def reconciled(self, at: Moment) -> None:
        Account.objects.filter(pk=self.account.pk).update(reconciled_at=at.wall)

    def _orders(self) -> QuerySet[Order]:
        return Order.objects.filter(account=self.account)

    def _with_instruments(self, orders: list[Order]) -> list[Order]:
        for order in orders:
            order.instrument = self.desk.instruments[order.instrument_id]
        return orders
