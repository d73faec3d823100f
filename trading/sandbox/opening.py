"""How a simulated account begins: its desk, its limits, what was deposited.

Memory and rows begin alike, so that what the services write down is the same to the byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel import ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.fix import AccountKind, Mode, PriceSource
from aitrader.kernel.money import ZERO
from risk.domain.limits import LimitKey, profile
from risk.services import limits
from trading.domain import ledger
from trading.domain.bar import Bar
from trading.models import Account, Feed, InstrumentRow, Venue
from trading.sandbox.rules import Listing
from trading.selectors.bars import BarCache
from trading.selectors.desk import VOLATILITY_BARS, Desk
from trading.services import booking, order_rows

MINUTE = timedelta(minutes=1)
QUOTE = "USDT"
#: Within the demo profile, and small enough to be reached.
LIMITS: dict[LimitKey, Decimal] = profile("demo") | {
    LimitKey.MAX_ORDER_NOTIONAL: Decimal(1_800),
    LimitKey.MAX_POSITION_SHARE: Decimal("0.35"),
    LimitKey.MAX_GROSS_EXPOSURE: Decimal("0.5"),
    LimitKey.MAX_OPEN_ORDERS: Decimal(9),
    LimitKey.MAX_DAY_NOTIONAL: Decimal(12_000),
    LimitKey.MAX_ORDERS_PER_DAY: Decimal(24),
    LimitKey.PRICE_COLLAR: Decimal("0.0025"),
}
WHO, WHY = "simulation", "drawn"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a simulated account begins. `listings` by instrument code; `deposits` by asset."""

    seed: int
    namespace: str
    start: datetime
    listings: Mapping[str, Listing]
    prices: Mapping[str, Decimal]
    deposits: Mapping[str, Decimal]
    fee_rate: Decimal

    @property
    def worth(self) -> Decimal:
        """In the quote asset."""
        px = {each.base: self.prices[code] for code, each in self.listings.items()}
        px[QUOTE] = Decimal(1)
        return sum((amount * px[asset] for asset, amount in self.deposits.items()), ZERO)


def first_desk(opening: Opening) -> Desk:
    """The desk as it is before anything is traded, with the bars that a volatility needs."""
    venue = Venue(pk=1, code="SIM", name="Simulated venue")
    account = Account(
        pk=1,
        public_id=ids.derive(opening.namespace, "account", opening.seed),
        code=f"SIMULATED-{opening.seed}",
        venue=venue,
        kind=AccountKind.SPOT,
        mode=Mode.PAPER,
        base_currency=QUOTE,
        opening_equity=opening.worth,
        peak_equity=opening.worth,
        opened_at=opening.start,
        held_at=opening.start,
    )
    feed = Feed(
        pk=1,
        code=f"simulation-{opening.seed}",
        title=f"simulation {opening.seed}",
        source=PriceSource.SIMULATED,
        account=account,
        interval_seconds=int(MINUTE.total_seconds()),
        started_at=opening.start,
    )
    rows = {
        pk: InstrumentRow(
            pk=pk,
            venue=venue,
            code=code,
            base=listing.base,
            quote=listing.quote,
            kind=AccountKind.SPOT,
            tick=listing.tick,
            lot=listing.lot,
            min_qty=listing.min_qty,
            min_notional=listing.min_notional,
            max_bar_range=Decimal("0.5"),
        )
        for pk, (code, listing) in enumerate(opening.listings.items(), start=1)
    }
    desk = Desk(account, feed, rows, {}, opening.namespace, opening.fee_rate)
    _remember_bars(desk, opening)
    return desk


def _remember_bars(desk: Desk, opening: Opening) -> None:
    """Enough bars before the start for a volatility."""
    for pk, row in desk.instruments.items():
        # Asked for once, a series is kept.
        desk.bars.count(desk.feed.pk, pk)
        for number in range(VOLATILITY_BARS + 1, 1, -1):
            px = opening.prices[row.code] * (1 + Decimal(number % 7) / 10_000)
            bar = Bar(opening.start - number * MINUTE, MINUTE, px, px, px, px, Decimal(100))
            desk.bars.append(desk.feed.pk, pk, bar)


def save(desk: Desk) -> Desk:
    """The same desk as rows."""
    venue, _ = Venue.objects.get_or_create(code="SIM", defaults={"name": "Simulated venue"})
    desk.account.pk, desk.account.venue = None, venue
    desk.account.save()
    desk.feed.pk, desk.feed.account = None, desk.account
    desk.feed.save()
    for row in desk.instruments.values():
        row.pk, row.venue = None, venue
        known = InstrumentRow.objects.filter(code=row.code).first()
        if known is None:
            row.save()
        else:
            row.pk = known.pk
    kept = replace(desk, instruments={row.pk: row for row in desk.instruments.values()})
    bars = BarCache()
    for old, row in desk.instruments.items():
        bars.count(kept.feed.pk, row.pk)
        for bar in desk.bars.after(1, old, None):
            bars.append(kept.feed.pk, row.pk, bar)
    return replace(kept, bars=bars)


def set_limits(account_code: str, at: Moment) -> None:
    limits.apply_profile(
        account_code=account_code, profile="demo", set_by=WHO, now=at.wall, market_at=at.market
    )
    for key, value in LIMITS.items():
        limits.change(
            account_code=account_code,
            key=key,
            value=value,
            purpose=WHY,
            set_by=WHO,
            now=at.wall,
            market_at=at.market,
        )


def deposit(desk: Desk, opening: Opening) -> None:
    store = order_rows.of(desk)
    with store.atomic():
        for asset, amount in opening.deposits.items():
            postings = ledger.postings_for_deposit(asset, amount)
            booking.post(desk=desk, kind="DEPOSIT", key=asset, postings=postings, at=opening.start)


def bars_of(
    desk: Desk, prices: Mapping[str, Decimal], at: Moment
) -> list[tuple[InstrumentRow, Bar]]:
    """A bar of each instrument's present price."""
    found = []
    for row in desk.instruments.values():
        px = prices[row.code]
        bar = Bar(at.market - MINUTE, MINUTE, px, px, px, px, Decimal(100))
        found.append((row, bar))
    return found
