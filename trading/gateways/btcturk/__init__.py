"""BTCTurk spot, over HTTP and WebSocket of our own; the file set of every venue."""
