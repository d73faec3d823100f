"""One account's desk as the services need it: rows that rarely change, and recent bars.

1. Loaded once per process and account; a change of instruments or strategy versions needs a
   reload, switches and limits do not (they are read where they matter).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from aitrader.kernel.fix import AccountKind
from risk.domain.sizing import SizingMethod, SizingRule
from risk.domain.trading_state import Scope
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.domain.ports import EVERYTHING, Capabilities
from trading.models import Account, Feed, FeedInstrument, InstrumentRow, StrategyVersion
from trading.selectors.account_state import Mark
from trading.selectors.bars import BarCache
from trading.selectors.order_store import OrderStore
from trading.strategies import catalogue
from trading.strategies.base import Strategy

#: Bars behind an instrument's volatility.
VOLATILITY_BARS = 60


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """A strategy version with its parameters read and checked."""

    version_id: int
    code: str
    strategy: Strategy
    params: dict[str, Decimal]
    warmup: int
    sizing: SizingRule


@dataclass(slots=True)
class Desk:
    account: Account
    feed: Feed
    instruments: dict[int, InstrumentRow]
    strategies: dict[int, LoadedStrategy]
    namespace: str
    fee_rate: Decimal
    bars: BarCache = field(default_factory=BarCache)
    #: What each instrument's was at its last bar and bound (snapshot.py `volatility`).
    volatilities: dict[int, tuple[Bar | None, Decimal, Decimal | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    #: Where the order services keep what they do; see services/order_rows.py `of`.
    store: OrderStore | None = field(default=None, repr=False, compare=False)
    #: Of the venue that the account is at.
    capabilities: Capabilities = EVERYTHING
    #: Until when nothing is sent, and how long the last pause was, in seconds of the store.
    held_back_until: float = 0.0
    pause: float = 0.0

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.feed.interval_seconds)

    def marks(self) -> dict[int, Mark]:
        """The last close of each instrument that can be believed: no extreme bar's."""
        found = {
            pk: self.bars.last_within(self.feed.pk, pk, row.max_bar_range)
            for pk, row in self.instruments.items()
        }
        return {pk: Mark(bar.close, bar.close_time) for pk, bar in found.items() if bar}

    def px_of(self, asset: str, quote: str) -> Decimal | None:
        """What one unit of an asset is worth in another by the mark of an instrument that the desk
        trades; None without one."""
        marks = self.marks()
        of_asset = (
            pk for pk, row in self.instruments.items() if (row.base, row.quote) == (asset, quote)
        )
        return next((marks[pk].px for pk in of_asset if pk in marks), None)

    def refresh_bars(self) -> None:
        """Read bars that other processes recorded."""
        for pk in self.instruments:
            self.bars.refresh(self.feed.pk, pk, self.interval)


def load(
    *,
    account_id: int,
    namespace: str,
    fee_rate: Decimal,
    capabilities: Capabilities = EVERYTHING,
) -> Desk:
    """The desk of an account. `fee_rate` is the venue's highest fee as a share of notional."""
    account = Account.objects.select_related("venue").get(pk=account_id)
    feed = Feed.objects.get(account=account)
    rows = FeedInstrument.objects.filter(feed=feed).select_related("instrument").order_by("pk")
    versions = StrategyVersion.objects.filter(strategy__account=account, current=True)
    return Desk(
        account=account,
        feed=feed,
        instruments={row.instrument_id: row.instrument for row in rows},
        strategies={
            version.pk: load_strategy(version)
            for version in versions.select_related("strategy").order_by("pk")
        },
        namespace=namespace,
        fee_rate=fee_rate,
        capabilities=capabilities,
    )


def scopes_of(
    account: Account, instrument: InstrumentRow, strategy: str
) -> list[tuple[Scope, str]]:
    """Every scope whose trading state governs an order."""
    found = [
        (Scope.GLOBAL, ""),
        (Scope.VENUE, account.venue.code),
        (Scope.ACCOUNT, account.code),
        (Scope.INSTRUMENT, instrument.code),
    ]
    return [*found, (Scope.STRATEGY, strategy)] if strategy else found


def load_strategy(version: StrategyVersion) -> LoadedStrategy:
    """Read a version. Raises UnknownStrategy or ParameterOutOfBounds for a bad row."""
    strategy = catalogue.by_path(version.path)
    params = strategy.resolve(version.parameters)
    target = version.sizing.get("target_volatility")
    return LoadedStrategy(
        version_id=version.pk,
        code=version.strategy.code,
        strategy=strategy,
        params=params,
        warmup=strategy.warmup(params),
        sizing=SizingRule(
            SizingMethod(version.sizing["method"]),
            Decimal(version.sizing["fraction"]),
            None if target is None else Decimal(target),
        ),
    )


def as_instrument(row: InstrumentRow) -> Instrument:
    """The pure twin of an instrument row."""
    return Instrument(
        code=row.code,
        base=row.base,
        quote=row.quote,
        kind=AccountKind(row.kind),
        tick=row.tick,
        lot=row.lot,
        min_qty=row.min_qty,
        min_notional=row.min_notional,
        max_bar_range=row.max_bar_range,
        limits=row.venue_limits,
    )
