"""What each venue promises about client order ids and fees, as far as a simulation needs it.

Venue document: venues.md, "Client-id classes and resolution per venue", X22 (fees).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from trading.domain.ports import ClientIdClass
from trading.sandbox.accounts import FeeIn
from trading.sandbox.answers import ClientIds


@dataclass(frozen=True, slots=True)
class Promises:
    """`client_id_class` is what the gateway claims, `client_ids` what the exchange does. A signed
    request that is older than `valid_for` when it arrives is refused. Without `engine_knows_ids` an
    order is looked up in a list that lags before it can be cancelled."""

    client_id_class: ClientIdClass
    client_ids: ClientIds
    fee_in: tuple[FeeIn, ...]
    valid_for: timedelta
    engine_knows_ids: bool
    #: What stands in a symbol between the two assets.
    between: str = ""


VENUES: Mapping[str, Promises] = {
    "binance": Promises(
        ClientIdClass.OPEN_ONLY,
        ClientIds.OPEN_ONLY,
        (FeeIn.RECEIVED, FeeIn.THIRD),
        timedelta(seconds=5),
        engine_knows_ids=True,
    ),
    "coinbase": Promises(
        ClientIdClass.IDEMPOTENT,
        ClientIds.FOREVER,
        (FeeIn.QUOTE,),
        timedelta(seconds=120),
        engine_knows_ids=False,
        between="-",
    ),
    "btcturk": Promises(
        ClientIdClass.NONE,
        ClientIds.NONE,
        (FeeIn.QUOTE,),
        timedelta(seconds=5),
        engine_knows_ids=False,
    ),
}
