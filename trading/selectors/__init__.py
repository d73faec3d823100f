"""Reads of trading tables."""
