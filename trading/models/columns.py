"""Column types that every table shares."""

from typing import Any

from django.db import models


def Amount(**options: Any) -> "models.DecimalField[Any, Any]":  # noqa: N802  # reads as a type
    """NUMERIC(38,18): money, prices and quantities."""
    return models.DecimalField(max_digits=38, decimal_places=18, **options)


def PublicId(**options: Any) -> "models.CharField[Any, Any]":  # noqa: N802  # reads as a type
    """A derived 32-character id (kernel/ids.py)."""
    return models.CharField(max_length=32, unique=True, **options)
