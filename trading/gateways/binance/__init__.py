"""Binance spot, through python-binance; the file set of every venue."""
