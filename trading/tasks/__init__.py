"""Celery tasks of trading: each wakes to look at rows, so it may run twice, late or never."""
