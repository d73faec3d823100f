"""Models that feed strategies."""
