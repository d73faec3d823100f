"""Switching strategies on and off, and giving them parameters.

1. A disabled strategy decides nothing and opens nothing; its protection stays at the venue.
2. On again, it goes on from the newest bar: what it slept through is not decided afterwards.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from aitrader.kernel.errors import BadInput
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.money import plain
from compliance.services import journal
from trading.models import BarRow, Feed, Strategy, StrategyCursor, StrategyVersion
from trading.services.orders import require_reason
from trading.strategies import catalogue


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
        event = Event(
            name=EventName.STRATEGY_CONFIGURED,
            actor=actor,
            object_type="strategy",
            object_id=name,
            market_at=market_at,
            data={
                "version": 1,
                "path": version.path,
                "parameters": version.parameters,
                "sizing": version.sizing,
            },
        )
        journal.record([event], now=now)
    return version
