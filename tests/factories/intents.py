"""Random intents for the filters of an instrument, and what the sandbox exchange says of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from aitrader.kernel.fix import OrdType, Origin, Side
from aitrader.kernel.money import price_nearest, qty_to_lot
from trading.domain.instrument import Instrument
from trading.domain.instrument_limits import PRICED
from trading.domain.order import OrderIntent
from trading.sandbox import checks
from trading.sandbox.orders import NewOrder
from trading.sandbox.rules import Listing, Refused

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = (
    OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED,
    OrdType.TRAILING_STOP,
)  # fmt: skip


def _near(random: Random, edges: list[Decimal]) -> Decimal:
    """A number at an edge, just beside it, or between two of them on a scale of sizes."""
    edge = random.choice(edges)
    if random.random() < 0.5:
        return edge * (1 + D(random.randint(-3, 3)) / 1000)
    other = random.choice(edges)
    low, high = sorted((float(edge), float(other)))
    return D(repr(low * (high / low) ** random.random()))


def intents(
    random: Random,
    of: Instrument,
    its: Listing,
    last: Decimal,
    types: Sequence[OrdType] = TYPES,
) -> Iterator[OrderIntent]:
    """Endless intents at the edges of every filter, in whole ticks and lots as the desk rounds."""
    while True:
        side, ord_type = random.choice(tuple(Side)), random.choice(types)
        shares = [share for share in its.band(side) if share] + [D(1)]
        prices = [its.min_price, its.max_price, *(last * share for share in shares)]
        price = max(of.tick, price_nearest(_near(random, prices), of.tick))
        edges = [its.min_qty, its.max_qty, its.market_max_qty, its.market_min_qty]
        edges += [its.min_notional / price, its.max_notional / price, its.min_notional / last]
        qty = qty_to_lot(_near(random, [each for each in edges if D(0) < each < 10**15]), of.lot)
        trails = ord_type is OrdType.TRAILING_STOP
        waits = ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
        yield OrderIntent(
            intent_id="I",
            account="paper",
            instrument=of.code,
            side=side,
            ord_type=ord_type,
            order_qty=qty,
            origin=Origin.STRATEGY,
            reference_px=last,
            reason="any",
            decided_at=NOW,
            price=price if ord_type in PRICED else None,
            stop_px=price if waits else None,
            trailing_bps=D(random.choice((9, 10, 11, 150, 200, 201, 2_000, 2_001)))
            if trails
            else None,
        )


def refused(intent: OrderIntent, its: Listing, last: Decimal) -> Refused | None:
    """What the exchange's own filters say of it when the last price is this."""
    stop_px = intent.stop_px
    if intent.ord_type is OrdType.LIMIT_IF_TOUCHED:
        stop_px = intent.price
    request = NewOrder(
        "anna",
        its.instrument,
        intent.side,
        intent.ord_type,
        intent.order_qty,
        price=intent.price,
        stop_px=stop_px,
        trailing_bps=intent.trailing_bps,
    )
    return checks.check_fields(its, request, last, NOW)
