"""Whether prices are young enough to be believed, and whether two sources of them agree.

1. A mark's age is the market's time, counted in intervals of its feed, and runs on while nothing
   is heard; a second price's age is wall time, for it is sampled by the clock.
2. A second source denies nothing while it is silent: only two fresh prices can contradict each
   other.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from aitrader.kernel.money import plain
from risk.domain.limits import LimitKey
from risk.domain.measures import within
from risk.domain.reason import Finding, Passed, Reason, ReasonCode, missing
from risk.domain.snapshot import GateIntent, RiskSnapshot

#: A second price that is older is not compared with; it is sampled every few seconds.
SECOND_FRESH_SECONDS = Decimal(30)

_agree = within(LimitKey.MAX_PRICE_DIVERGENCE)


def of_mark(code: str, snapshot: RiskSnapshot) -> Finding:
    """Whether an instrument's mark price is there and young enough; ages in seconds."""
    view = snapshot.view(code)
    if view.mark is None or view.mark_at is None:
        return missing(ReasonCode.PRICE_MISSING, f"mark price of {code}")
    if view.feed_interval_seconds is None:
        return missing(ReasonCode.PRICE_STALE, f"feed interval of {code}")
    if not view.heard:
        return missing(ReasonCode.PRICE_STALE, f"word of {code} from its source")
    intervals = snapshot.limits.get(LimitKey.MAX_PRICE_AGE)
    if intervals is None:
        return missing(ReasonCode.LIMIT_MISSING, LimitKey.MAX_PRICE_AGE)
    allowed = intervals * view.feed_interval_seconds
    # An instant ahead of the clock would otherwise stay fresh for ever.
    age = abs(_seconds(snapshot.now, view.mark_at)) + view.silent_seconds
    if age <= allowed:
        return Passed(limit=plain(allowed), value=plain(age))
    text = f"price of {code} is {plain(age)} s old, {plain(allowed)} s allowed"
    return Reason(ReasonCode.PRICE_STALE, plain(allowed), plain(age), text, LimitKey.MAX_PRICE_AGE)


def prices_agree(intent: GateIntent, snapshot: RiskSnapshot) -> Finding:
    """Whether the mark and the second source's price are near enough, while both are fresh."""
    view = snapshot.view(intent.instrument)
    if view.second_px is None or view.second_age_seconds is None:
        return Passed(value="no second price")
    if abs(view.second_age_seconds) > SECOND_FRESH_SECONDS:
        return Passed(value="second price stale")
    if isinstance(of_mark(intent.instrument, snapshot), Reason):
        return Passed(value="no fresh mark")
    return _agree(intent, snapshot)


def _seconds(later: datetime, earlier: datetime) -> Decimal:
    return Decimal((later - earlier) // timedelta(microseconds=1)).scaleb(-6)
