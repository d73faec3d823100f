"""The gateway to the simulated venue: the port of domain/ports.py over the venue's books.

1. It writes only through the venue's own connection, so an accepted order survives whatever
   happens to the desk's transaction.
2. A client order id that the venue has seen returns the order it named (IDEMPOTENT class).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from aitrader.kernel import crash
from aitrader.kernel.errors import OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdStatus, OrdType, TimeInForce
from trading.domain import request
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import Capabilities, ClientIdClass, NewOrder, OpenOrder, VenueTrade
from trading.gateways.sim import books
from trading.gateways.sim.rules import SimRules
from trading.models import SimOrder

CAPABILITIES = Capabilities(
    ord_types=frozenset(
        {
            OrdType.MARKET,
            OrdType.LIMIT,
            OrdType.STOP,
            OrdType.TRAILING_STOP,
            OrdType.LIMIT_IF_TOUCHED,
            OrdType.MARKET_IF_TOUCHED,
        }
    ),
    times_in_force=frozenset({TimeInForce.GTC}),
    client_id_class=ClientIdClass.IDEMPOTENT,
    streams=True,
    oco=frozenset({frozenset({OrdType.STOP, OrdType.LIMIT_IF_TOUCHED, OrdType.TRAILING_STOP})}),
    exact_reads=True,
)


class SimGateway:
    """Implements `Gateway` for venue code SIM."""

    venue = "SIM"
    capabilities = CAPABILITIES

    def __init__(self, rules: SimRules) -> None:
        self._rules = rules

    def request(self, orders: Sequence[NewOrder]) -> str:
        return request.of_orders(orders)

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        request.require_kept(order)
        if self._rules.rejects(order.cl_ord_id):
            raise RejectedByVenue("SIM_REJECTED", "the seeded venue rejects this order")
        able, lasts = CAPABILITIES, order.time_in_force
        if order.ord_type not in able.ord_types or lasts not in able.times_in_force:
            raise RejectedByVenue("UNSUPPORTED", f"no {order.ord_type} order is {lasts}")
        if order.post_only:
            raise RejectedByVenue("UNSUPPORTED", "no order is post-only")
        crash.point("venue.before_accept")
        with books.writing(account):
            row = books.order_of(order.cl_ord_id) or self._accept(account, order)
            report = books.as_report(books.executions_of(row.cl_ord_id)[0])
        crash.point("venue.accepted")
        if self._rules.leaves_unanswered(order.cl_ord_id):
            raise OutcomeUnknown("the venue accepted and did not answer")
        return [report]

    def _accept(self, account: str, order: NewOrder) -> SimOrder:
        row = SimOrder(
            account_code=account,
            cl_ord_id=order.cl_ord_id,
            instrument=order.instrument,
            side=order.side,
            ord_type=order.ord_type,
            time_in_force=order.time_in_force,
            order_qty=order.order_qty,
            price=order.price,
            stop_px=order.stop_px,
            trailing_bps=order.trailing_bps,
            oco_group=order.oco_group,
            reduce_only=order.reduce_only,
            ord_status=OrdStatus.NEW,
            accepted_at=order.sent_at + self._rules.latency,
        )
        books.add_order(row)
        books.add_execution(row, ExecType.NEW, at=row.accepted_at, seed=self._rules.seed)
        return row

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        with books.writing(account):
            row = books.order_of(cl_ord_id)
            if row is None or row.instrument != instrument:
                raise RejectedByVenue("UNKNOWN_ORDER", "no such order", gone=True)
            if row.ord_status not in books.OPEN:
                raise RejectedByVenue("TOO_LATE", f"the order is {row.ord_status}", gone=True)
            row.ord_status = OrdStatus.CANCELED
            books.save(row, "ord_status")
            execution = books.add_execution(
                row, ExecType.CANCELED, at=at + self._rules.latency, seed=self._rules.seed
            )
        crash.point("venue.cancelled")
        return books.as_report(execution)

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        row = books.order_of(cl_ord_id)
        if row is None or (row.account_code, row.instrument) != (account, instrument):
            return None
        return [books.as_report(each) for each in books.executions_of(cl_ord_id)]

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        rows = books.executions(account, after=after, limit=limit)
        return [StreamedReport(row.id, books.as_report(row)) for row in rows]

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        return [OpenOrder(row.cl_ord_id, row.cum_qty) for row in books.open_orders(account)]

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        found = map(books.as_report, books.trades(account, instrument, since=since))
        return [VenueTrade(each.order_id, each.exec_id, each.last_qty) for each in found]

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        """Nothing: nobody else trades there."""
        return None

    def balances(self, *, account: str) -> dict[str, Decimal]:
        return books.balances(account)
