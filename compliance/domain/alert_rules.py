"""Which journal entries a person must see: one table from event to alert.

1. A rule's texts are filled from the entry's data and from `object_type`, `object_id` and `actor`;
   what an entry lacks reads as a question mark, and the alert is raised all the same.
2. Alerts of one key are one alert with a count. No key holds what a stranger types, or strangers
   could fill the list.
3. One event has one rule at most, and the rule bears its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aitrader.kernel.events import EventName


class Severity(StrEnum):
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Rule:
    """`key`, `title` and `text` are format strings; `only` names values the data must have, `mild`
    those with which it is a warning."""

    event: EventName
    severity: Severity
    key: str
    title: str
    text: str
    only: tuple[tuple[str, str], ...] = ()
    mild: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """What a rule makes of one entry."""

    rule: str
    severity: Severity
    key: str
    title: str
    text: str


_SCOPE = "{scope} {scope_code}"
_DENIAL = "{gate[reasons][0][code]}"

_RULES = (
    Rule(
        EventName.TRADING_HALTED, Severity.CRITICAL, _SCOPE,
        "Trading is {state}: " + _SCOPE, "By {actor}: {reason}",
    ),
    Rule(
        EventName.TRADING_RELEASED, Severity.INFO, _SCOPE,
        "Trading released: " + _SCOPE, "By {actor}: {reason}",
    ),
    Rule(
        EventName.INTEGRITY_FAILED, Severity.CRITICAL, "{object_type} {object_id} {rule}",
        "Integrity check failed: {rule}", "{object_type} {object_id}: books and facts disagree",
    ),
    Rule(
        EventName.POSITION_UNPROTECTED, Severity.CRITICAL, "{account} {instrument} {strategy}",
        "Position without protection: {instrument}",
        "{strategy} on {account}: {open_qty} open, {why}",
    ),
    Rule(
        EventName.EXIT_WANTED, Severity.CRITICAL, "{account} {instrument} {strategy} {reason}",
        "Position is to be sold at the market: {instrument}",
        "{strategy} on {account}: {reason} at {px}", (("by", "watchdog"),),
    ),
    Rule(
        EventName.ORDER_UNKNOWN, Severity.WARNING, "{object_id}",
        "The venue's answer is not known", "Order {object_id}: {reason}",
    ),
    Rule(
        EventName.ORDER_DENIED, Severity.INFO, _DENIAL + " {strategy}",
        "Order denied: " + _DENIAL, "{strategy} {side} {instrument}: {gate[reasons][0][text]}",
    ),
    Rule(
        EventName.ORDER_CLOSED, Severity.WARNING, "rejected",
        "Order rejected by the venue", "Order {object_id}: {text}",
        only=(("ord_status", "REJECTED"),),
    ),
    Rule(
        EventName.STOP_LOST, Severity.CRITICAL, "{protection}",
        "A stop is gone without a fill: {instrument}",
        "{ord_type} {side} on {account}: {ord_status}, {cum_qty} of {order_qty} filled; {text}",
    ),
    Rule(
        EventName.STOP_UNFILLED, Severity.CRITICAL, "{object_id}",
        "A stop was passed and did not fill: {instrument}",
        "{ord_type} {side} on {account}, {cum_qty} of {order_qty} filled, the price {px}; {then}",
    ),
    Rule(
        EventName.FEED_EXTREME, Severity.WARNING, "{object_id}",
        "Bar out of bounds: {object_id}", "{actor}: nothing is opened on it",
    ),
    Rule(
        EventName.FEED_QUARANTINED, Severity.WARNING, "{object_id}",
        "Repeated bar quarantined: {object_id}", "{actor}: line {line}, bar of {open_time}",
    ),
    Rule(
        EventName.FEED_GAP, Severity.WARNING, "{object_id}",
        "Bars missing: {object_id}", "{actor}: {bars} from {first_missing}",
    ),
    Rule(
        EventName.FEED_FAILED, Severity.CRITICAL, "{object_id}",
        "The feed has failed: {object_id}", "{reason}",
    ),
    Rule(
        EventName.FEED_BROKEN, Severity.WARNING, "{object_id}",
        "The feed broke and is opened anew", "{reason}: nothing is opened until it tells again",
    ),
    Rule(
        EventName.FEED_LINE_DOWN, Severity.WARNING, "{object_id}",
        "The feed's line is down", "{reason}: nothing is opened until it tells again",
    ),
    Rule(
        EventName.FEED_STALE, Severity.WARNING, "{object_id}",
        "Prices are stale", "{names}: nothing is opened in these until they move again",
    ),
    Rule(
        EventName.CLOCK_BLOCKED, Severity.CRITICAL, "{object_id}",
        "Our clock is off: nothing reaches {object_id}",
        "{offset_seconds} s from the venue's, on {host}: nothing is signed until it is right",
    ),
    Rule(
        EventName.SECOND_SOURCE_STALE, Severity.WARNING, "{object_id}",
        "Second source is silent: {source}", "{actor}: its prices are not compared until it speaks",
    ),
    Rule(
        EventName.ORDER_ADOPTED, Severity.WARNING, "{account}",
        "An order from outside: {instrument}", "{side} {order_qty} on {account}, not of this desk",
    ),
    Rule(
        EventName.FLOW_BOOKED, Severity.WARNING, "{account} {asset}",
        "Moved from outside: {asset}", "{amount} {asset} on {account}",
    ),
    Rule(
        EventName.FILL_VOIDED, Severity.CRITICAL, "{object_id}",
        "The venue voided a trade: {instrument}",
        "{side} {last_qty}, trade {exec_id}: what it moved is taken back",
    ),
    Rule(
        EventName.VENUE_SILENT, Severity.CRITICAL, "{object_id}",
        "The venue wants silence: {object_id}", "For {seconds} s nothing is sent, no cancel either",
    ),
    Rule(
        EventName.STREAM_DOWN, Severity.WARNING, "{object_id}",
        "User stream down: {object_id}", "{reason}; the venue is asked instead",
    ),
    Rule(
        EventName.RECONCILIATION_OVERDUE, Severity.CRITICAL, "{object_id}",
        "Books were not compared with the venue's",
        "{object_id}: the last time at {last}; nothing is sent until they are",
    ),
    Rule(
        EventName.BREAK_OPENED, Severity.CRITICAL, "{kind} {object}",
        "Venue and books differ: {kind}", "{object}: ours {ours}, the venue's {venue}",
        mild=(("severity", "MINOR"),),
    ),
    Rule(
        EventName.OPERATOR_LOGIN_FAILED, Severity.WARNING, "{door}",
        "Log-in refused", "At the {door}, last as {object_id}",
    ),
    Rule(
        EventName.OPERATOR_LOCKED, Severity.WARNING, "{what}",
        "Log-ins locked: {what}", "{failures} refused at the {door}, last as {object_id}",
    ),
    Rule(
        EventName.SECOND_FACTOR_RESET, Severity.WARNING, "{username}",
        "Second factor reset: {username}", "By {actor}: {reason}",
    ),
)  # fmt: skip

RULES: Mapping[str, Rule] = {rule.event.value: rule for rule in _RULES}


def judge(event: str, facts: Mapping[str, Any]) -> Raised | None:
    """The alert that an entry raises, or None; `facts` is its data and the three names above."""
    rule = RULES.get(event)
    if rule is None or any(facts.get(name) != value for name, value in rule.only):
        return None
    key = f"{event}:{_fill(rule.key, facts)}"
    mild = bool(rule.mild) and all(facts.get(name) == value for name, value in rule.mild)
    severity = Severity.WARNING if mild else rule.severity
    return Raised(event, severity, key.strip(), _fill(rule.title, facts), _fill(rule.text, facts))


def _fill(template: str, facts: Mapping[str, Any]) -> str:
    try:
        # PostgreSQL keeps no NUL in text, and a venue may send one.
        return template.format_map(_Facts(facts)).replace("\x00", "").strip()
    except (LookupError, TypeError):
        # An entry of another version may be shaped otherwise.
        return "?"


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
