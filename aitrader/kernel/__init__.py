"""Words shared by every floor: FIX terms, money, ids, clock, errors, events (standard library only)."""
