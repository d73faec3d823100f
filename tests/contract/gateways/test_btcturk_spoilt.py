"""Gateways to BTCTurk that break one rule each: a card that lets them pass says nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from aitrader.kernel.errors import GatewayError, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import OrdType
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import NewOrder
from trading.domain.request import written
from trading.gateways.btcturk import lookup
from trading.gateways.btcturk.gateway import BtcturkGateway
from trading.management.commands import conformance
from trading.sandbox import cards
from trading.sandbox.stand import stand

SCENE = conformance.VENUES["btcturk"]


class _Wrapped(BtcturkGateway):
    def __init__(self, inner: BtcturkGateway) -> None:
        super().__init__(inner._connection)


class _SendsAgain(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except OutcomeUnknown:
            return super().submit(account=account, order=order)


class _BuysInQuote(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        if order.ord_type is OrdType.MARKET:
            quantity = str(order.order_qty)
            self._connection.post(
                lookup.ORDER,
                written({
                    "orderMethod": "market", "orderType": "buy", "pairSymbol": "BTCTRY",
                    "quantity": quantity, "newOrderClientId": order.cl_ord_id,
                }),
            )  # fmt: skip
            return (
                super().query(
                    account=account, instrument=order.instrument, cl_ord_id=order.cl_ord_id
                )
                or ()
            )
        return super().submit(account=account, order=order)


class _TakesRefusalForOutage(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except RejectedByVenue as error:
            raise OutcomeUnknown(str(error)) from error


class _TakesSilenceForRefusal(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except GatewayError as error:
            raise RejectedByVenue("?", str(error)) from error


class _ForgetsTheTax(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        found = super().submit(account=account, order=order)
        return [replace(each, fee=each.fee * 5 / 6) for each in found]


class _TakesEveryStopForCancelled(_Wrapped):
    def query(
        self, *, account: str, instrument: str, cl_ord_id: str
    ) -> Sequence[ExecutionReport] | None:
        known = self._memory.known(cl_ord_id)
        assert known is not None
        seen = lookup.single(self._connection, known.first)
        return self._told(lookup.Found(known.first, seen), instrument)


def _made(spoilt: type[_Wrapped]) -> Callable[[Mapping[str, Any]], BtcturkGateway]:
    def make(told: Mapping[str, Any]) -> BtcturkGateway:
        inner = conformance.btcturk(told)
        assert isinstance(inner, BtcturkGateway)
        return spoilt(inner)

    return make


@pytest.mark.parametrize(
    ("spoilt", "word"),
    [
        (_SendsAgain, "accept_no_answer"),
        (_BuysInQuote, "market order tells"),
        (_TakesRefusalForOutage, "bad order"),
        (_TakesSilenceForRefusal, "http_502"),
        (_ForgetsTheTax, "market order tells"),
        (_TakesEveryStopForCancelled, "a stop rests"),
    ],
)
def test_a_gateway_that_breaks_a_rule_fails_its_card(spoilt: type[_Wrapped], word: str) -> None:
    (name,) = (each for each in cards.CARDS if word in each)
    scene = replace(SCENE, connect=_made(spoilt))
    with stand(scene, venue="btcturk") as ready, pytest.raises((cards.Failed, GatewayError)):
        cards.CARDS[name](ready)
