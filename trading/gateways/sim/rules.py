"""How the simulated venue behaves: costs, latency and seeded faults.

1. A fault depends on nothing but the seed and the client order id, so that a second try of the
   same order meets the same fate.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel import ids
from trading.domain.matching import BPS, Costs
from trading.domain.ports import Fees

DEFAULT_COSTS = Costs(
    half_spread_bps=Decimal("0.5"),
    impact_bps=Decimal("0.5"),
    maker_fee_bps=Decimal("2"),
    taker_fee_bps=Decimal("5"),
    participation=Decimal("0.1"),
)


@dataclass(frozen=True, slots=True)
class SimRules:
    """`latency` is from send to acceptance, in market time; rates are shares of orders.

    `fee_asset` is empty for the asset the venue charges by custom (quote), `RECEIVED` for what the
    fill brings in, or a code such as BNB with `fee_asset_px` its price in quote.
    """

    seed: str
    costs: Costs = field(default=DEFAULT_COSTS)
    latency: timedelta = timedelta(milliseconds=50)
    reject_rate: float = 0.0
    unanswered_rate: float = 0.0
    fee_asset: str = ""
    fee_asset_px: Decimal | None = None

    @property
    def fees(self) -> Fees:
        """What it charges every account."""
        return Fees(self.costs.maker_fee_bps * BPS, self.costs.taker_fee_bps * BPS)

    def rejects(self, cl_ord_id: str) -> bool:
        return ids.unit_interval(self.seed, "sim.reject", cl_ord_id) < self.reject_rate

    def leaves_unanswered(self, cl_ord_id: str) -> bool:
        return ids.unit_interval(self.seed, "sim.unanswered", cl_ord_id) < self.unanswered_rate
