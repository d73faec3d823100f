"""From journal entry to alert."""

from typing import Any

import pytest

from aitrader.kernel.events import EventName
from compliance.domain.alert_rules import RULES, Severity, judge

MUST_ALERT = {
    EventName.TRADING_HALTED,
    EventName.TRADING_RELEASED,
    EventName.INTEGRITY_FAILED,
    EventName.POSITION_UNPROTECTED,
    EventName.EXIT_WANTED,
    EventName.ORDER_UNKNOWN,
    EventName.ORDER_DENIED,
    EventName.ORDER_CLOSED,
    EventName.STOP_LOST,
    EventName.STOP_UNFILLED,
    EventName.FEED_EXTREME,
    EventName.FEED_QUARANTINED,
    EventName.FEED_GAP,
    EventName.FEED_FAILED,
    EventName.FEED_BROKEN,
    EventName.FEED_LINE_DOWN,
    EventName.FEED_STALE,
    EventName.CLOCK_BLOCKED,
    EventName.SECOND_SOURCE_STALE,
    EventName.STREAM_DOWN,
    EventName.VENUE_SILENT,
    EventName.ORDER_ADOPTED,
    EventName.FLOW_BOOKED,
    EventName.FILL_VOIDED,
    EventName.RECONCILIATION_OVERDUE,
    EventName.BREAK_OPENED,
    EventName.OPERATOR_LOGIN_FAILED,
    EventName.OPERATOR_LOCKED,
    EventName.SECOND_FACTOR_RESET,
}
WHERE = {"object_type": "order", "object_id": "ORDER1", "actor": "desk"}


def denied(code: str, strategy: str) -> dict[str, Any]:
    reason = {"code": code, "text": "too large"}
    return WHERE | {
        "strategy": strategy,
        "side": "BUY",
        "instrument": "BINANCE:BTC-USDT",
        "gate": {"reasons": [reason]},
    }


def test_these_events_have_rules() -> None:
    assert set(RULES) == {event.value for event in MUST_ALERT}


@pytest.mark.parametrize(
    "event", sorted(MUST_ALERT - {EventName.ORDER_CLOSED, EventName.EXIT_WANTED})
)
def test_an_entry_that_lacks_everything_still_alerts(event: str) -> None:
    raised = judge(event, {})
    assert raised is not None
    assert raised.key.startswith(event)
    assert raised.title


def test_denials_are_grouped_by_code_and_strategy() -> None:
    first = judge(EventName.ORDER_DENIED, denied("ORDER_NOTIONAL", "sma_cross"))
    second = judge(EventName.ORDER_DENIED, denied("ORDER_NOTIONAL", "donchian"))
    third = judge(EventName.ORDER_DENIED, denied("DAY_LOSS", "donchian"))
    assert first
    assert second
    assert third
    assert len({first.key, second.key, third.key}) == 3
    assert first.title == "Order denied: ORDER_NOTIONAL"
    assert first.text == "sma_cross BUY BINANCE:BTC-USDT: too large"
    assert first.severity is Severity.INFO


@pytest.mark.parametrize("status", ["FILLED", "CANCELED", "EXPIRED"])
def test_only_a_rejection_alerts_when_an_order_closes(status: str) -> None:
    assert judge(EventName.ORDER_CLOSED, WHERE | {"ord_status": status}) is None


def test_a_rejection_tells_what_the_venue_said() -> None:
    facts = WHERE | {"ord_status": "REJECTED", "text": "-2010: no\x00 funds {x}"}
    raised = judge(EventName.ORDER_CLOSED, facts)
    assert raised
    assert raised.text == "Order ORDER1: -2010: no funds {x}"


def test_a_halt_is_critical_and_named_by_scope() -> None:
    facts = {
        "scope": "ACCOUNT",
        "scope_code": "paper",
        "state": "HALTED",
        "reason": "odd",
        "actor": "operator:ann",
    }
    raised = judge(EventName.TRADING_HALTED, facts)
    assert raised
    assert raised.severity is Severity.CRITICAL
    assert raised.title == "Trading is HALTED: ACCOUNT paper"
    assert raised.text == "By operator:ann: odd"


def test_what_strangers_type_makes_no_new_keys() -> None:
    keys = {
        raised.key
        for name in ("root", "admin", "x" * 64)
        if (raised := judge(EventName.OPERATOR_LOGIN_FAILED, {"object_id": name, "door": "login"}))
    }
    assert len(keys) == 1


def test_other_events_raise_nothing() -> None:
    assert judge(EventName.ORDER_FILLED, WHERE) is None
    assert judge("written.by_a_later_build", {}) is None


@pytest.mark.parametrize(
    ("severity", "alerts_as"),
    [("MAJOR", Severity.CRITICAL), ("MINOR", Severity.WARNING), (None, Severity.CRITICAL)],
)
def test_a_break_that_concerns_nothing_of_ours_is_a_warning(
    severity: str | None, alerts_as: Severity
) -> None:
    told = WHERE | {"kind": "OPEN_ORDER", "object": "web-1", "ours": "not open", "venue": "open"}
    if severity is not None:
        told |= {"severity": severity}
    raised = judge(EventName.BREAK_OPENED, told)
    assert raised is not None
    assert raised.severity == alerts_as
