"""The gate: limits, checks, breakers and the kill switch."""
