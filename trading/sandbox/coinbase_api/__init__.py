"""Coinbase Advanced Trade as its clients see it: REST and WebSocket channels, on loopback."""
