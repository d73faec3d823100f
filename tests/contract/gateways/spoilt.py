"""Gateways that break one rule each: a card that lets them pass says nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aitrader.kernel.errors import GatewayError, OutcomeUnknown, RejectedByVenue
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import Gateway, NewOrder
from trading.gateways.binance.gateway import BinanceGateway
from trading.management.commands import conformance
from trading.sandbox import cards

Spoil = Callable[[Mapping[str, Any]], Gateway]


class _Wrapped(BinanceGateway):
    def __init__(self, inner: Gateway) -> None:
        assert isinstance(inner, BinanceGateway)
        super().__init__(inner._connection)


class _ForgetsTheClientId(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        return super().submit(account=account, order=replace(order, cl_ord_id="x-1"))


class _SendsAgain(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except OutcomeUnknown:
            again = replace(order, cl_ord_id=f"{order.cl_ord_id}-2")
            return super().submit(account=account, order=again)


class _TakesSilenceForRefusal(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except GatewayError as error:
            raise RejectedByVenue("?", str(error)) from error


class _DropsTrades(_Wrapped):
    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        found = super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)
        return None if found is None else [each for each in found if not each.last_qty]


class _SendsThemApart(_Wrapped):
    def submit_group(
        self, *, account: str, orders: Sequence[NewOrder]
    ) -> Sequence[ExecutionReport]:
        return [said for each in orders for said in self.submit(account=account, order=each)]


def _made(spoilt: type[_Wrapped]) -> Spoil:
    return lambda told: spoilt(conformance.binance(told))


forgets_the_client_id = _made(_ForgetsTheClientId)


def _card(word: str) -> str:
    (name,) = (each for each in cards.CARDS if word in each)
    return name


CAUGHT_BY = [
    (forgets_the_client_id, _card("rests is listed")),
    (_made(_SendsAgain), _card("accept_no_answer")),
    (_made(_TakesSilenceForRefusal), _card("http_502")),
    (_made(_TakesSilenceForRefusal), _card("second copy")),
    (_made(_DropsTrades), _card("asked for are the same")),
    (_made(_DropsTrades), _card("short pages")),
    (_made(_SendsThemApart), _card("one ends the other")),
]
