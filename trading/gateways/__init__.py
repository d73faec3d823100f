"""Gateways to venues: the same file set for every venue, built by entry points and handed down."""
