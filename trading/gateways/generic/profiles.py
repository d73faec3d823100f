"""What we know of an exchange beyond what ccxt tells of it, from the exchange's own documents.

1. An exchange that is not listed has the weakest profile: its client order ids promise nothing, an
   order is found by reading lists, trades are paged by time.
2. A line here is a promise that the cards are played on: add one only with its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trading.domain.ports import ClientIdClass
from trading.gateways.generic.errors import Proof


class Find(StrEnum):
    """How an order is found by its client id: asked for by it, in lists that are asked for by it,
    or in whole lists of some days."""

    DIRECT = "DIRECT"
    FILTER = "FILTER"
    SCAN = "SCAN"


class Paging(StrEnum):
    """How a list of trades goes on: from an id, from an offset (newest first), from a time."""

    FROM_ID = "FROM_ID"
    OFFSET = "OFFSET"
    SINCE = "SINCE"


@dataclass(frozen=True, slots=True)
class Profile:
    """`options` are the library's own; `order_params` and `list_params` go with every order and
    every list of orders; `codes` are the exchange's errors that the library takes for less than
    they say, or for more."""

    client_id_class: ClientIdClass = ClientIdClass.NONE
    find: Find = Find.SCAN
    paging: Paging = Paging.SINCE
    cancels_by_client_id: bool = False
    #: Orders name their trades, which are asked for by id.
    names_trades: bool = False
    #: Client ids longer than 18 characters are 32 hex digits (client_ids.py).
    hex_client_ids: bool = False
    #: A request must carry a greater number than every one before it.
    counts_requests: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    order_params: Mapping[str, Any] = field(default_factory=dict)
    list_params: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[str, Proof] = field(default_factory=dict)


_BINANCE = Profile(
    # rest-api.md: unique among open orders; GET and DELETE take origClientOrderId; myTrades pages
    # by fromId. The options keep the library from asking other services of the exchange.
    client_id_class=ClientIdClass.OPEN_ONLY,
    find=Find.DIRECT,
    paging=Paging.FROM_ID,
    cancels_by_client_id=True,
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "recvWindow": 5000,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        # An acknowledgement alone would hide the trades of a stop.
        "newOrderRespType": {"market": "FULL", "limit": "FULL"},
    },
    codes={"-2015": Proof.REFUSED, "-1016": Proof.UNKNOWN},
)


def _kraken_codes() -> dict[str, Proof]:
    """docs.kraken.com, Spot Error Messages: what the library leaves open or calls a failure."""
    refused = (
        "EGeneral:Invalid arguments", "EService:Market in cancel_only mode",
        "EService:Market in post_only mode", "EAPI:Invalid signature", "EAPI:Invalid key",
        "EAPI:Feature disabled", "EAccount:Invalid permissions",
        "EOrder:Cannot open opposing position", "EOrder:Cannot open position",
        "EOrder:Margin allowance exceeded", "EOrder:Margin level too low",
        "EOrder:Margin position size exceeded", "EOrder:Insufficient margin",
        "EOrder:Orders limit exceeded", "EOrder:Positions limit exceeded",
        "EOrder:Scheduled orders limit exceeded", "EOrder:Order minimum not met",
        "EOrder:Cost minimum not met", "EOrder:Tick size check failed", "EOrder:Invalid price",
        "EOrder:Post only order",
        "EOrder:Trading agreement required", "EQuery:Unknown asset pair",
    )  # fmt: skip
    return {
        **dict.fromkeys(refused, Proof.REFUSED),
        "EOrder:Domain rate limit exceeded": Proof.NOT_DONE,
        "EService:Throttled": Proof.NOT_DONE,
        "EService: Throttled": Proof.NOT_DONE,
        # The order may have been on its way when the deadline passed.
        "EService:Deadline elapsed": Proof.UNKNOWN,
    }


_KRAKEN = Profile(
    # docs.kraken.com, Spot Client Order Identifiers: unique among open orders; OpenOrders and
    # ClosedOrders are asked for by cl_ord_id, CancelOrder too. The answer to an order names its id
    # and nothing of its trades. The library takes every fee to be in the quote asset: it is asked
    # for there, for the usual one of a sale is in the base asset.
    client_id_class=ClientIdClass.OPEN_ONLY,
    find=Find.FILTER,
    paging=Paging.OFFSET,
    cancels_by_client_id=True,
    names_trades=True,
    hex_client_ids=True,
    counts_requests=True,
    order_params={"oflags": "fciq"},
    list_params={"trades": "true"},
    codes=_kraken_codes(),
)
_KNOWN: Mapping[str, Profile] = {"binance": _BINANCE, "kraken": _KRAKEN}
_WEAKEST = Profile()


def of(exchange: str) -> Profile:
    """The profile of an exchange by the library's name of it."""
    return _KNOWN.get(exchange, _WEAKEST)
