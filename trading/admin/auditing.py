"""What auditlog follows of trading's rows: configuration only, never what a desk records.

1. Of an account only what setup gave it: equity and tokens move with every bar, by statements of
   their own.
"""

from auditlog.registry import auditlog

from trading.models import Account, InstrumentRow, Strategy, StrategyVersion

auditlog.register(
    Account,
    include_fields=["code", "venue", "kind", "mode", "base_currency", "opening_equity"],
)
auditlog.register(InstrumentRow)
auditlog.register(Strategy)
auditlog.register(StrategyVersion)
