"""Gateways to Coinbase that break one rule each: a card that lets them pass says nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from aitrader.kernel.errors import GatewayError, RejectedByVenue
from aitrader.kernel.fix import ExecType
from trading.domain.execution_report import ExecutionReport
from trading.domain.ports import Gateway, NewOrder
from trading.gateways.coinbase import orders, reports
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.management.commands import conformance
from trading.sandbox import cards
from trading.sandbox.stand import stand

COINBASE = conformance.VENUES["coinbase"]


class _Wrapped(CoinbaseGateway):
    def __init__(self, inner: Gateway) -> None:
        assert isinstance(inner, CoinbaseGateway)
        super().__init__(inner._connection)
        self._numbers = count(1)


class _MakesANewIdForEveryCopy(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        copy = replace(order, cl_ord_id=f"{order.cl_ord_id}-{next(self._numbers)}")
        return super().submit(account=account, order=copy)


class _BelievesTheReasonAndNotTheSuccess(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        answer = self._connection.write("/orders", orders.body(order))
        if answer.get("failure_reason"):
            raise RejectedByVenue(str(answer["failure_reason"]), "")
        return super().submit(account=account, order=order)


class _TakesSilenceForRefusal(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Sequence[ExecutionReport]:
        try:
            return super().submit(account=account, order=order)
        except GatewayError as error:
            raise RejectedByVenue("?", str(error)) from error


class _HoldsEveryCancelForDone(_Wrapped):
    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        known = self._find(instrument, cl_ord_id)
        order_id = known.order_id if known else "nobody"
        self._connection.write("/orders/batch_cancel", {"order_ids": [order_id]})
        done = reports.accepted(order_id, cl_ord_id, instrument, at)
        return replace(done, exec_type=ExecType.CANCELED)


class _ReadsTheFirstPageOnly(_Wrapped):
    def _pages(
        self, path: str, name: str, *, until: str = "", **asked: object
    ) -> list[Mapping[str, Any]]:
        found = list(self._connection.read(path, **asked)[name])
        if name == "orders":
            self._learn(found)
        return found


def _card(word: str) -> str:
    (name,) = (each for each in cards.CARDS if word in each)
    return name


@pytest.mark.parametrize(
    ("spoilt", "word"),
    [
        (_MakesANewIdForEveryCopy, "second copy"),
        (_MakesANewIdForEveryCopy, "rests is listed"),
        (_BelievesTheReasonAndNotTheSuccess, "rests is listed"),
        (_TakesSilenceForRefusal, "accept_no_answer"),
        (_TakesSilenceForRefusal, "http_504"),
        (_HoldsEveryCancelForDone, "too late"),
        (_ReadsTheFirstPageOnly, "short pages"),
    ],
)
def test_a_gateway_that_breaks_a_rule_fails_its_card(spoilt: type[_Wrapped], word: str) -> None:
    played = cards.CARDS[_card(word)]
    scene = replace(COINBASE, connect=lambda told: spoilt(COINBASE.connect(told)))
    plan = cards.PLANS.get(played, "")
    with (
        stand(scene, venue="coinbase", plan=plan) as ready,
        pytest.raises((cards.Failed, RejectedByVenue)),
    ):
        played(ready)
