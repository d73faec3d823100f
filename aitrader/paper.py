"""Puts a desk together: what to trade on, where its orders go, and the desk's rows.

1. Everything that decides a result is in `PaperOptions`; nothing is read from the environment.
2. The rules of an instrument are inferred from its first bars, the same way for the same bars.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from threading import Event

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import BadInput, GatewayError, VenueAway
from aitrader.kernel.fix import AccountKind, PriceSource
from aitrader.kernel.money import ONE
from trading.domain import simulated_market
from trading.domain.bar import Bar
from trading.domain.candle_file import Quarantined
from trading.domain.instrument import Instrument, code_of
from trading.domain.matched_elsewhere import MatchedElsewhere
from trading.domain.matching import BPS
from trading.domain.ports import Gateway, MatchingEngine
from trading.gateways import registry
from trading.gateways.entry import Connection
from trading.gateways.prices import PublicData
from trading.gateways.sim import books
from trading.gateways.sim.engine import SimEngine
from trading.gateways.sim.gateway import SimGateway
from trading.gateways.sim.rules import SimRules
from trading.gateways.streams import Line
from trading.models import InstrumentRow
from trading.selectors.desk import Desk, as_instrument
from trading.services import bar_steps, candle_files, recordings, setup, venue_facts
from trading.services.bar_steps import Step
from trading.services.candle_files import CandleSeries, Recording
from trading.services.setup import DeskPlan, StrategyPlan

VENUE = "SIM"
#: A lot is worth at most this much of the quote asset.
_MOST_PER_LOT = ONE
_MIN_NOTIONAL = Decimal(5)
_BARS_TO_INFER_FROM = 500
#: What the rows of feeds and of their instruments hold.
_LONGEST_NAME = 200
_SIMULATED = ("BTC", "ETH")
_SIMULATED_START = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
#: By venue, as it names them.
_LIVE_SYMBOLS = {
    "BINANCE": ("BTCUSDT", "ETHUSDT"),
    "BTCTURK": ("BTCTRY", "ETHTRY"),
    "COINBASE": ("BTC-USD", "ETH-USD"),
    "KRAKEN": ("BTC/USD", "ETH/USD"),
}

DEFAULT_STRATEGIES = (
    StrategyPlan("sma_cross", {}, {"method": "FIXED_FRACTION", "fraction": "0.1"}),
    StrategyPlan(
        "donchian",
        {},
        {"method": "VOLATILITY_TARGET", "fraction": "0.2", "target_volatility": "0.1"},
    ),
)


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """What a person may choose. `simulated_bars` ends a simulated market; None never ends it.

    `history_bars` are recorded per instrument before the first decision, at the least. `venue`
    gives its prices in real time; orders go to the simulated venue, or there if `at_venue`.
    `second_source` is the venue that its prices are compared with.
    """

    replay: Sequence[str] = ()
    symbol: str | None = None
    interval: str | None = None
    kind: AccountKind | None = None
    seed: int = 1
    profile: str = "demo"
    cash: Decimal = Decimal(100_000)
    speed: Decimal | None = None
    strategies: Sequence[StrategyPlan] = DEFAULT_STRATEGIES
    reject_rate: float = 0.0
    unanswered_rate: float = 0.0
    latency: timedelta = timedelta(milliseconds=50)
    fee_asset: str = ""
    simulated_bars: int | None = None
    history_bars: int = 0
    venue: str = ""
    second_source: str = ""
    at_venue: bool = False

    @property
    def orders_at(self) -> str:
        """The venue, by code, that orders go to."""
        return self.venue if self.at_venue else VENUE


@dataclass(slots=True)
class Market:
    """Streams of bars by instrument code, and how to name their source."""

    source: PriceSource
    title: str
    interval: timedelta
    kind: AccountKind
    instruments: list[tuple[Instrument, str]] = field(default_factory=list)
    streams: dict[str, Iterable[Bar | Quarantined]] = field(default_factory=dict)
    fingerprint: str = ""
    live: Callable[[Event], Iterator[Step]] | None = None
    #: Where a market in real time begins: after these bars, by instrument code.
    resume: Callable[[Mapping[str, datetime]], None] | None = None
    #: Monotonic seconds of the last word of a market in real time.
    heard_at: Callable[[], float] | None = None

    def steps(self, stop: Event | None = None) -> Iterator[Step]:
        """Every step from the start; a market in real time ends when `stop` is set."""
        if self.live is not None:
            return self.live(stop or Event())
        return bar_steps.steps(self.streams)


def market(options: PaperOptions) -> Market:
    """Open what the options name. Raises BadInput with one clear line."""
    if options.replay:
        return _replayed(options)
    return _real_time(options) if options.venue else _simulated(options)


def _real_time(options: PaperOptions) -> Market:
    if options.kind is AccountKind.PERP:
        raise BadInput("prices in real time are those of SPOT instruments")
    usual = _LIVE_SYMBOLS.get(options.venue, ())
    symbols = [options.symbol.upper()] if options.symbol else list(usual)
    if not symbols:
        raise BadInput(f"--symbol: which instrument of {options.venue}? Such as BTC/USD")
    interval = candle_files.parse_interval(options.interval) if options.interval else _MINUTE
    data = registry.public(options.venue)
    try:
        listed = _listed(data, symbols, options.orders_at)
    except GatewayError as error:
        raise VenueAway(f"{options.venue} does not answer: {error}") from None
    by_code = {instrument.code: symbol for symbol, instrument in listed.items()}
    klines = data.klines(by_code, interval, history_bars=options.history_bars)
    name = options.venue.capitalize()
    real = registry.tells_real_prices(options.venue)
    return Market(
        source=PriceSource.REAL_TIME if real else PriceSource.SANDBOX,
        title=name,
        interval=interval,
        kind=AccountKind.SPOT,
        instruments=[(instrument, f"{name} {symbol}") for symbol, instrument in listed.items()],
        fingerprint=f"{'' if real else 'sandbox-'}{options.venue}-{interval.total_seconds():.0f}",
        live=klines.steps,
        resume=klines.resume,
        heard_at=lambda: klines.heard_at,
    )


def _listed(data: PublicData, symbols: Sequence[str], venue: str) -> dict[str, Instrument]:
    """The rules by symbol. What does not trade now has the rules it had here before, so that the
    others go on; it is halted in the venue's name. Raises VenueAway when nothing trades."""
    try:
        return data.instruments(symbols, venue=venue)
    except VenueAway:
        if len(symbols) == 1:
            raise
    kept = {
        data.symbol_of(row.base, row.quote): as_instrument(row)
        for row in InstrumentRow.objects.filter(venue__code=venue, kind=AccountKind.SPOT)
    }
    found: dict[str, Instrument] = {}
    away: VenueAway | None = None
    for symbol in symbols:
        try:
            found |= data.instruments([symbol], venue=venue)
        except VenueAway as error:
            away = error
            if symbol not in kept:
                raise
    if not found and away is not None:
        raise away
    return {symbol: found.get(symbol) or kept[symbol] for symbol in symbols}


def _replayed(options: PaperOptions) -> Market:
    files = [
        each
        for path in options.replay
        for each in recordings.read_all(
            path, symbol=options.symbol, interval=options.interval, kind=options.kind
        )
    ]
    _see_that_they_fit(files)
    by_code: dict[str, list[Recording]] = {}
    for file in files:
        code = code_of(VENUE, file.base, file.quote, file.kind)
        by_code.setdefault(code, []).append(file)
    opened = Market(
        source=PriceSource.REPLAY, title="", interval=files[0].interval, kind=files[0].kind
    )
    digest = hashlib.sha256()
    for code, parts in by_code.items():
        series = candle_files.in_order(parts)
        opened.instruments.append((_infer(code, series), series.title[:_LONGEST_NAME]))
        opened.streams[code] = series
        for file in series.files:
            digest.update(file.content())
    opened.title = ", ".join(title for _, title in opened.instruments)[:_LONGEST_NAME]
    opened.fingerprint = digest.hexdigest()
    return opened


def _see_that_they_fit(files: Sequence[Recording]) -> None:
    first = files[0]
    for file in files:
        if (file.interval, file.kind) != (first.interval, first.kind):
            raise BadInput(
                "files of one replay must share one interval and one kind of account: "
                f"{first.source} is {first.interval} {first.kind}, "
                f"{file.source} is {file.interval} {file.kind}"
            )


def _infer(code: str, series: CandleSeries) -> Instrument:
    """Tick, lot and minimum of an instrument of which only bars are known."""
    first = series.files[0]
    bars = [bar for bar in islice(series, _BARS_TO_INFER_FROM) if isinstance(bar, Bar)]
    if not bars:
        raise BadInput(f"{first.source}: no bars")
    prices = [price for bar in bars for price in (bar.open, bar.high, bar.low, bar.close)]
    decimals = max(-int(price.normalize().as_tuple().exponent) for price in prices)
    tick = ONE.scaleb(-max(0, min(decimals, 8)))
    lot = ONE.scaleb(-max(0, min(8, bars[0].open.adjusted() + 1)))
    return Instrument(
        code=code,
        base=first.base,
        quote=first.quote,
        kind=first.kind,
        tick=tick,
        lot=lot if lot * bars[0].open <= _MOST_PER_LOT else lot / 10,
        min_qty=lot,
        min_notional=_MIN_NOTIONAL,
    )


def _simulated(options: PaperOptions) -> Market:
    if options.symbol:
        bases = [candle_files.parse_symbol(options.symbol)[0]]
    else:
        bases = list(_SIMULATED)
    interval = candle_files.parse_interval(options.interval) if options.interval else _MINUTE
    kind = options.kind or AccountKind.SPOT
    opened = Market(
        source=PriceSource.SIMULATED,
        title=f"seed {options.seed}",
        interval=interval,
        kind=kind,
        fingerprint=f"simulated-{options.seed}-{interval.total_seconds():.0f}",
    )
    for base in bases:
        code = code_of(VENUE, base, "USDT", kind)
        instrument = Instrument(
            code=code,
            base=base,
            quote="USDT",
            kind=kind,
            tick=Decimal("0.01"),
            lot=Decimal("0.00001"),
            min_qty=Decimal("0.00001"),
            min_notional=_MIN_NOTIONAL,
        )
        opened.instruments.append((instrument, opened.title))
        bars = simulated_market.bars(options.seed, code, _SIMULATED_START, interval)
        opened.streams[code] = _Stream(bars, options.simulated_bars)
    return opened


class _Stream:
    """A generator with an end."""

    def __init__(self, bars: Iterator[Bar], length: int | None) -> None:
        self._bars = bars
        self._length = length

    def __iter__(self) -> Iterator[Bar | Quarantined]:
        return islice(self._bars, self._length)


@dataclass(frozen=True, slots=True)
class PaperDesk:
    """A desk with its venue, ready to be driven."""

    desk: Desk
    gateway: Gateway
    engine: MatchingEngine
    market: Market
    #: The account's user stream, where the venue has one.
    line: Line | None = None


def rules_of(options: PaperOptions, namespace: str) -> SimRules:
    return SimRules(
        seed=namespace,
        latency=options.latency,
        reject_rate=options.reject_rate,
        unanswered_rate=options.unanswered_rate,
        fee_asset=options.fee_asset,
    )


def open_desk(
    options: PaperOptions,
    market: Market,
    *,
    code: str,
    namespace: str,
    at: Moment,
    alone: bool = False,
    prices: Mapping[str, Decimal] | None = None,
) -> PaperDesk:
    """Open the desk of a market under this feed code, or find it as it was left.

    `alone`: this thread is the only one that talks to the simulated venue. `prices` by instrument
    code value what an account at a venue holds already.
    """
    if options.at_venue:
        return _open_at_venue(options, market, code, namespace, at, prices or {})
    rules = rules_of(options, namespace)
    plan = _plan(options, market, code)
    desk = setup.open_desk(
        plan=plan,
        namespace=namespace,
        fee_rate=rules.costs.taker_fee_bps * BPS,
        at=at,
    )
    books.deposit(desk.account.code, plan.base_currency, plan.cash)
    gateway = SimGateway(rules)
    _tell(VENUE, Connection(gateway, rules.fees, books.writing), at)
    return PaperDesk(
        desk=desk,
        gateway=gateway,
        engine=SimEngine(rules, instruments_of(desk), account=desk.account.code, alone=alone),
        market=market,
    )


def _open_at_venue(
    options: PaperOptions,
    market: Market,
    code: str,
    namespace: str,
    at: Moment,
    prices: Mapping[str, Decimal],
) -> PaperDesk:
    """A desk whose orders go to the venue that gives the prices. Raises BadInput where they would
    move real money."""
    venue = options.venue
    registry.require_account(venue, code)
    try:
        connected = registry.connect(venue, namespace=namespace)
        held_at = WALL.now()
        held = connected.gateway.balances(account=code)
    except GatewayError as error:
        raise VenueAway(f"{venue} does not answer: {error}") from None
    plan = _plan(options, market, code)
    plan = replace(plan, venue=venue, held=held, held_at=held_at, prices=prices)
    desk = setup.open_desk(plan=plan, namespace=namespace, fee_rate=connected.fee_rate, at=at)
    desk.capabilities = connected.gateway.capabilities
    _tell(venue, connected, at)
    return PaperDesk(desk, connected.gateway, MatchedElsewhere(), market, connected.line)


def _tell(venue: str, connected: Connection, at: Moment) -> None:
    venue_facts.tell(venue=venue, told=registry.told(venue, connected), now=at.wall)


def _plan(options: PaperOptions, market: Market, code: str) -> DeskPlan:
    return DeskPlan(
        code=code,
        title=market.title,
        source=market.source,
        kind=market.kind,
        interval_seconds=int(market.interval.total_seconds()),
        speed=options.speed,
        history_bars=options.history_bars,
        instruments=market.instruments,
        strategies=options.strategies,
        profile=options.profile,
        cash=options.cash,
        base_currency=market.instruments[0][0].quote,
    )


def instruments_of(desk: Desk) -> Mapping[str, Instrument]:
    return {row.code: as_instrument(row) for row in desk.instruments.values()}
