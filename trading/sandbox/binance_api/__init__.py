"""Binance Spot as its clients see it: REST, market streams and the WebSocket API, on loopback."""
