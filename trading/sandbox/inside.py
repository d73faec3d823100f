"""A gateway straight into a stage, without a wire, on the stage's own clock.

1. The fates of the plan meet its calls as they meet requests over HTTP; time passes only by them
   and by whoever drives the clock.
2. A request whose sender gave up may still arrive, as late as a venue takes one in; one that was
   signed too long ago when it arrives is refused.
3. Nothing is signed while the process's clock is further from the venue's than it would take.
4. The venue's stream of reports is a hint (hint_stream.py): working orders are followed as well.
5. A venue that asks for silence (429, 418) refuses everything until it ends, and counts the calls
   that were begun against its word; the processes share what they were told.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType, TimeInForce
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import Capabilities, NewOrder, OpenOrder, VenueTrade
from trading.domain.request import of_orders, require_kept
from trading.sandbox import inside_reports, orders
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.orders import Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Refusal, Refused
from trading.sandbox.wire import LATEST_ARRIVAL, OnTheWay, Process, Wire

_MOST_OFFSET = timedelta(seconds=1)
_ALL = 1_000_000
_NOT_DONE = (Outcome.RATE_LIMIT, Outcome.BAN, Outcome.MAINTENANCE)


class InsideGateway:
    """Implements `Gateway` for one process."""

    venue = "SANDBOX"

    def __init__(self, wire: Wire, process: Process) -> None:
        self._wire = wire
        self._process = process
        self._stage = wire.stage
        self._account = wire.account
        self._codes = wire.codes
        self.capabilities = Capabilities(
            ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP}),
            times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
            client_id_class=wire.promises.client_id_class,
            streams=False,
            enters_within=wire.promises.valid_for + LATEST_ARRIVAL,
        )

    def request(self, orders: Sequence[NewOrder]) -> str:
        return of_orders(orders)

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        require_kept(order)
        fate = self._begin(Request.ORDER)
        self._wire.sent.append(order.cl_ord_id)
        request = self._wire.order(order)
        if fate.outcome is Outcome.LOSE:
            raise OutcomeUnknown("no answer")
        if fate.outcome in (Outcome.REFUSE_FILTER, Outcome.REFUSE_BALANCE):
            raise RejectedByVenue(fate.outcome.value, "by the plan")
        if fate.outcome is not Outcome.PASS and fate.answer_delay > timedelta(0):
            at = self._stage.now() + min(fate.answer_delay, LATEST_ARRIVAL)
            self._wire.on_the_way.append(OnTheWay(at, partial(self._arrive, request), request))
            raise OutcomeUnknown(f"{fate.outcome}, and on its way")
        placed = self._stage.exchange.submit(request, now=self._stage.now())
        self._answer(fate)
        self._process.answered()
        if isinstance(placed, Refused):
            if placed.reason is Refusal.DUPLICATE_CL_ORD_ID:
                raise OutcomeUnknown("the first copy exists")
            raise RejectedByVenue(placed.reason.value, placed.text)
        return self._told(self._stage.exchange.records, placed.order)

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        symbol = self._wire.symbols[instrument]
        if not self._wire.promises.engine_knows_ids:
            listed = self._stage.seen_by(self._read())
            if listed.order(self._account, symbol, cl_ord_id=cl_ord_id) is None:
                raise RejectedByVenue("UNKNOWN_ORDER", "no list shows it", gone=True)
        fate = self._begin(Request.CANCEL)
        if fate.outcome is Outcome.LOSE:
            raise OutcomeUnknown("no answer")
        resting = self._stage.exchange.records.order(self._account, symbol, cl_ord_id=cl_ord_id)
        if fate.fill_first and resting is not None:
            self._stage.meet(resting)
        ended = self._stage.exchange.cancel(
            self._account, symbol, cl_ord_id=cl_ord_id, now=self._stage.now()
        )
        self._answer(fate)
        self._process.answered()
        if isinstance(ended, Refused):
            gone = ended.reason in (Refusal.UNKNOWN_ORDER, Refusal.ORDER_CLOSED)
            raise RejectedByVenue(ended.reason.value, ended.text, gone=gone)
        return inside_reports.ending(ended, self._codes[ended.instrument])[0]

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        fate = self._read()
        records = self._stage.seen_by(fate)
        order = records.order(self._account, self._wire.symbols[instrument], cl_ord_id=cl_ord_id)
        if order is None or fate.hide_order:
            return None
        return self._told(records, order)

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        found = self._wire.told[after : after + limit]
        return [StreamedReport(seq, each) for seq, each in enumerate(found, start=after + 1)]

    def open_orders(
        self, *, account: str, instruments: Collection[str] = ()
    ) -> Sequence[OpenOrder]:
        found = self._stage.seen_by(self._read()).open_orders(self._account)
        return [
            OpenOrder(each.cl_ord_id, each.cum_qty, inside_reports.seen(each)) for each in found
        ]

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        found = self._stage.seen_by(self._read()).account_trades(
            self._account, self._wire.symbols[instrument], start=since, limit=_ALL
        )
        return [inside_reports.listed(each, instrument) for each in found if not each.busted]

    def client_id_of(self, *, account: str, instrument: str, order_id: str) -> str | None:
        fate = self._read()
        records = self._stage.seen_by(fate)
        order = records.order(self._account, self._wire.symbols[instrument], order_id=int(order_id))
        return None if order is None or fate.hide_order else order.cl_ord_id

    def balances(self, *, account: str) -> dict[str, Decimal]:
        found = self._stage.seen_by(self._read()).balances(self._account)
        return {each.asset: each.free + each.locked for each in found if each.free + each.locked}

    def _begin(self, kind: Request) -> RequestFate:
        """The fate of a call; raises NotSent for one that is stopped before the venue acts."""
        self._process.calls()
        self._keep_silence()
        if abs(self._process.now() - self._stage.now()) > _MOST_OFFSET:
            raise NotSent("our clock is off")
        signed_at, begun_at = self._stage.now(), self._wire.clock()
        self._process.signed()
        late = kind is Request.ORDER and self._process.placed()
        _, fate = self._stage.next_request(kind)
        self._wire.pass_time(fate.delay)
        self._wire.deliver()
        self._wire.count_in_silence(begun_at)
        if self._wire.clock() < self._wire.silence[1]:
            self._hear_of_silence()
            raise NotSent("the venue has asked for silence")
        if fate.outcome in _NOT_DONE:
            if fate.retry_after:
                self._wire.ask_for_silence(fate.retry_after)
                self._hear_of_silence()
            raise NotSent(fate.outcome.value)
        if fate.outcome is Outcome.KEY_REVOKED:
            raise RejectedByVenue(fate.outcome.value, "by the plan")
        if self._stage.now() - signed_at > self._wire.promises.valid_for:
            raise RejectedByVenue("TIMESTAMP", "signed too long ago")
        return replace(fate, outcome=Outcome.REFUSE_BALANCE) if late else fate

    def _keep_silence(self) -> None:
        if self._wire.clock() < self._wire.quiet_until:
            raise NotSent("the venue asked for silence")

    def _hear_of_silence(self) -> None:
        self._wire.quiet_until = self._wire.silence[1]

    def _arrive(self, request: orders.NewOrder) -> None:
        self._stage.exchange.submit(request, now=self._stage.now())

    def _read(self) -> RequestFate:
        fate = self._begin(Request.READ)
        if fate.outcome is not Outcome.PASS:
            raise OutcomeUnknown(fate.outcome.value)
        return fate

    def _answer(self, fate: RequestFate) -> None:
        self._wire.pass_time(fate.answer_delay)
        if fate.outcome is not Outcome.PASS:
            self._process.answered()
            raise OutcomeUnknown(fate.outcome.value)

    def _told(self, records: Records, order: Order) -> list[ExecutionReport]:
        fills = records.account_trades(self._account, order_id=order.order_id, limit=_ALL)
        kept = [each for each in fills if not each.busted]
        return inside_reports.of_order(order, kept, self._codes[order.instrument])
