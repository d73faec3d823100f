"""Price-time priority, IOC and FOK of the sandbox exchange against a naive oracle.

The oracle keeps resting orders in one list and sorts it anew for every order that comes in.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.fix import OrdStatus, OrdType, Side, TimeInForce
from tests.factories.sandbox import BTC, D, Desk, order
from trading.sandbox.engine import Placed

ACCOUNTS = ("anna", "boris", "carla")
Trade = tuple[int, int, Decimal, Decimal]


@dataclass(frozen=True)
class Ask:
    """An order in the words of the oracle; no price is MARKET."""

    account: str
    side: Side
    qty: Decimal
    price: Decimal | None
    tif: TimeInForce


asks = st.builds(
    Ask,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(Side),
    st.integers(1, 9).map(Decimal),
    st.one_of(st.none(), st.integers(97, 103).map(Decimal)),
    st.sampled_from((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)),
)


@dataclass
class Oracle:
    """Resting orders as [number, side, price, quantity left]."""

    resting: list[list[Any]] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)

    def send(self, number: int, ask: Ask) -> Decimal:
        """Trade it; returns what was filled."""
        sign = ask.side.sign
        others = sorted(
            (row for row in self.resting if row[1] is not ask.side),
            key=lambda row: (row[2] * sign, row[0]),
        )
        met = [row for row in others if ask.price is None or row[2] * sign <= ask.price * sign]
        if ask.tif is TimeInForce.FOK and sum(row[3] for row in met) < ask.qty:
            return D(0)
        left = ask.qty
        for row in met:
            qty = min(left, row[3])
            if qty:
                self.trades.append((number, row[0], row[2], qty))
                row[3] -= qty
                left -= qty
        self.resting = [row for row in self.resting if row[3]]
        if left and ask.price is not None and ask.tif is TimeInForce.GTC:
            self.resting.append([number, ask.side, ask.price, left])
        return ask.qty - left


@given(st.lists(asks, max_size=60))
def test_trades_are_the_oracles(sent: list[Ask]) -> None:
    desk, oracle = Desk(*ACCOUNTS, cash="10000000"), Oracle()
    for number, ask in enumerate(sent, start=1):
        request = order(
            ask.account,
            ask.side,
            str(ask.qty),
            ord_type=OrdType.MARKET if ask.price is None else OrdType.LIMIT,
            price=ask.price,
            time_in_force=ask.tif,
        )
        # Enough coins for whoever sells: this test is about the book.
        desk.exchange.deposit(ask.account, "BTC", D(10), now=desk.now)
        placed = desk.exchange.submit(request, now=desk.now)
        assert isinstance(placed, Placed)
        assert placed.order.order_id == number
        filled = oracle.send(number, ask)
        assert placed.order.cum_qty == filled
        assert placed.order.is_open == any(row[0] == number for row in oracle.resting)
        if ask.tif is TimeInForce.FOK:
            assert filled in (0, ask.qty)
        if ask.tif is not TimeInForce.GTC and filled < ask.qty:
            assert placed.order.ord_status is OrdStatus.EXPIRED
    trades = [
        (*sorted((each.buy_order_id, each.sell_order_id), reverse=True), each.px, each.qty)
        for each in desk.exchange.records.public_trades(BTC, limit=10_000)
    ]
    assert trades == oracle.trades
    depth = desk.exchange.depth(BTC, limit=1000)
    for levels, side in ((depth.bids, Side.BUY), (depth.asks, Side.SELL)):
        expected: dict[Decimal, Decimal] = {}
        for row in oracle.resting:
            if row[1] is side:
                expected[row[2]] = expected.get(row[2], D(0)) + row[3]
        ordered = sorted(expected.items(), reverse=side is Side.BUY)
        assert list(levels) == ordered
