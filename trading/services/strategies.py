"""Switching strategies on and off, and giving them parameters.

1. A disabled strategy decides nothing and opens nothing; its protection stays at the venue.
2. On again, it goes on from the newest bar: what it slept through is not decided afterwards.
3. Other parameters or another sizing are a new version, and only while the strategy has no open
   trade and no signal that waits: the desk aligns current versions alone, so a trade left with an
   old one would lose its stops.
4. A new version is made between two turns of its account and goes on from the newest bar; the next
   turn loads it.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from aitrader.kernel.errors import BadInput, Refused
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.money import ONE, amount, plain
from compliance.services import journal
from risk.domain.sizing import SizingMethod, SizingRule
from trading.models import BarRow, Feed, Strategy, StrategyCursor, StrategyVersion, Trade
from trading.services import turns
from trading.services.orders import require_reason
from trading.strategies import catalogue

#: Up to ten times equity: what a perpetual's venue lends; the limits hold it well below.
_MOST_OF_EQUITY = 10


def enable(*, strategy_id: int, actor: str, reason: str, now: datetime) -> bool:
    """Switch on; False when it was on already. `now` is wall time."""
    return _switch(strategy_id, True, actor, reason, now)


def disable(*, strategy_id: int, actor: str, reason: str, now: datetime) -> bool:
    """Switch off; False when it was off already. `now` is wall time."""
    return _switch(strategy_id, False, actor, reason, now)


def _switch(strategy_id: int, enabled: bool, actor: str, reason: str, now: datetime) -> bool:
    reason = require_reason(reason)
    with transaction.atomic():
        strategy = Strategy.objects.select_for_update(of=("self",), no_key=True).get(pk=strategy_id)
        if strategy.enabled == enabled:
            return False
        strategy.enabled = enabled
        strategy.save(update_fields=["enabled"])
        feed = Feed.objects.get(account_id=strategy.account_id)
        if enabled:
            _skip_slept_bars(strategy, feed)
        event = Event(
            name=EventName.STRATEGY_ENABLED if enabled else EventName.STRATEGY_DISABLED,
            actor=actor,
            object_type="strategy",
            object_id=strategy.code,
            market_at=feed.market_at or now,
            data={"reason": reason, "account": feed.account.code},
        )
        journal.record([event], now=now)
    return True


def _skip_slept_bars(strategy: Strategy, feed: Feed) -> None:
    cursors = StrategyCursor.objects.filter(version__strategy=strategy, version__current=True)
    for cursor in cursors.select_for_update(of=("self",), no_key=True).order_by("pk"):
        bars = BarRow.objects.filter(feed=feed, instrument_id=cursor.instrument_id)
        newest = bars.order_by("-open_time").values_list("open_time", flat=True).first()
        cursor.last_open_time = newest
        cursor.save(update_fields=["last_open_time"])


def current_version(strategy_id: int) -> StrategyVersion:
    """The version that decides."""
    rows = StrategyVersion.objects.select_related("strategy")
    return rows.get(strategy_id=strategy_id, current=True)


def read_parameters(path: str, given: Mapping[str, object]) -> dict[str, str]:
    """All parameters as a version stores them.

    Raises ParameterOutOfBounds for what the strategy at this path does not take.
    """
    params = catalogue.by_path(path).resolve(given)
    return {name: plain(value) for name, value in params.items()}


def read_sizing(given: Mapping[str, object]) -> dict[str, str]:
    """A sizing as a version stores it; `target_volatility` is kept where the method asks for it.

    Raises BadInput for an unknown method or a number out of bounds.
    """
    try:
        method = SizingMethod(str(given.get("method", "")))
    except ValueError:
        known = ", ".join(each.value for each in SizingMethod)
        raise BadInput(f"unknown sizing {given.get('method')!r}; known are {known}") from None
    fraction = amount(given.get("fraction"), what="fraction")
    if fraction > _MOST_OF_EQUITY:
        raise BadInput(f"fraction {plain(fraction)} is above {_MOST_OF_EQUITY} times equity")
    found = {"method": method.value, "fraction": plain(fraction)}
    target = None
    if method is SizingMethod.VOLATILITY_TARGET:
        target = amount(given.get("target_volatility") or "", what="target volatility")
        if target > ONE:
            raise BadInput(f"target volatility {plain(target)} is above 1 (100 % a year)")
        found["target_volatility"] = plain(target)
    SizingRule(method, fraction, target)
    return found


def reconfigure(
    *,
    strategy_id: int,
    parameters: Mapping[str, object],
    sizing: Mapping[str, object],
    actor: str,
    reason: str,
    now: datetime,
) -> StrategyVersion | None:
    """Make a new version current; None when the current one says the same. `now` is wall time.

    Raises ParameterOutOfBounds or BadInput for bad values, Refused without a reason or while the
    strategy has an open trade or a signal that waits.
    """
    reason = require_reason(reason)
    account_id = Strategy.objects.values_list("account_id", flat=True).get(pk=strategy_id)
    with turns.alone(account_id), transaction.atomic():
        strategy = Strategy.objects.select_for_update(of=("self",), no_key=True).get(pk=strategy_id)
        old = current_version(strategy_id)
        wanted = read_parameters(old.path, parameters)
        size = read_sizing(sizing)
        if (wanted, size) == (old.parameters, old.sizing):
            return None
        rows = StrategyCursor.objects.select_for_update(of=("self",), no_key=True)
        cursors = list(rows.filter(version=old).order_by("pk"))
        _require_flat(strategy, cursors)
        feed = Feed.objects.select_related("account").get(account_id=account_id)
        old.current = False
        old.save(update_fields=["current"])
        version = StrategyVersion.objects.create(
            strategy=strategy,
            number=old.number + 1,
            path=old.path,
            parameters=wanted,
            sizing=size,
            created_at=feed.market_at or now,
        )
        StrategyCursor.objects.bulk_create(
            StrategyCursor(version=version, instrument_id=cursor.instrument_id)
            for cursor in cursors
        )
        _skip_slept_bars(strategy, feed)
        before = {"parameters": old.parameters, "sizing": old.sizing}
        event = _configured(version, actor, feed.market_at or now, reason=reason, before=before)
        journal.record([event], now=now)
    return version


def _require_flat(strategy: Strategy, cursors: list[StrategyCursor]) -> None:
    waits = any(cursor.pending_signal_id is not None for cursor in cursors)
    trades = Trade.objects.filter(cursor__in=cursors, closed_at__isnull=True).count()
    if not trades and not waits:
        return
    has = "a signal that waits"
    if trades:
        has = f"{trades} open trade{'s' if trades > 1 else ''}"
    raise Refused(
        f"{strategy.code} has {has}: disable it, wait until its position is closed by its exits,"
        " then try again"
    )


def add(
    *,
    account_id: int,
    name: str,
    parameters: Mapping[str, object],
    sizing: Mapping[str, str],
    instrument_ids: list[int],
    actor: str,
    now: datetime,
    market_at: datetime,
) -> StrategyVersion:
    """Put a strategy of the catalogue on an account, enabled, with a cursor per instrument.

    Raises UnknownStrategy, ParameterOutOfBounds, or BadInput when the account's kind is not one
    that the strategy declares.
    """
    strategy = catalogue.by_name(name)
    params = strategy.resolve(parameters)
    with transaction.atomic():
        row = Strategy.objects.create(code=name, account_id=account_id)
        if row.account.kind not in strategy.account_kinds:
            kinds = ", ".join(sorted(strategy.account_kinds))
            raise BadInput(f"{name} needs an account of kind {kinds}, not {row.account.kind}")
        version = StrategyVersion.objects.create(
            strategy=row,
            number=1,
            path=catalogue.path_of(name),
            parameters={key: plain(value) for key, value in params.items()},
            sizing=dict(sizing),
            created_at=market_at,
        )
        StrategyCursor.objects.bulk_create(
            StrategyCursor(version=version, instrument_id=pk) for pk in instrument_ids
        )
        event = _configured(version, actor, market_at)
        journal.record([event], now=now)
    return version


def _configured(version: StrategyVersion, actor: str, market_at: datetime, **more: object) -> Event:
    return Event(
        name=EventName.STRATEGY_CONFIGURED,
        actor=actor,
        object_type="strategy",
        object_id=version.strategy.code,
        market_at=market_at,
        data={
            "version": version.number,
            "path": version.path,
            "parameters": version.parameters,
            "sizing": version.sizing,
            **more,
        },
    )
