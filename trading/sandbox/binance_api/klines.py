"""Candles as Binance tells them.

Source: binance-spot-api-docs, rest-api.md and web-socket-streams.md, "Kline/Candlestick".
"""

from trading.sandbox.binance_api.amounts import millis, text
from trading.sandbox.candles import INTERVALS as INTERVALS
from trading.sandbox.candles import Kline as Kline
from trading.sandbox.candles import Klines as Klines
from trading.sandbox.candles import closing as closing


def row(kline: Kline, interval: str) -> list[object]:
    """As REST tells a candle."""
    return [
        millis(kline.open_time),
        text(kline.open),
        text(kline.high),
        text(kline.low),
        text(kline.close),
        text(kline.volume),
        millis(closing(kline.open_time, interval)) - 1,
        text(kline.quote_volume),
        kline.trades,
        text(kline.taker_volume),
        text(kline.taker_quote_volume),
        "0",
    ]
