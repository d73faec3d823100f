"""Random requests for the sandbox exchange, of accounts of every fee rule."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from aitrader.kernel.fix import OrdType, Side, TimeInForce
from tests.factories.sandbox import BTC, D
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.orders import CONTINGENT, PRICED, ListKind, NewList, NewOrder, SelfTrade

FEES = {
    "anna": Fees(D("0.001"), D("0.002")),
    "boris": Fees(D("0.001"), D("0.001"), FeeIn.QUOTE),
    "carla": Fees(D(0), D("0.001"), FeeIn.THIRD, "BNB", {"USDT": D(600)}),
    "dmitri": Fees(D("0.002"), D("0.001"), FeeIn.BASE),
}
ASSETS = ("BTC", "USDT", "BNB")

accounts = st.sampled_from(sorted(FEES))
sides = st.sampled_from(Side)
prices = st.integers(95, 105).map(Decimal)
quantities = st.integers(1, 40).map(lambda lots: Decimal(lots) * D("0.1"))
modes = st.sampled_from(SelfTrade)
gtc_ioc_fok = st.sampled_from((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK))


@st.composite
def limits(draw: Any) -> NewOrder:
    tif = draw(gtc_ioc_fok)
    return NewOrder(
        draw(accounts),
        BTC,
        draw(sides),
        OrdType.LIMIT,
        order_qty=draw(quantities),
        price=draw(prices),
        time_in_force=tif,
        post_only=tif is TimeInForce.GTC and draw(st.booleans()),
        self_trade=draw(modes),
    )


@st.composite
def markets(draw: Any) -> NewOrder:
    by_quote = draw(st.booleans())
    return NewOrder(
        draw(accounts),
        BTC,
        draw(sides),
        OrdType.MARKET,
        order_qty=None if by_quote else draw(quantities),
        quote_qty=draw(st.integers(5, 400).map(Decimal)) if by_quote else None,
        self_trade=draw(modes),
    )


@st.composite
def stops(draw: Any) -> NewOrder:
    kind = draw(st.sampled_from(sorted(CONTINGENT)))
    trailing = kind is OrdType.TRAILING_STOP or draw(st.booleans())
    with_stop = kind is not OrdType.TRAILING_STOP and (not trailing or draw(st.booleans()))
    return NewOrder(
        draw(accounts),
        BTC,
        draw(sides),
        kind,
        order_qty=draw(quantities),
        price=draw(prices) if kind in PRICED else None,
        stop_px=draw(prices) if with_stop else None,
        trailing_bps=draw(st.sampled_from((D(50), D(200)))) if trailing else None,
        time_in_force=draw(gtc_ioc_fok) if kind in PRICED else TimeInForce.GTC,
        self_trade=draw(modes),
    )


@st.composite
def lists(draw: Any) -> NewList:
    kind = draw(st.sampled_from(ListKind))
    account, side, qty = draw(accounts), draw(sides), draw(quantities)
    middle = draw(prices)
    gaps = st.integers(1, 3).map(Decimal)
    high, low = middle + draw(gaps), middle - draw(gaps)
    limit = replace(
        draw(limits()), account=account, side=side, order_qty=qty, time_in_force=TimeInForce.GTC
    )
    stop = NewOrder(
        account,
        BTC,
        side,
        draw(st.sampled_from((OrdType.STOP, OrdType.STOP_LIMIT))),
        order_qty=qty,
    )
    stop = replace(stop, stop_px=low if side is Side.SELL else high)
    if stop.ord_type is OrdType.STOP_LIMIT:
        stop = replace(stop, price=stop.stop_px)
    target = replace(limit, price=high if side is Side.SELL else low)
    pair = (target, stop) if side is Side.SELL else (stop, target)
    working = replace(limit, side=draw(sides), order_qty=qty)
    legs = {
        ListKind.OCO: pair,
        ListKind.OTO: (working, stop),
        ListKind.OTOCO: (working, *pair),
    }
    return NewList(kind, legs[kind])


@dataclass(frozen=True)
class Act:
    """Something else than an order: what, whose, and a number to choose the object by."""

    what: str
    account: str
    number: int


ACTS = ("cancel", "cancel_all", "replace", "deposit", "withdraw", "lock", "unlock", "bust", "halt")
acts = st.builds(Act, st.sampled_from(ACTS), accounts, st.integers(0, 60))
steps = st.lists(st.one_of(limits(), limits(), markets(), stops(), lists(), acts), max_size=40)
