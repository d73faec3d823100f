"""Pure trading strategies: fixed-length windows in, stances out."""
