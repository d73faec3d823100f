"""What a match does to the simulated venue's books: fills, fees, balances, cancelled legs.

1. Everything of one match is written in the caller's transaction.
2. A SPOT account never goes below zero: an order that it cannot pay for is cancelled.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from aitrader.kernel.fix import AccountKind, ExecType, Liquidity, OrdStatus, OrdType, Side
from aitrader.kernel.money import CONTEXT, ZERO, product, stored
from trading.domain import matching
from trading.domain.instrument import Instrument
from trading.domain.matching import Execution
from trading.domain.position import FillFacts, PositionState
from trading.gateways.sim import books
from trading.gateways.sim.rules import SimRules
from trading.models import SimOrder


class Filler:
    """Writes fills for the matching engine."""

    def __init__(self, rules: SimRules, instruments: Mapping[str, Instrument]) -> None:
        self._rules = rules
        self._instruments = instruments

    def fill(self, order: SimOrder, hit: Execution, *, prior_volume: Decimal | None) -> int:
        """Write the fill, its money and the end of the other legs; count the reports."""
        qty = self._fillable(order, hit, prior_volume)
        at = max(filter(None, (order.accepted_at, order.ranged_to, order.opened_to)))
        if qty is None:
            order.ord_status = OrdStatus.CANCELED
            order.text = "INSUFFICIENT_BALANCE"
            self._save(order)
            books.add_execution(
                order, ExecType.CANCELED, at=at, seed=self._rules.seed, text=order.text
            )
            return 1
        if qty <= 0:
            return 0
        order.cum_qty = CONTEXT.add(order.cum_qty, qty)
        full = order.cum_qty >= order.order_qty
        order.ord_status = OrdStatus.FILLED if full else OrdStatus.PARTIALLY_FILLED
        fee, fee_asset = self._fee(order, hit, qty)
        self._settle(order, qty, hit.px, fee, fee_asset)
        self._save(order)
        books.add_execution(
            order,
            ExecType.TRADE,
            at=at,
            seed=self._rules.seed,
            last_qty=qty,
            last_px=hit.px,
            fee=fee,
            fee_asset=fee_asset,
            liquidity=hit.liquidity,
        )
        return 1 + self._cancel_group(order, at)

    def _fillable(self, order: SimOrder, hit: Execution, volume: Decimal | None) -> Decimal | None:
        """How much fills now; None when the account cannot pay for it."""
        instrument = self._instruments[order.instrument]
        leaves = CONTEXT.subtract(order.order_qty, order.cum_qty)
        qty = leaves
        if order.ord_type == OrdType.MARKET:
            share = self._rules.costs.participation
            qty = matching.capped_qty(leaves, volume, share, instrument.lot)
        if instrument.kind is AccountKind.PERP:
            return self._reducible(order, qty) if order.reduce_only else qty
        held = books.balances(order.account_code)
        if order.side == Side.SELL:
            return qty if held.get(instrument.base, ZERO) >= qty else None
        fee, fee_asset = self._fee(order, hit, qty)
        needed = product(qty, hit.px) + (fee if fee_asset == instrument.quote else ZERO)
        return qty if held.get(instrument.quote, ZERO) >= needed else None

    def _reducible(self, order: SimOrder, qty: Decimal) -> Decimal | None:
        held = books.position_of(order.account_code, order.instrument).quantity
        against = -held if order.side == Side.BUY else held
        return min(qty, against) if against > 0 else None

    def _fee(self, order: SimOrder, hit: Execution, qty: Decimal) -> tuple[Decimal, str]:
        costs = self._rules.costs
        maker = hit.liquidity is Liquidity.MAKER
        bps = costs.maker_fee_bps if maker else costs.taker_fee_bps
        instrument = self._instruments[order.instrument]
        spot_buy = instrument.kind is AccountKind.SPOT and order.side == Side.BUY
        if self._rules.fee_asset == "RECEIVED" and spot_buy:
            return matching.fee(qty, hit.px, bps, in_base=True), instrument.base
        fee = matching.fee(qty, hit.px, bps)
        if self._rules.fee_asset_px is not None:
            return stored(CONTEXT.divide(fee, self._rules.fee_asset_px)), self._rules.fee_asset
        return fee, instrument.quote

    def _settle(
        self, order: SimOrder, qty: Decimal, px: Decimal, fee: Decimal, fee_asset: str
    ) -> None:
        instrument = self._instruments[order.instrument]
        sign = Side(order.side).sign
        changes: dict[str, Decimal] = defaultdict(Decimal)
        if instrument.kind is AccountKind.SPOT:
            changes[instrument.base] += sign * qty
            changes[instrument.quote] -= sign * product(qty, px)
        else:
            held = books.position_of(order.account_code, order.instrument)
            before = PositionState(AccountKind.PERP, held.quantity, held.cost)
            facts = FillFacts(
                Side(order.side), qty, px, ZERO, instrument.quote, instrument.base, instrument.quote
            )
            after, effect = before.apply(facts)
            held.quantity, held.cost = after.quantity, after.cost
            held.save(using=books.DATABASE)
            changes[instrument.quote] += effect.realised
        changes[fee_asset] -= fee
        books.move(order.account_code, {asset: each for asset, each in changes.items() if each})

    def _cancel_group(self, filled: SimOrder, at: datetime) -> int:
        if not filled.oco_group:
            return 0
        others = [
            each
            for each in books.open_orders(filled.account_code)
            if each.oco_group == filled.oco_group and each.pk != filled.pk
        ]
        for other in others:
            other.ord_status = OrdStatus.CANCELED
            other.text = "OCO"
            self._save(other)
            books.add_execution(other, ExecType.CANCELED, at=at, seed=self._rules.seed, text="OCO")
        return len(others)

    def _save(self, order: SimOrder) -> None:
        books.save(order, "ord_status", "cum_qty", "opened_to", "ranged_to", "text")
