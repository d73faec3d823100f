"""Rows of the dashboard app."""

from dashboard.models.submission import Submission

__all__ = ["Submission"]
