"""Rows of the trading app."""

from trading.models.account import Account, AccountDay, Balance, EquityPoint
from trading.models.bar import BarRow, FeedGap, FeedInstrument, QuarantinedBar
from trading.models.candle import QuarantinedCandle, StoredCandle, StoredSeries
from trading.models.feed import Feed
from trading.models.fill import Fill
from trading.models.instrument import InstrumentRow, Venue
from trading.models.ledger import LedgerPosting, LedgerTransaction
from trading.models.order import CancelRequest, Order, ReplaceRequest
from trading.models.parent_order import ParentOrder
from trading.models.position import Position, Trade
from trading.models.recon_break import ReconBreak
from trading.models.second_price import SecondPrice
from trading.models.silence import VenueSilence
from trading.models.sim_venue import SimBalance, SimExecution, SimOrder, SimPosition
from trading.models.strategy import Signal, Strategy, StrategyCursor, StrategyVersion
from trading.models.target_watch import TargetWatch
from trading.models.venue_sheet import VenueFacts, VenueLatency

__all__ = [
    "Account",
    "AccountDay",
    "Balance",
    "BarRow",
    "CancelRequest",
    "EquityPoint",
    "Feed",
    "FeedGap",
    "FeedInstrument",
    "Fill",
    "InstrumentRow",
    "LedgerPosting",
    "LedgerTransaction",
    "Order",
    "ParentOrder",
    "Position",
    "QuarantinedBar",
    "QuarantinedCandle",
    "ReconBreak",
    "ReplaceRequest",
    "SecondPrice",
    "Signal",
    "SimBalance",
    "SimExecution",
    "SimOrder",
    "SimPosition",
    "StoredCandle",
    "StoredSeries",
    "Strategy",
    "StrategyCursor",
    "StrategyVersion",
    "TargetWatch",
    "Trade",
    "Venue",
    "VenueFacts",
    "VenueLatency",
    "VenueSilence",
]
