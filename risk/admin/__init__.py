"""Limits, decisions and trading states in the admin."""
