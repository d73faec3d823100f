"""Use cases of trading: each one transaction or one network call, never both at once."""
