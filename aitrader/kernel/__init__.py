"""Words shared by every floor: FIX terms, money, ids, clock, errors, events.

Standard library only.
"""
