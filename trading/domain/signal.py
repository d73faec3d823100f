"""What a strategy wants to hold, and when that is news.

1. A stance is a wish about direction, never a quantity: sizing and the gate come after.
2. HOLD means "as before"; it is never a change.
"""

from enum import StrEnum


class Stance(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"
    HOLD = "HOLD"


def transition(previous: Stance, current: Stance) -> Stance | None:
    """The new stance if it differs from the one in force, else None.

    A strategy that has not spoken yet (`previous` HOLD) is flat.
    """
    in_force = Stance.FLAT if previous is Stance.HOLD else previous
    if current is Stance.HOLD or current is in_force:
        return None
    return current
