"""Opens a paper desk on a feed: venue, account, instruments, limits, strategies, first deposit.

1. Opening the same feed again finds the desk as it was left; nothing is written twice.
2. The account starts with what it has: one deposit, posted to the ledger and at the simulated
   venue alike, or what the venue says is held there.
3. Tick, lot, least quantity and limits of the simulated venue are those of the bars that are
   traded, not of whichever bars came first; what an operator has set stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from aitrader.kernel import crash, ids
from aitrader.kernel.clock import Moment
from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import AccountKind, Mode, PriceSource
from aitrader.kernel.money import ONE, ZERO, product, stored
from compliance.selectors import journal as entries
from compliance.services import journal
from risk.services import limits
from trading.domain.instrument import Instrument
from trading.models import Account, Feed, FeedInstrument, InstrumentRow, Venue
from trading.selectors import desk as desks
from trading.selectors.desk import Desk
from trading.services import flows, strategies

_STEPS = ("tick", "lot", "min_qty")
SIMULATED = "SIM"
_NAMES = {SIMULATED: "Simulated venue"}


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A strategy of the catalogue with parameters and sizing as text."""

    name: str
    parameters: dict[str, object] = field(default_factory=dict)
    sizing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What to open. `instruments` come with the name of their file or seed."""

    code: str
    title: str
    source: PriceSource
    kind: AccountKind
    interval_seconds: int
    speed: Decimal | None
    history_bars: int
    instruments: Sequence[tuple[Instrument, str]]
    strategies: Sequence[StrategyPlan]
    profile: str
    cash: Decimal
    base_currency: str
    #: Where orders go, by code; what is held there by asset, and prices by instrument code. The
    #: simulated venue holds `cash`.
    venue: str = SIMULATED
    held: Mapping[str, Decimal] = field(default_factory=dict)
    held_at: datetime | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def opening(self) -> Mapping[str, Decimal]:
        """What the account starts with, by asset."""
        return self.held if self.venue != SIMULATED else {self.base_currency: self.cash}

    def px(self, asset: str) -> Decimal | None:
        """The price of an asset in the base currency; None where no instrument has it."""
        if asset == self.base_currency:
            return ONE
        return next(
            (
                self.prices[each.code]
                for each, _ in self.instruments
                if each.base == asset and each.code in self.prices
            ),
            None,
        )


def open_desk(*, plan: DeskPlan, namespace: str, fee_rate: Decimal, at: Moment) -> Desk:
    """The desk of this plan, opened if it is not there yet. Raises BadInput for a bad plan."""
    feed = Feed.objects.filter(code=plan.code).select_related("account__venue").first()
    with transaction.atomic():
        if feed is None:
            feed = _open(plan, namespace, fee_rate, at)
        else:
            _see_that_it_fits(feed, plan)
            for instrument, origin in plan.instruments:
                _list(feed.account.venue, instrument, origin, at)
            limits.supply_missing(
                account_code=feed.account.code,
                profile=plan.profile,
                set_by="setup",
                now=at.wall,
                market_at=at.market,
            )
        crash.point("open.before_commit")
    crash.point("open.committed")
    return desks.load(account_id=feed.account_id, namespace=namespace, fee_rate=fee_rate)


def _see_that_it_fits(feed: Feed, plan: DeskPlan) -> None:
    """An account at a venue stays with the bars that it was opened for."""
    carried = FeedInstrument.objects.filter(feed=feed).values_list("instrument__code", flat=True)
    before = (feed.interval_seconds, set(carried))
    if before == (plan.interval_seconds, {each.code for each, _ in plan.instruments}):
        return
    codes = ", ".join(sorted(before[1]))
    raise BadInput(
        f"account {feed.account.code} trades {codes} on bars of {feed.interval_seconds} s: "
        "it goes on with these"
    )


def _check(plan: DeskPlan) -> None:
    foreign = [each.code for each, _ in plan.instruments if each.quote != plan.base_currency]
    if foreign:
        raise BadInput(f"{foreign[0]} is not quoted in {plan.base_currency}: one currency a desk")
    if plan.cash <= 0:
        raise BadInput(f"cash {plan.cash} must be positive")
    if plan.opening.get(plan.base_currency, ZERO) <= 0:
        raise BadInput(f"the account at {plan.venue} has no {plan.base_currency} to trade with")


def _open(plan: DeskPlan, namespace: str, fee_rate: Decimal, at: Moment) -> Feed:
    _check(plan)
    venue, _ = Venue.objects.get_or_create(
        code=plan.venue, defaults={"name": _NAMES.get(plan.venue, plan.venue.capitalize())}
    )
    worth = sum(
        (product(held, plan.px(asset) or ZERO) for asset, held in plan.opening.items()), ZERO
    )
    prefix = "PAPER" if plan.venue == SIMULATED else plan.venue
    account = Account.objects.create(
        public_id=ids.derive(namespace, "account", plan.code),
        code=f"{prefix}-{Account.objects.count() + 1}",
        venue=venue,
        kind=plan.kind,
        mode=Mode.PAPER,
        base_currency=plan.base_currency,
        opening_equity=worth,
        peak_equity=worth,
        opened_at=at.market,
        held_at=plan.held_at,
    )
    feed = Feed.objects.create(
        code=plan.code,
        title=plan.title,
        source=plan.source,
        account=account,
        interval_seconds=plan.interval_seconds,
        speed=plan.speed,
        history_bars=plan.history_bars,
        started_at=at.market,
    )
    rows = [_list(venue, instrument, origin, at) for instrument, origin in plan.instruments]
    FeedInstrument.objects.bulk_create(
        FeedInstrument(feed=feed, instrument=row, origin=origin)
        for row, (_, origin) in zip(rows, plan.instruments, strict=True)
    )
    journal.record([_opened(account, plan, at)], now=at.wall)
    limits.apply_profile(
        account_code=account.code,
        profile=plan.profile,
        set_by="setup",
        now=at.wall,
        market_at=at.market,
    )
    for each in plan.strategies:
        strategies.add(
            account_id=account.pk,
            name=each.name,
            parameters=each.parameters,
            sizing=each.sizing,
            instrument_ids=[row.pk for row in rows],
            actor="setup",
            now=at.wall,
            market_at=at.market,
        )
    desk = desks.load(account_id=account.pk, namespace=namespace, fee_rate=fee_rate)
    for asset, held in sorted(plan.opening.items()):
        flows.book(
            desk=desk,
            kind="DEPOSIT",
            key="opening" if asset == plan.base_currency else f"opening {asset}",
            asset=asset,
            amount=held,
            px=plan.px(asset),
            at=at.market,
            opening=True,
        )
    return feed


def _list(venue: Venue, instrument: Instrument, origin: str, at: Moment) -> InstrumentRow:
    row, created = InstrumentRow.objects.get_or_create(
        code=instrument.code,
        defaults={
            "venue": venue,
            "base": instrument.base,
            "quote": instrument.quote,
            "kind": instrument.kind,
            "tick": instrument.tick,
            "lot": instrument.lot,
            "min_qty": instrument.min_qty,
            "min_notional": instrument.min_notional,
            "max_bar_range": instrument.max_bar_range,
            "limits": instrument.limits.told(),
        },
    )
    if created:
        event = Event(
            name=EventName.INSTRUMENT_LISTED,
            actor="setup",
            object_type="instrument",
            object_id=row.code,
            market_at=at.market,
            data={"tick": row.tick, "lot": row.lot, "min_notional": row.min_notional},
        )
        journal.record([event], now=at.wall)
    else:
        _follow(row, instrument, origin, at)
    return row


def _follow(row: InstrumentRow, instrument: Instrument, origin: str, at: Moment) -> None:
    """Bring steps and limits of a listed instrument in line with the bars that are traded now."""
    after: dict[str, object] = {name: stored(getattr(instrument, name)) for name in _STEPS}
    after["limits"] = instrument.limits.told()
    before = {name: getattr(row, name) for name in after}
    changed = [name for name in after if before[name] != after[name]]
    if not {*_STEPS}.isdisjoint(changed) and _set_by_operator(row.code):
        changed = [name for name in changed if name not in _STEPS]
    if not changed:
        return
    for name in changed:
        setattr(row, name, after[name])
    row.save(update_fields=changed)
    event = Event(
        name=EventName.INSTRUMENT_CHANGED,
        actor="setup",
        object_type="instrument",
        object_id=row.code,
        market_at=at.market,
        data={
            "reason": f"as the bars of {origin} have it",
            "before": {name: before[name] for name in changed},
            "after": {name: after[name] for name in changed},
        },
    )
    journal.record([event], now=at.wall)


def _set_by_operator(code: str) -> bool:
    return any(
        entry.event == EventName.INSTRUMENT_CHANGED
        and entry.actor != "setup"
        and not entry.data["after"].keys().isdisjoint(_STEPS)
        for entry in entries.for_object("instrument", code)
    )


def _opened(account: Account, plan: DeskPlan, at: Moment) -> Event:
    return Event(
        name=EventName.ACCOUNT_OPENED,
        actor="setup",
        object_type="account",
        object_id=account.code,
        market_at=at.market,
        data={
            "kind": plan.kind,
            "mode": Mode.PAPER,
            "source": plan.source,
            "venue": plan.venue,
            "cash": plan.opening[plan.base_currency],
            "currency": plan.base_currency,
            "profile": plan.profile,
        },
    )


def finish_feed(*, feed_id: int, now: datetime) -> None:
    """Say that the feed has no more bars."""
    with transaction.atomic():
        feed = Feed.objects.select_for_update(of=("self",), no_key=True).get(pk=feed_id)
        if feed.status == "ENDED":
            return
        feed.status = "ENDED"
        feed.save(update_fields=["status"])
        event = Event(
            name=EventName.RUN_ENDED,
            actor=f"feed:{feed.code}",
            object_type="feed",
            object_id=feed.code,
            market_at=feed.market_at or now,
        )
        journal.record([event], now=now)
