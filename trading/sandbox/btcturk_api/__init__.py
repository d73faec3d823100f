"""BTCTurk as its clients see it: REST, the graph API and the WebSocket feed, on loopback."""
