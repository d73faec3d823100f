"""Every order in which a venue's words about one order may come ends in the same books (X11)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal as D
from itertools import permutations
from typing import Any

import pytest

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import OutcomeUnknown
from aitrader.kernel.fix import ExecType, OrdType, Origin, Side, TimeInForce
from trading.domain.execution_report import ExecutionReport
from trading.domain.order import OrderIntent
from trading.domain.ports import NewOrder, OpenOrder
from trading.domain.request import of_orders
from trading.sandbox.inside import InsideGateway
from trading.sandbox.opening import QUOTE
from trading.sandbox.simulation import PRICES, START, Simulation
from trading.selectors.desk import Desk
from trading.services import executions, order_rows, orders, reconciliation, routing

CODE = "SIM:BTC-USDT"
PX = PRICES[CODE]
AT = Moment(START, START)
QTY, FIRST, SECOND = D("0.02"), D("0.005"), D("0.010")
BALANCE = "balance"


class _Life:
    """A process to which nothing happens."""

    def go_on(self) -> None:
        """Nothing does."""

    def seconds(self) -> float:
        return 0.0


class _Venue:
    """Takes one order, does not answer, and tells the account's end when it is compared."""

    def __init__(self, capabilities: Any, balances: dict[str, D]) -> None:
        self.capabilities = capabilities
        self._balances = balances

    def request(self, orders: Sequence[NewOrder]) -> str:
        return of_orders(orders)

    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        raise OutcomeUnknown("no answer yet")

    def open_orders(self, **_: object) -> Sequence[OpenOrder]:
        return ()

    def balances(self, **_: object) -> dict[str, D]:
        return self._balances


class _Undone(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture
def desk() -> Desk:
    simulation = Simulation(1, namespace=ids.namespace_of_seed(1))
    simulation.books.mark(PRICES, AT)
    return simulation.books.desk(_Life())


def _venue(desk: Desk) -> _Venue:
    simulation = Simulation(1, namespace=ids.namespace_of_seed(1))
    able = InsideGateway(simulation.wire, simulation._processes[0]).capabilities
    before = order_rows.of(desk).balances()
    bought, paid = FIRST + SECOND, (FIRST + SECOND) * PX
    after = {**before, "BTC": before.get("BTC", D(0)) + bought, QUOTE: before[QUOTE] - paid - 3}
    return _Venue(able, after)


def _ordered(desk: Desk) -> str:
    intent = OrderIntent(
        intent_id=ids.derive(desk.namespace, "arrivals"),
        account=desk.account.code,
        instrument=CODE,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=QTY,
        origin=Origin.OPERATOR,
        reference_px=PX,
        price=PX,
        time_in_force=TimeInForce.GTC,
        reason="test",
        decided_at=START,
    )
    row = next(row for row in desk.instruments.values() if row.code == CODE)
    draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
    return orders.submit(desk=desk, draft=draft, at=AT).cl_ord_id


def _life(name: str) -> tuple[Any, ...]:
    """What the stream tells one by one, the answer to the order, and the balances."""
    new = ExecutionReport(
        cl_ord_id=name,
        order_id="V",
        exec_id="NEW-V",
        exec_type=ExecType.NEW,
        instrument=CODE,
        cum_qty=D(0),
        transact_time=START,
    )
    trade = replace(
        new,
        exec_type=ExecType.TRADE,
        exec_id="T1",
        cum_qty=FIRST,
        last_qty=FIRST,
        last_px=PX,
        fee=D(1),
        fee_asset=QUOTE,
    )
    second = replace(trade, exec_id="T2", cum_qty=FIRST + SECOND, last_qty=SECOND, fee=D(2))
    ended = replace(new, exec_type=ExecType.CANCELED, exec_id="C", cum_qty=FIRST + SECOND)
    return (new,), (trade,), (second,), (ended,), (new, trade), BALANCE


def _end(desk: Desk, venue: Any, arrivals: Sequence[Any]) -> Any:
    """The account after these arrivals, which leave no trace."""
    store = order_rows.of(desk)
    told = None
    with suppress(_Undone), store.atomic():
        for each in (*arrivals, BALANCE):
            if isinstance(each, str):
                reconciliation.compare(desk=desk, gateway=venue, at=AT)
            else:
                executions.apply(desk=desk, reports=each, at=AT)
        (order,) = store.of_reports(arrivals[0] if arrivals[0] != BALANCE else arrivals[1]).values()
        told = (
            order.ord_status, order.certainty, order.cum_qty, order.filled_qty,
            order.filled_notional, store.balances(), store.booked(["T1", "T2"]),
            store.holdings()[1][order.instrument_id].quantity,
            [each.kind for each in store.open_breaks()],
        )  # fmt: skip
        raise _Undone
    return told


def test_whatever_comes_first_order_fills_and_balances_end_the_same(desk: Desk) -> None:
    name = _ordered(desk)
    venue: Any = _venue(desk)
    assert routing.send_all(desk=desk, gateway=venue, at=AT) == 1
    life = _life(name)
    ends = [_end(desk, venue, arrivals) for arrivals in permutations(life)]
    assert len(ends) == 720
    assert all(end == ends[0] for end in ends)
    assert ends[0][:5] == ("CANCELED", "CERTAIN", D("0.015"), D("0.015"), D("0.015") * PX)
    assert ends[0][-1] == []
