"""Silence that venues asked for, known to every process: rows by host.

1. Time is the database's: the clock that all processes share.
2. A silence only grows; each is journalled once, with an alert.
"""

from django.db import transaction

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.services import journal
from trading.selectors import sql

_LEFT = f"""
SELECT extract(epoch FROM until - {sql.NOW}) FROM trading_venuesilence WHERE host = %s
"""
_BEGIN = f"""
INSERT INTO trading_venuesilence (host, until)
VALUES (%(host)s, {sql.NOW} + make_interval(secs => %(seconds)s))
ON CONFLICT (host) DO UPDATE SET until = greatest(trading_venuesilence.until, EXCLUDED.until)
RETURNING until
"""


class Silences:
    """Implements `trading.gateways.silence.Shared`."""

    def left(self, host: str) -> float:
        row = sql.fetch_one(_LEFT, [host])
        return 0.0 if row is None else max(0.0, float(row[0]))

    def begin(self, host: str, seconds: float) -> None:
        with transaction.atomic():
            (until,) = sql.fetch_one(_BEGIN, {"host": host, "seconds": seconds})
            event = Event(
                name=EventName.VENUE_SILENT,
                actor="venue",
                object_type="venue",
                object_id=host,
                market_at=WALL.now(),
                data={"seconds": str(seconds), "until": until},
            )
            journal.record([event], now=WALL.now())
