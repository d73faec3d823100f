"""A gateway straight into a stage, without a wire, on the stage's own clock.

1. The fates of the plan meet its calls as they meet requests over HTTP; time passes only by them
   and by whoever drives the clock.
2. A request whose sender gave up may still arrive, as late as a venue takes one in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.errors import NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import CLOSED, ExecType, OrdStatus, OrdType, TimeInForce
from trading.domain.execution_report import ExecutionReport, StreamedReport
from trading.domain.ports import (
    Capabilities,
    ClientIdClass,
    NewOrder,
    OpenOrder,
    VenueTrade,
)
from trading.sandbox import orders
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.orders import Fill, Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Refusal, Refused
from trading.sandbox.stage import Stage

#: recvWindow and the engine's own ten seconds.
_LATEST_ARRIVAL = timedelta(seconds=15)
_ALL = 1_000_000
_ENDED = {
    OrdStatus.CANCELED: ExecType.CANCELED,
    OrdStatus.EXPIRED: ExecType.EXPIRED,
    OrdStatus.REJECTED: ExecType.REJECTED,
}
_NOT_DONE = (Outcome.RATE_LIMIT, Outcome.BAN, Outcome.MAINTENANCE, Outcome.KEY_REVOKED)


@dataclass(frozen=True, slots=True)
class _OnTheWay:
    at: datetime
    request: orders.NewOrder


class InsideGateway:
    """Implements `Gateway` for one account of a stage; `symbols` names instruments there."""

    venue = "SANDBOX"
    capabilities = Capabilities(
        ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP}),
        times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        client_id_class=ClientIdClass.OPEN_ONLY,
        native_oco=False,
        streams=False,
    )

    def __init__(
        self,
        stage: Stage,
        account: str,
        symbols: dict[str, str],
        *,
        pass_time: Callable[[timedelta], None],
    ) -> None:
        self._stage = stage
        self._account = account
        self._symbols = symbols
        self._codes = {symbol: code for code, symbol in symbols.items()}
        self._pass = pass_time
        self._on_the_way: list[_OnTheWay] = []
        #: Client order ids in the order in which they left.
        self.sent: list[str] = []

    def deliver(self) -> None:
        """Let what is due by now arrive."""
        due = [each for each in self._on_the_way if each.at <= self._stage.now()]
        self._on_the_way = [each for each in self._on_the_way if each not in due]
        for each in due:
            self._stage.exchange.submit(each.request, now=self._stage.now())

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        fate = self._begin(Request.ORDER)
        self.sent.append(order.cl_ord_id)
        request = self._request(order)
        if fate.outcome is Outcome.LOSE:
            raise OutcomeUnknown("no answer")
        if fate.outcome in (Outcome.REFUSE_FILTER, Outcome.REFUSE_BALANCE):
            raise RejectedByVenue(fate.outcome.value, "by the plan")
        if fate.outcome is not Outcome.PASS and fate.answer_delay > timedelta(0):
            at = self._stage.now() + min(fate.answer_delay, _LATEST_ARRIVAL)
            self._on_the_way.append(_OnTheWay(at, request))
            raise OutcomeUnknown(f"{fate.outcome}, and on its way")
        placed = self._stage.exchange.submit(request, now=self._stage.now())
        self._answer(fate)
        if isinstance(placed, Refused):
            if placed.reason.name == "DUPLICATE_CL_ORD_ID":
                raise OutcomeUnknown("the first copy exists")
            raise RejectedByVenue(placed.reason.value, placed.text)
        return self._reports(placed.order, placed.fills)

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        fate = self._begin(Request.CANCEL)
        if fate.outcome is Outcome.LOSE:
            raise OutcomeUnknown("no answer")
        symbol = self._symbols[instrument]
        resting = self._stage.exchange.records.order(self._account, symbol, cl_ord_id=cl_ord_id)
        if fate.fill_first and resting is not None:
            self._stage.meet(resting)
        ended = self._stage.exchange.cancel(
            self._account, symbol, cl_ord_id=cl_ord_id, now=self._stage.now()
        )
        self._answer(fate)
        if isinstance(ended, Refused):
            gone = ended.reason in (Refusal.UNKNOWN_ORDER, Refusal.ORDER_CLOSED)
            raise RejectedByVenue(ended.reason.value, ended.text, gone=gone)
        return self._ending(ended)[0]

    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        fate = self._read()
        records = self._records(fate)
        order = records.order(self._account, self._symbols[instrument], cl_ord_id=cl_ord_id)
        if order is None or fate.hide_order:
            return None
        fills = records.account_trades(self._account, order_id=order.order_id, limit=_ALL)
        return self._reports(order, fills)

    def executions(self, *, account: str, after: int, limit: int) -> Sequence[StreamedReport]:
        return ()

    def open_orders(self, *, account: str) -> Sequence[OpenOrder]:
        found = self._records(self._read()).open_orders(self._account)
        return [OpenOrder(each.cl_ord_id, each.cum_qty) for each in found]

    def trades(self, *, account: str, instrument: str, since: datetime) -> Sequence[VenueTrade]:
        found = self._records(self._read()).account_trades(
            self._account, self._symbols[instrument], start=since, limit=_ALL
        )
        return [VenueTrade(str(e.order_id), str(e.trade_id), e.last_qty) for e in found]

    def balances(self, *, account: str) -> dict[str, Decimal]:
        found = self._records(self._read()).balances(self._account)
        return {each.asset: each.free + each.locked for each in found if each.free + each.locked}

    def _begin(self, kind: Request) -> RequestFate:
        """The fate of a call; raises NotSent for one that is stopped before the venue acts."""
        _, fate = self._stage.next_request(kind)
        self._pass(fate.delay)
        self.deliver()
        if fate.outcome in _NOT_DONE:
            raise NotSent(fate.outcome.value)
        return fate

    def _read(self) -> RequestFate:
        fate = self._begin(Request.READ)
        if fate.outcome is not Outcome.PASS:
            raise OutcomeUnknown(fate.outcome.value)
        return fate

    def _records(self, fate: RequestFate) -> Records:
        if fate.stale > timedelta(0):
            return self._stage.past(fate.stale)
        return self._stage.exchange.records

    def _answer(self, fate: RequestFate) -> None:
        self._pass(fate.answer_delay)
        if fate.outcome is not Outcome.PASS:
            raise OutcomeUnknown(fate.outcome.value)

    def _request(self, order: NewOrder) -> orders.NewOrder:
        return orders.NewOrder(
            self._account,
            self._symbols[order.instrument],
            order.side,
            order.ord_type,
            order_qty=order.order_qty,
            price=order.price,
            stop_px=order.stop_px,
            time_in_force=order.time_in_force,
            cl_ord_id=order.cl_ord_id,
        )

    def _reports(self, order: Order, fills: Iterable[Fill]) -> list[ExecutionReport]:
        found = [self._status(order, ExecType.NEW, Decimal(0))]
        cum = Decimal(0)
        for fill in sorted(fills, key=lambda each: each.trade_id):
            cum += fill.last_qty
            found.append(
                ExecutionReport(
                    cl_ord_id=order.cl_ord_id,
                    order_id=str(order.order_id),
                    exec_id=str(fill.trade_id),
                    exec_type=ExecType.TRADE,
                    instrument=self._codes[order.instrument],
                    cum_qty=cum,
                    transact_time=fill.transact_time,
                    last_qty=fill.last_qty,
                    last_px=fill.last_px,
                    fee=fill.fee,
                    fee_asset=fill.fee_asset,
                    liquidity=fill.liquidity,
                )
            )
        if order.cum_qty > cum:
            found.append(self._status(order, ExecType.ORDER_STATUS, order.cum_qty))
        return found + self._ending(order)

    def _ending(self, order: Order) -> list[ExecutionReport]:
        if order.ord_status not in CLOSED or order.ord_status is OrdStatus.FILLED:
            return []
        return [self._status(order, _ENDED[order.ord_status], order.cum_qty)]

    def _status(self, order: Order, exec_type: ExecType, cum_qty: Decimal) -> ExecutionReport:
        return ExecutionReport(
            cl_ord_id=order.cl_ord_id,
            order_id=str(order.order_id),
            exec_id=f"{exec_type}-{order.order_id}",
            exec_type=exec_type,
            instrument=self._codes[order.instrument],
            cum_qty=cum_qty,
            transact_time=order.transact_time,
        )
