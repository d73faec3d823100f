"""When an order that a venue does not know was never accepted.

Where a client order id is no key for ever, "no such order" right after a send proves nothing: the
reads of a venue lag behind its engine. An order leaves doubt downwards only when all of this is
there, in this order:

1. The request can no longer enter: its lease has run out, and a margin after it.
2. Not found once more, the engine itself, asked to cancel the order, does not know it.
3. Two later reads, apart in time, by client id and in the list of open orders, do not show it.
4. No trade since the send is other than ours, and the balances are what we think they are.

Where the last of these stands against it the order stays in doubt, and is looked for on and on: it
is adopted when it shows, and else ends by a person's word (services/breaks.py).

An order that may guard a holding is never asked to be cancelled, for it may be alive: more reads
over a longer time take the place of that answer. Where the engine gives no answer it is looked for
again before the engine is asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from aitrader.kernel.clock import iso

#: From the claim on: 5 s until it is signed, 5 s that the venue takes it, 10 s inside the venue.
CANNOT_ENTER = timedelta(seconds=20)
QUARANTINE = timedelta(seconds=60)
QUARANTINE_OF_STOPS = timedelta(seconds=120)
_SOON, _APART = timedelta(seconds=2), timedelta(seconds=10)
#: While an answer may still come, it is looked for often.
_EAGER = timedelta(seconds=10)
#: Reads that are kept: the last ones.
_MOST_READS = 40


class Step(StrEnum):
    """What is to be done about an order in doubt."""

    WAIT = "WAIT"
    READ = "READ"
    PROBE = "PROBE"
    COMPARE = "COMPARE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found so far, in wall time: reads that did not show the order, and the engine's
    word that it does not know it. `asked_at`: when the engine was asked last and gave no such word.
    `refused`: it was sent once more and that copy was refused, which says nothing about the ones
    before."""

    reads: tuple[datetime, ...] = ()
    probed_at: datetime | None = None
    asked_at: datetime | None = None
    refused: bool = False

    def read(self, at: datetime) -> "Evidence":
        """With one more read that did not show the order."""
        return replace(self, reads=(*self.reads, at)[-_MOST_READS:])

    def asked(self, at: datetime) -> "Evidence":
        """With a question that the engine has not answered."""
        return replace(self, asked_at=at)

    def probed(self, at: datetime) -> "Evidence":
        """With the engine's word."""
        return replace(self, probed_at=at)


def next_step(
    evidence: Evidence,
    *,
    sent_at: datetime,
    now: datetime,
    may_probe: bool,
    enters_within: timedelta = CANNOT_ENTER,
) -> Step:
    """What to do now about an order that was claimed for sending at `sent_at`.

    What has been found enough for is done before anything is read again: whoever comes by seldom
    would else read for ever.
    """
    ready = _ready(evidence, sent_at, now, may_probe, enters_within)
    if ready is not Step.WAIT:
        return ready
    return Step.READ if is_read_due(evidence, sent_at, now) else Step.WAIT


def _ready(
    evidence: Evidence,
    sent_at: datetime,
    now: datetime,
    may_probe: bool,
    enters_within: timedelta,
) -> Step:
    closed_at = sent_at + enters_within
    if may_probe and evidence.probed_at is None:
        if now < closed_at:
            return Step.WAIT
        # Looked for once more: what is there is better adopted than cancelled.
        if not evidence.reads or evidence.reads[-1] < closed_at:
            return Step.READ
        asked = evidence.asked_at is not None and evidence.asked_at >= evidence.reads[-1]
        return Step.WAIT if asked else Step.PROBE
    since = evidence.probed_at or closed_at
    until = QUARANTINE if may_probe else QUARANTINE_OF_STOPS
    later = [at for at in evidence.reads if at >= since]
    enough = len(later) >= 2 and later[-1] - later[0] >= _APART
    return Step.COMPARE if enough and now >= sent_at + until else Step.WAIT


def is_read_due(evidence: Evidence, sent_at: datetime, now: datetime) -> bool:
    """Whether it is time to look for the order again."""
    if not evidence.reads:
        return True
    return now - evidence.reads[-1] >= (_SOON if now - sent_at < _EAGER else _APART)


def to_json(evidence: Evidence) -> dict[str, Any]:
    """As it is kept with the order."""
    probed, asked = evidence.probed_at, evidence.asked_at
    return {
        "reads": [iso(at) for at in evidence.reads],
        "probed_at": None if probed is None else iso(probed),
        **({} if asked is None else {"asked_at": iso(asked)}),
        **({"refused": True} if evidence.refused else {}),
    }


def from_json(kept: Mapping[str, Any]) -> Evidence:
    """What `to_json` gave; nothing found yet when it is empty."""
    probed, asked = kept.get("probed_at"), kept.get("asked_at")
    return Evidence(
        reads=tuple(datetime.fromisoformat(at) for at in kept.get("reads", ())),
        probed_at=None if probed is None else datetime.fromisoformat(probed),
        asked_at=None if asked is None else datetime.fromisoformat(asked),
        refused=bool(kept.get("refused")),
    )
