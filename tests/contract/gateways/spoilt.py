"""Gateways that break one rule each, for every card one that this card alone catches: a card that
lets them pass says nothing.

They speak to Binance; to Coinbase where Binance has nothing of the kind.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from binance.client import Client

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, TimeInForce
from aitrader.kernel.money import ZERO, price_down
from trading.domain.execution_report import ExecutionReport, status_report
from trading.domain.ports import Gateway, NewOrder
from trading.gateways.binance.connection import Connection
from trading.gateways.binance.gateway import BinanceGateway
from trading.gateways.clock_check import ClockCheck
from trading.gateways.coinbase.gateway import CoinbaseGateway
from trading.gateways.silence import Silence
from trading.management.commands import conformance
from trading.sandbox import cards

Reports = Sequence[ExecutionReport]
Spoil = Callable[[Mapping[str, Any]], Gateway]
T = TypeVar("T")


class _Wrapped(BinanceGateway):
    def __init__(self, inner: Gateway) -> None:
        assert isinstance(inner, BinanceGateway)
        super().__init__(inner._connection)


class _ForgetsTheClientId(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        return super().submit(account=account, order=replace(order, cl_ord_id="x-1"))


class _TellsACancelAsAnExpiry(_Wrapped):
    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        said = super().cancel(account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at)
        return replace(said, exec_type=ExecType.EXPIRED)


class _TellsTradesAsOne(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        first, *more = super().submit(account=account, order=order)
        trades = [each for each in more if each.exec_type is ExecType.TRADE]
        if not trades:
            return [first, *more]
        others = [each for each in more if each not in trades]
        total = sum((each.last_qty for each in trades), ZERO)
        return [first, replace(trades[-1], last_qty=total), *others]


class _NamesTradesAnewWhenAsked(_Wrapped):
    def query(self, *, account: str, instrument: str, cl_ord_id: str) -> Reports | None:
        found = super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)
        return found and [replace(each, exec_id=f"asked-{each.exec_id}") for each in found]


class _LetsAnImmediateOrderRest(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        return super().submit(account=account, order=replace(order, time_in_force=TimeInForce.GTC))


class _SendsAStopAtOnce(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        if order.ord_type is OrdType.STOP:
            order = replace(order, ord_type=OrdType.MARKET, stop_px=None)
        return super().submit(account=account, order=order)


class _SendsAStopAsATarget(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        if order.ord_type is OrdType.STOP:
            order = replace(order, ord_type=OrdType.LIMIT, price=Decimal(61_000), stop_px=None)
        return super().submit(account=account, order=order)


class _HoldsACancelOfNothingForDone(_Wrapped):
    found = False

    def cancel(
        self, *, account: str, instrument: str, cl_ord_id: str, at: datetime
    ) -> ExecutionReport:
        try:
            return super().cancel(
                account=account, instrument=instrument, cl_ord_id=cl_ord_id, at=at
            )
        except RejectedByVenue:
            told = self.query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)
            if (told is not None) is not self.found:
                raise
            return status_report("1", cl_ord_id, instrument, ExecType.CANCELED, ZERO, at)


class _HoldsALateCancelForDone(_HoldsACancelOfNothingForDone):
    found = True


class _ForgetsPostOnly(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        return super().submit(account=account, order=replace(order, post_only=False))


class _ForgetsTheEnd(CoinbaseGateway):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        if order.time_in_force is TimeInForce.GTD:
            order = replace(order, time_in_force=TimeInForce.GTC, expire_time=None)
        return super().submit(account=account, order=order)


class _SendsThemApart(_Wrapped):
    def submit_group(self, *, account: str, orders: Sequence[NewOrder]) -> Reports:
        as_limit = {OrdType.LIMIT_IF_TOUCHED: OrdType.LIMIT}
        apart = [
            replace(each, ord_type=as_limit.get(each.ord_type, each.ord_type)) for each in orders
        ]
        return [said for each in apart for said in self.submit(account=account, order=each)]


class _BelievesInWhatItSent(_Wrapped):
    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self._sent: set[str] = set()

    def submit(self, *, account: str, order: NewOrder) -> Reports:
        try:
            return super().submit(account=account, order=order)
        except OutcomeUnknown:
            self._sent.add(order.cl_ord_id)
            raise

    def query(self, *, account: str, instrument: str, cl_ord_id: str) -> Reports | None:
        found = super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)
        return [] if found is None and cl_ord_id in self._sent else found


class _SendsAgain(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        try:
            return super().submit(account=account, order=order)
        except OutcomeUnknown as error:
            if "ConnectionError" not in str(error):
                raise
            again = replace(order, cl_ord_id=f"{order.cl_ord_id}-2")
            return super().submit(account=account, order=again)


class _LooksOnce(_Wrapped):
    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self._gone: set[str] = set()

    def query(self, *, account: str, instrument: str, cl_ord_id: str) -> Reports | None:
        if cl_ord_id in self._gone:
            return None
        found = super().query(account=account, instrument=instrument, cl_ord_id=cl_ord_id)
        if found is None:
            self._gone.add(cl_ord_id)
        return found


class _NoClock(ClockCheck):
    def check(self) -> None:
        pass


class _SignsAtAnyTime(_Wrapped):
    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self._connection.clock = _NoClock(WALL.now, wall=WALL)


class _Deaf(Silence):
    def begin(self, url: str, seconds: float) -> None:
        pass


class _KeepsTalking(_Wrapped):
    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self._connection._silence = _Deaf()


class _RoundsThePrice(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        if order.price is not None:
            order = replace(order, price=price_down(order.price, Decimal("0.01")))
        return super().submit(account=account, order=order)


class _TellsFeesInTheQuote(_Wrapped):
    def submit(self, *, account: str, order: NewOrder) -> Reports:
        found = super().submit(account=account, order=order)
        return [
            replace(each, fee_asset="USDT") if each.fee_asset == "BNB" else each for each in found
        ]


class _ReadsOnePage(_Wrapped):
    def _pages(self, asked: Mapping[str, object], *, enough: Decimal | None = None) -> list[Any]:
        found: list[Any] = self._connection.call(lambda client: client.get_my_trades(**asked))
        return found


class _OnlyUsualNumbers(Connection):
    """Reads a number only as the venue usually writes it."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner

    def call(self, work: Callable[[Client], T]) -> T:
        answer = self._inner.call(work)
        if re.search(r"'\d+\.\d{9,}'|'0E-8'", str(answer)):
            raise OutcomeUnknown("a number that is written in another way")
        return answer


class _ReadsUsualNumbersOnly(_Wrapped):
    def __init__(self, inner: Gateway) -> None:
        super().__init__(inner)
        self._connection = _OnlyUsualNumbers(self._connection)


def _takes(words: str, wrong: GatewayError, *, found: type[GatewayError] = OutcomeUnknown) -> Spoil:
    """Takes what is `found` and says these words for another of the three outcomes."""

    class _Takes(_Wrapped):
        def submit(self, *, account: str, order: NewOrder) -> Reports:
            try:
                return super().submit(account=account, order=order)
            except found as error:
                if words in str(error):
                    raise wrong from error
                raise

    return _made(_Takes)


def _made(spoilt: type[_Wrapped]) -> Spoil:
    return lambda told: spoilt(conformance.binance(told))


def _at_coinbase(told: Mapping[str, Any]) -> Gateway:
    inner = conformance.coinbase(told)
    assert isinstance(inner, CoinbaseGateway)
    return _ForgetsTheEnd(inner._connection)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A gateway, the card that catches it, and what the card says of it."""

    card: str
    gateway: Spoil
    says: str
    venue: str = "binance"


_REFUSED = RejectedByVenue("?", "taken for a refusal")
_NEVER = NotSent("taken for not sent")
_A_REFUSAL, _NOT_SENT = "'RejectedByVenue', not", "'NotSent', not"
#: Caught by most of the cards.
forgets_the_client_id = _made(_ForgetsTheClientId)


def _card(word: str) -> str:
    (name,) = (each for each in cards.CARDS if each.startswith(f"{word} ") or each.endswith(word))
    return name


SPOILT = [
    Spoilt(_card(word), gateway, says, *venue)
    for word, gateway, says, *venue in (
        ("R1", _made(_TellsACancelAsAnExpiry), "the cancel"),
        ("R2", _made(_TellsTradesAsOne), "the quantities"),
        ("R3", _made(_NamesTradesAnewWhenAsked), "the trades"),
        ("R4", _made(_LetsAnImmediateOrderRest), "the state"),
        ("R5", _made(_SendsAStopAtOnce), "the stop at first"),
        ("R5", _made(_SendsAStopAsATarget), "the stop"),
        ("R6", _made(_HoldsACancelOfNothingForDone), "not refused"),
        ("R7", _made(_ForgetsPostOnly), "'an acceptance', not"),
        ("R8", _at_coinbase, "the query afterwards", "coinbase"),
        ("R9", _made(_SendsThemApart), "the stop"),
        ("X1", _made(_BelievesInWhatItSent), "the query"),
        ("accept_no_answer", _made(_SendsAgain), "orders at the venue"),
        ("timeout_code", _takes("code -100", _REFUSED), _A_REFUSAL),
        ("http_502", _takes("502, code 0", _NEVER), _NOT_SENT),
        ("http_504", _takes("504, code 0", _NEVER), _NOT_SENT),
        ("X4", _made(_LooksOnce), "the query afterwards"),
        ("X6", _takes("Duplicate", _REFUSED), _A_REFUSAL),
        ("X7", _made(_SignsAtAnyTime), "'an acceptance', not"),
        ("X8", _made(_KeepsTalking), "'an acceptance', not"),
        ("X9", _made(_RoundsThePrice), "'an acceptance', not"),
        ("X15", _made(_HoldsALateCancelForDone), "not refused"),
        ("X20", _takes("closed", _NEVER, found=RejectedByVenue), _NOT_SENT),
        ("X22", _made(_TellsFeesInTheQuote), "the fee's asset"),
        ("X26", _made(_ReadsUsualNumbersOnly), "written in another way"),
        ("X29", _made(_ReadsOnePage), "the trades"),
        ("X30", _takes("is not JSON", _REFUSED), "the outcomes"),
        ("X30", _takes("cannot be read", _NEVER), "the outcomes"),
        ("X30", _takes("Decoding", _REFUSED), "the outcomes"),
    )
]
