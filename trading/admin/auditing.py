"""What auditlog follows of trading's rows: configuration only, never what a desk records.

1. Of an account only what setup gave it: the rest moves with every bar.
"""

from compliance.admin.auditing import follow
from trading.models import Account, InstrumentRow, Strategy, StrategyVersion

follow(Account, but=("peak_equity", "stream_seq", "fencing_token", "reconciled_at", "held_at"))
follow(InstrumentRow)
follow(Strategy)
follow(StrategyVersion)
