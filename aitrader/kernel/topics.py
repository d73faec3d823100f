"""Names that floors say to each other without importing one another.

Celery task names (a message only wakes a worker), the PostgreSQL channel of the journal, and the
topics of the live screen.
"""

from enum import StrEnum


class Task(StrEnum):
    DECIDE = "trading.decide"
    ROUTE = "trading.route"
    FOLLOW = "trading.follow"
    SETTLE = "trading.settle"
    SWEEP = "trading.sweep"
    MONITOR = "trading.monitor"
    RECONCILE = "trading.reconcile"


#: NOTIFY channel of the sequencer; the payload is the last leaf_index.
JOURNAL_CHANNEL = "aitrader_journal"

#: Advisory lock that senders hold shared from the recheck of the trading state to the socket
#: write, and that the kill switch takes exclusively.
SENDERS_LOCK = 0x6169_0001
#: Advisory lock of the one sequencer.
SEQUENCER_LOCK = 0x6169_0002


class Topic(StrEnum):
    """Parts of the screen that ask for their own HTML again when named."""

    CARDS = "cards"
    ORDERS = "orders"
    STRATEGIES = "strategies"
    ALERTS = "alerts"
    STATE = "state"
    CHART = "chart"
