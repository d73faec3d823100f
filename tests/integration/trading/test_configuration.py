"""A strategy's new version and an instrument's new rules, on a desk that trades."""

import threading
from typing import Any

import pytest
from django.db import connections

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput, ParameterOutOfBounds, Refused
from tests.integration.trading_tasks import market
from tests.integration.trading_tasks.conftest import Calls, calls  # noqa: F401  # a fixture
from trading.models import InstrumentRow, Order, Signal, StrategyCursor, StrategyVersion, Trade
from trading.services import configuration, strategies, turns
from trading.tasks import workbench

SIZING = {"method": "FIXED_FRACTION", "fraction": "0.05"}


def _reconfigure(version: StrategyVersion, **changed: Any) -> StrategyVersion | None:
    given: dict[str, Any] = {
        "parameters": {**version.parameters, "stop_loss_pct": "3"},
        "sizing": SIZING,
        "reason": "test",
    }
    return strategies.reconfigure(
        strategy_id=version.strategy_id,
        actor="operator:test",
        now=WALL.now(),
        **{**given, **changed},
    )


def _is_busy(version: StrategyVersion) -> bool:
    cursors = StrategyCursor.objects.filter(version=version)
    waits = cursors.filter(pending_signal__isnull=False).exists()
    return waits or Trade.objects.filter(cursor__in=cursors, closed_at__isnull=True).exists()


def test_a_running_desk_takes_up_a_new_version_and_leaves_no_trade_behind(
    fresh_database: str,
    calls: Calls,  # noqa: F811  # the fixture
) -> None:
    made, steps = market.opened(250)
    driver = market.driver_of(made)
    new: StrategyVersion | None = None
    refused = 0
    old = StrategyVersion.objects.filter(strategy__code="sma_cross").get()
    for step in steps:
        driver.run([step])
        if new is None and Trade.objects.filter(cursor__version=old).exists():
            if _is_busy(old):
                refused += 1
                with pytest.raises(Refused, match="sma_cross has"):
                    _reconfigure(old)
            else:
                new = _reconfigure(old)
    assert refused
    assert new is not None
    assert (new.number, new.current, new.parameters["stop_loss_pct"]) == (2, True, "3")
    bench = workbench.bench_of(made.desk.account.pk)
    assert bench is not None
    assert new.pk in bench.desk.strategies
    assert old.pk not in bench.desk.strategies
    # It decided nothing of what was before it, and traded afterwards.
    first = Signal.objects.filter(version=new).order_by("open_time").first()
    assert first is not None
    assert first.decided_at > new.created_at
    assert Order.objects.filter(version=new, cum_qty__gt=0).exists()
    assert not _is_busy(old)
    assert not Signal.objects.filter(version=old, decided_at__gt=new.created_at).exists()


def test_a_new_version_waits_for_the_turn(fresh_database: str, calls: Calls) -> None:  # noqa: F811  # the fixture
    made, _ = market.opened(70)
    market.by_tasks(70)
    version = StrategyVersion.objects.filter(strategy__code="sma_cross").get()
    Trade.objects.update(closed_at=WALL.now())
    StrategyCursor.objects.update(pending_signal=None)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with turns.alone(made.desk.account.pk):
                held.set()
                let_go.wait(10)
        finally:
            connections.close_all()

    def change() -> None:
        try:
            _reconfigure(version)
        finally:
            connections.close_all()

    holder, changer = threading.Thread(target=hold), threading.Thread(target=change)
    holder.start()
    held.wait(10)
    changer.start()
    changer.join(0.3)
    assert changer.is_alive()
    assert StrategyVersion.objects.filter(strategy=version.strategy_id).count() == 1
    let_go.set()
    for thread in (holder, changer):
        thread.join(10)
    assert StrategyVersion.objects.get(strategy=version.strategy_id, current=True).number == 2


def test_bad_values_make_no_version(fresh_database: str) -> None:
    market.opened(70)
    version = StrategyVersion.objects.filter(strategy__code="sma_cross").get()
    with pytest.raises(ParameterOutOfBounds, match="unknown parameter"):
        _reconfigure(version, parameters={"nonsense": "1"})
    with pytest.raises(BadInput, match="unknown sizing"):
        _reconfigure(version, sizing={"method": "ALL_IN", "fraction": "1"})
    with pytest.raises(BadInput, match="target volatility"):
        _reconfigure(version, sizing={"method": "VOLATILITY_TARGET", "fraction": "1"})
    with pytest.raises(Refused, match="reason"):
        _reconfigure(version, reason=" ")
    assert _reconfigure(version, parameters=version.parameters, sizing=version.sizing) is None
    assert StrategyVersion.objects.filter(strategy=version.strategy_id).count() == 1


def test_a_restart_keeps_the_rules_of_an_instrument(fresh_database: str) -> None:
    market.opened(70)
    row = InstrumentRow.objects.get()
    given: dict[str, Any] = {"actor": "operator:test", "reason": "test", "now": WALL.now()}
    with pytest.raises(BadInput, match="not a multiple of the lot"):
        configuration.change_instrument(
            instrument_id=row.pk, rules={"min_qty": row.lot * 3 / 2}, **given
        )
    with pytest.raises(BadInput, match="unknown rule"):
        configuration.change_instrument(instrument_id=row.pk, rules={"kind": "1"}, **given)
    assert configuration.change_instrument(
        instrument_id=row.pk, rules={"max_bar_range": "0.25"}, **given
    )
    made, _ = market.opened(70)
    assert str(made.desk.instruments[row.pk].max_bar_range)[:4] == "0.25"
