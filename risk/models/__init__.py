"""Rows of the risk app. Scopes are named by code, so that no foreign key points upward."""

from risk.models.decision import Decision
from risk.models.limit import Limit, LimitCounter
from risk.models.trading_state import TradingStateRow

__all__ = ["Decision", "Limit", "LimitCounter", "TradingStateRow"]
