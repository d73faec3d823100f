"""Any other exchange, through ccxt; what we know of one beyond the library is in profiles.py."""
