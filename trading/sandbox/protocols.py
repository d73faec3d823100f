"""A venue's REST protocol for one account of a stage, as a run within one process has it: who may
speak, whom to ask, and what the venue calls what the exchange has.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trading.sandbox.accounts import Fees
from trading.sandbox.binance_api.desk import key_of as binance_key
from trading.sandbox.binance_api.rest import Rest as BinanceRest
from trading.sandbox.binance_api.venue import Venue as BinanceVenue
from trading.sandbox.btcturk_api import rows
from trading.sandbox.btcturk_api.desk import key_of as btcturk_key
from trading.sandbox.btcturk_api.rest import Rest as BtcturkRest
from trading.sandbox.btcturk_api.venue import Venue as BtcturkVenue
from trading.sandbox.btcturk_api.venue import shown_client_id
from trading.sandbox.coinbase_api import reports
from trading.sandbox.coinbase_api.rest import Rest as CoinbaseRest
from trading.sandbox.coinbase_api.signing import key_of as coinbase_key
from trading.sandbox.coinbase_api.venue import Venue as CoinbaseVenue
from trading.sandbox.http import Respond
from trading.sandbox.orders import Fill, Order
from trading.sandbox.wire import Names, Wire


@dataclass(frozen=True, slots=True)
class Protocol:
    """`respond` answers requests that are signed with this key."""

    api_key: str
    api_secret: str
    respond: Respond


class _CoinbaseNames(Names):
    def __init__(self, venue: CoinbaseVenue) -> None:
        self._venue = venue

    def exec_id(self, fill: Fill) -> str:
        return reports.trade_id(self._venue, fill)

    def order_id(self, order: Order) -> str:
        return reports.order_id(self._venue, order)


class _BtcturkNames(Names):
    def __init__(self, venue: BtcturkVenue) -> None:
        self._venue = venue

    def exec_id(self, fill: Fill) -> str:
        return str(rows.trade_id(self._venue, fill))

    def cl_ord_id(self, order: Order) -> str:
        return shown_client_id(order.cl_ord_id)

    def order_id(self, order: Order) -> str:
        return str(self._venue.stop_id(order))


def _binance(wire: Wire, fees: Fees) -> Protocol:
    key = binance_key(wire.account, wire.stage.seed)
    venue = BinanceVenue(wire.stage, {key.api_key: key}, {key.account: fees}, _symbols(wire))
    return Protocol(key.api_key, key.api_secret, BinanceRest(venue).respond)


def _coinbase(wire: Wire, fees: Fees) -> Protocol:
    key, seed = coinbase_key(wire.account, wire.stage.seed), wire.stage.seed
    venue = CoinbaseVenue(wire.stage, {key.name: key}, {key.account: fees}, _symbols(wire), seed)
    wire.names = _CoinbaseNames(venue)
    return Protocol(key.name, key.pem, CoinbaseRest(venue).respond)


def _btcturk(wire: Wire, fees: Fees) -> Protocol:
    key = btcturk_key(wire.account, wire.stage.seed)
    venue = BtcturkVenue(wire.stage, {key.api_key: key}, {key.account: fees}, _symbols(wire))
    wire.names = _BtcturkNames(venue)
    return Protocol(key.api_key, key.api_secret, BtcturkRest(venue).respond)


_PROTOCOLS: dict[str, Callable[[Wire, Fees], Protocol]] = {
    "binance": _binance,
    "btcturk": _btcturk,
    "coinbase": _coinbase,
}


def of(venue: str, wire: Wire) -> Protocol:
    """The protocol of this venue; `wire` takes over its names."""
    return _PROTOCOLS[venue](wire, Fees(fee_in=wire.promises.fee_in[0]))


def _symbols(wire: Wire) -> tuple[str, ...]:
    return tuple(wire.symbols.values())
