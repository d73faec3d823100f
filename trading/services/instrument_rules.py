"""Keeping the rules of instruments as their venue has them, while a desk runs.

1. A change of tick, lot, least order or limits is written with a journal entry; what an operator
   has set stays.
2. An instrument that the venue does not trade now, in whatever word it says so, opens nothing
   here: its own trading state is halted in the venue's name, and given back in the venue's name
   when it trades again. A halt of a person stays.
3. An answer that cannot be read changes nothing.
4. One venue at a time is followed: what another one said of an instrument ends with its desk.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from aitrader.kernel.clock import Moment
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.fix import OrdStatus
from aitrader.kernel.money import stored
from compliance.selectors import journal as entries
from compliance.services import journal
from risk.domain.trading_state import Scope
from risk.selectors import states
from risk.services import kill_switch
from trading.domain.instrument import Instrument
from trading.models import InstrumentRow

TRADING, HALT = "TRADING", "HALT"
_STEPS = ("tick", "lot", "min_qty", "min_notional")
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """What a venue said of an instrument; no rules, but the reason, while it does not trade."""

    rules: Instrument | None
    why: str = ""


def begin(*, codes: Collection[str], venue: str, at: Moment) -> None:
    """From here on `venue` has the word on these instruments, or nobody if it is ""."""
    for found in states.restrictions():
        theirs = found.changed_by.startswith(kill_switch.in_name_of(""))
        if found.scoped.code not in codes or found.scoped.scope is not Scope.INSTRUMENT:
            continue
        if theirs and found.changed_by != kill_switch.in_name_of(venue):
            kill_switch.withdraw(
                scope_code=found.scoped.code,
                reason="its venue is followed no longer",
                actor=found.changed_by,
                now=at.wall,
                market_at=at.market,
            )
            InstrumentRow.objects.filter(code=found.scoped.code).update(status=TRADING)


def kept(rules: Instrument) -> dict[str, Any]:
    """The rules that a venue tells, by column, as a row keeps them."""
    return {name: stored(getattr(rules, name)) for name in _STEPS} | {"limits": rules.limits.told()}


def follow(*, code: str, venue: str, listed: Listed, at: Moment) -> InstrumentRow:
    """Bring one instrument in line with what `venue` says of it; how it stands now."""
    with transaction.atomic():
        row = InstrumentRow.objects.select_for_update(no_key=True).get(code=code)
        told = {} if listed.rules is None else kept(listed.rules)
        changed = _changed(row, told)
        before = {name: getattr(row, name) for name in changed}
        for name in changed:
            setattr(row, name, told[name])
        row.status = HALT if listed.rules is None else TRADING
        row.rules_at = at.wall
        row.save(update_fields=[*changed, "status", "rules_at"])
        if changed:
            journal.record([_event(row, venue, before, at)], now=at.wall)
    _switch(row, venue, listed, at)
    return row


def rejected_since(leaf_index: int) -> tuple[int, bool]:
    """How far the journal goes now, and whether a venue has refused an order after the entry of
    that number: its rules may have changed."""
    refused = False
    while found := entries.entries_after(leaf_index, _BATCH):
        leaf_index = found[-1].leaf_index
        refused |= any(
            each.event == EventName.ORDER_CLOSED
            and each.data.get("ord_status") == OrdStatus.REJECTED
            for each in found
        )
    return leaf_index, refused


def newest_entry() -> int:
    """The number of the journal's last entry."""
    return entries.size() - 1


def some_halted(codes: list[str]) -> bool:
    """Whether one of these does not trade at its venue, as far as is known."""
    return InstrumentRow.objects.filter(code__in=codes).exclude(status=TRADING).exists()


def _changed(row: InstrumentRow, told: Mapping[str, Any]) -> list[str]:
    differ = [name for name in told if getattr(row, name) != told[name]]
    return [name for name in differ if name not in _set_by_operator(row.code)] if differ else []


def _set_by_operator(code: str) -> set[str]:
    return {
        name
        for entry in entries.for_object("instrument", code)
        if entry.event == EventName.INSTRUMENT_CHANGED and entry.actor != "setup"
        for name in entry.data["after"]
    }


def _event(row: InstrumentRow, venue: str, before: dict[str, object], at: Moment) -> Event:
    return Event(
        name=EventName.INSTRUMENT_CHANGED,
        actor="setup",
        object_type="instrument",
        object_id=row.code,
        market_at=at.market,
        data={
            "reason": f"as {venue} lists it",
            "before": before,
            "after": {name: getattr(row, name) for name in before},
        },
    )


def _switch(row: InstrumentRow, venue: str, listed: Listed, at: Moment) -> None:
    actor = kill_switch.in_name_of(venue)
    if listed.rules is None:
        kill_switch.engage(
            scope=Scope.INSTRUMENT,
            scope_code=row.code,
            reason=listed.why,
            actor=actor,
            now=at.wall,
            market_at=at.market,
            wait_for_senders=False,
        )
    else:
        kill_switch.withdraw(
            scope_code=row.code,
            reason=f"{venue} trades it again",
            actor=actor,
            now=at.wall,
            market_at=at.market,
        )
