"""The sandbox exchange under random requests: an uncrossed book and books that add up.

The auditor here reads balances, orders and fills from outside and computes anew what they have to
be; it shares no code with the exchange but the words.
"""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings

from aitrader.kernel.fix import OrdStatus, Side
from tests.factories.sandbox import BTC, START, D, Desk, listing
from tests.property.sandbox_requests import ASSETS, FEES, Act, lists, steps
from trading.sandbox.accounts import FEE_ACCOUNT, FeeIn
from trading.sandbox.engine import PlacedList
from trading.sandbox.events import DepthEvent, Execution, OrderEvent
from trading.sandbox.orders import (
    CONTINGENT,
    ListKind,
    NewList,
    NewOrder,
    Order,
    SelfTrade,
)
from trading.sandbox.replica import Replica
from trading.sandbox.rules import Refused, Status


class Audited(Desk):
    """A desk with poor accounts of every fee rule, which knows what came from outside."""

    def __init__(self) -> None:
        super().__init__(listing=listing(max_stop_orders=20, min_notional=D("0.1")))
        self.issued: dict[str, Decimal] = defaultdict(Decimal)
        self.outside: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for account, fees in FEES.items():
            self.open(account, cash="900", coins="9", fees=fees)
            self.exchange.deposit(account, "BNB", D("0.01"), now=self.now)
            self.issued["USDT"] += 900
            self.issued["BTC"] += 9
            self.issued["BNB"] += D("0.01")

    def do(self, step: NewOrder | NewList | Act) -> None:
        self.later()
        if isinstance(step, NewOrder):
            self.exchange.submit(step, now=self.now)
        elif isinstance(step, NewList):
            self.exchange.submit_list(step, now=self.now)
        else:
            getattr(self, f"_{step.what}")(step)

    def _chosen(self, act: Act) -> Order | None:
        still_open = self.exchange.records.open_orders(act.account)
        return still_open[act.number % len(still_open)] if still_open else None

    def _cancel(self, act: Act) -> None:
        chosen = self._chosen(act)
        order_id = chosen.order_id if chosen else act.number
        self.exchange.cancel(act.account, BTC, order_id=order_id, now=self.now)

    def _cancel_all(self, act: Act) -> None:
        self.exchange.cancel_all(act.account, now=self.now)

    def _replace(self, act: Act) -> None:
        old = self._chosen(act)
        if old and old.price:
            new = replace(old.request, price=old.price + act.number % 3 - 1)
            self.exchange.cancel_replace(act.account, new, order_id=old.order_id, now=self.now)

    def _deposit(self, act: Act) -> None:
        self.exchange.deposit(act.account, "USDT", D(act.number + 1), now=self.now)
        self.issued["USDT"] += act.number + 1

    def _withdraw(self, act: Act) -> None:
        amount = D(act.number + 1)
        if self.exchange.withdraw(act.account, "USDT", amount, now=self.now) is None:
            self.issued["USDT"] -= amount

    def _lock(self, act: Act) -> None:
        amount = D(act.number + 1)
        if self.exchange.lock(act.account, "USDT", amount, now=self.now) is None:
            self.outside[act.account, "USDT"] += amount

    def _unlock(self, act: Act) -> None:
        amount = D(act.number + 1)
        if self.exchange.unlock(act.account, "USDT", amount, now=self.now) is None:
            self.outside[act.account, "USDT"] -= amount

    def _bust(self, act: Act) -> None:
        self.exchange.bust(BTC, act.number % 10 + 1, now=self.now)

    def _halt(self, act: Act) -> None:
        status = (Status.TRADING, Status.HALT, Status.CANCEL_ONLY)[act.number % 3]
        self.exchange.set_status(BTC, status, now=self.now)
        if act.number % 2:
            self.exchange.set_status(BTC, Status.TRADING, now=self.now)

    def audit(self) -> None:
        self._book_is_not_crossed()
        self._assets_are_conserved()
        self._locks_are_explained()
        self._fills_make_orders()
        self._trades_with_oneself_are_meant()

    def orders(self, account: str) -> tuple[Order, ...]:
        return self.exchange.records.all_orders(account, limit=10_000)

    def _book_is_not_crossed(self) -> None:
        depth = self.exchange.depth(BTC)
        if depth.bids and depth.asks:
            assert depth.bids[0][0] < depth.asks[0][0]
        assert all(qty > 0 for _, qty in depth.bids + depth.asks)

    def _assets_are_conserved(self) -> None:
        total: dict[str, Decimal] = defaultdict(Decimal)
        for account in (*FEES, FEE_ACCOUNT):
            for balance in self.exchange.records.balances(account):
                assert balance.free >= 0
                assert balance.locked >= 0
                total[balance.asset] += balance.total
        assert total == self.issued

    def _locks_are_explained(self) -> None:
        for account in FEES:
            needs: dict[Any, Decimal] = defaultdict(Decimal)
            for each in self.orders(account):
                key = (each.list_id is None, each.list_id or each.order_id, each.side)
                needs[key] = max(needs[key], need(each))
            locked = dict.fromkeys(ASSETS, D(0))
            for (_, _, side), amount in needs.items():
                locked["USDT" if side is Side.BUY else "BTC"] += amount
            for asset in ASSETS:
                expected = locked[asset] + self.outside[account, asset]
                assert self.locked(account, asset) == expected, (account, asset)

    def _fills_make_orders(self) -> None:
        for account in FEES:
            for each in self.orders(account):
                fills = self.exchange.records.account_trades(account, order_id=each.order_id)
                kept = [fill for fill in fills if not fill.busted]
                assert each.cum_qty == sum((fill.last_qty for fill in kept), D(0))
                assert each.cum_quote == sum((fill.quote_qty for fill in kept), D(0))
                assert each.cum_qty + each.leaves_qty + each.prevented_qty <= each.order_qty
                assert (each.ord_status is OrdStatus.FILLED) == (each.cum_qty == each.order_qty)
                assert each.is_open or each.leaves_qty == 0
                if each.price is not None:
                    sign = each.side.sign
                    assert all(fill.last_px * sign <= each.price * sign for fill in fills)

    def _trades_with_oneself_are_meant(self) -> None:
        for trade in self.exchange.records.public_trades(BTC, limit=10_000):
            buy = self.exchange.records.by_id(trade.buy_order_id)
            sell = self.exchange.records.by_id(trade.sell_order_id)
            taker = sell if trade.buyer_is_maker else buy
            if buy.account == sell.account:
                assert taker.request.self_trade is SelfTrade.NONE


def need(order: Order) -> Decimal:
    """What an order holds, written down a second time."""
    if order.ord_status not in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED):
        return D(0)
    fees = FEES[order.account]
    rate = max(fees.maker, fees.taker)
    waits = order.ord_type in CONTINGENT and not order.working
    if order.price is None and not waits:
        return D(0)
    if order.side is Side.SELL:
        return order.leaves_qty * (1 + rate if fees.fee_in is FeeIn.BASE else 1)
    px = order.price if order.price is not None else order.hold_px or D(0)
    return order.leaves_qty * px * (1 + rate if fees.fee_in is FeeIn.QUOTE else 1)


@given(steps)
@settings(max_examples=150)
def test_whatever_is_asked_the_books_add_up(given_steps: list[NewOrder | NewList | Act]) -> None:
    desk = Audited()
    for step in given_steps:
        desk.do(step)
        desk.audit()


@given(steps)
def test_events_alone_tell_everything(given_steps: list[NewOrder | NewList | Act]) -> None:
    desk, replica = Audited(), Replica()
    closed: set[int] = set()
    for step in given_steps:
        desk.do(step)
    book: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
    update_id = 0
    for number, event in enumerate(desk.log.events, start=1):
        assert event.seq == number
        replica(event)
        if isinstance(event, OrderEvent):
            # Nothing but a bust happens to an order that is closed.
            was_closed = event.order.order_id in closed
            assert not was_closed or event.execution is Execution.TRADE_CANCEL
            assert not (was_closed and event.order.is_open)
            closed |= set() if event.order.is_open else {event.order.order_id}
        if isinstance(event, DepthEvent):
            assert event.first_update_id == update_id + 1
            update_id = event.last_update_id
            for name in book:
                book[name].update(getattr(event, name))
    depth = desk.exchange.depth(BTC, limit=1000)
    assert depth.last_update_id == update_id
    for name in book:
        assert dict(getattr(depth, name)) == {px: qty for px, qty in book[name].items() if qty}
    shown, live = replica.catch_up(desk.now), desk.exchange.records
    for account in FEES:
        assert shown.balances(account) == live.balances(account)
        assert shown.account_trades(account) == live.account_trades(account)
        assert shown.order_lists(account) == live.order_lists(account)
        told = [_untracked(each) for each in shown.all_orders(account)]
        assert told == [_untracked(each) for each in live.all_orders(account)]
    assert shown.public_trades(BTC) == live.public_trades(BTC)


def _untracked(order: Order) -> Order:
    """Without what a trailing stop notes silently."""
    return replace(order, best_px=None, version=0, transact_time=START)


@given(steps)
def test_the_same_requests_make_the_same_events(
    given_steps: list[NewOrder | NewList | Act],
) -> None:
    digests = set()
    for _ in range(2):
        desk = Audited()
        for step in given_steps:
            desk.do(step)
        digests.add(desk.log.digest())
    assert len(digests) == 1


@given(steps)
def test_cancelling_everything_releases_everything(
    given_steps: list[NewOrder | NewList | Act],
) -> None:
    desk = Audited()
    for step in given_steps:
        desk.do(step)
    desk.exchange.set_status(BTC, Status.TRADING, now=desk.now)
    for account in FEES:
        desk.exchange.cancel_all(account, now=desk.now)
        assert desk.exchange.records.open_orders(account) == ()
        for asset in ASSETS:
            assert desk.locked(account, asset) == desk.outside[account, asset]
    depth = desk.exchange.depth(BTC)
    assert not depth.bids + depth.asks


@given(steps, lists())
def test_of_the_legs_of_an_oco_at_most_one_trades(
    given_steps: list[NewOrder | NewList | Act], pair: NewList
) -> None:
    desk = Audited()
    placed = desk.exchange.submit_list(pair, now=desk.now)
    for step in given_steps:
        desk.do(step)
    if isinstance(placed, Refused):
        return
    legs = [desk.read(each) for each in placed.orders]
    exclusive = legs if pair.kind is ListKind.OCO else legs[1:]
    traded = {
        event.order.order_id
        for event in desk.log.events
        if isinstance(event, OrderEvent) and event.fill
    }
    assert sum(leg.order_id in traded for leg in exclusive) <= 1
    order_list = desk.exchange.records.list_by_id(placed.order_list.list_id)
    assert order_list.open == any(leg.is_open for leg in legs)
    assert isinstance(placed, PlacedList)


@given(steps)
def test_a_refused_request_leaves_no_trace(given_steps: list[NewOrder | NewList | Act]) -> None:
    desk = Audited()
    for step in given_steps:
        told = len(desk.log.events)
        if isinstance(step, NewOrder):
            refused = desk.exchange.examine(step, now=desk.now)
            assert len(desk.log.events) == told
            answer = desk.exchange.submit(step, now=desk.now)
            assert (refused is None) != isinstance(answer, Refused)
            if refused:
                assert len(desk.log.events) == told
        else:
            desk.do(step)
