"""An account at a venue of the sandbox, traded by a process that may be killed: `python -m` this.

1. What is done, and in which order, follows from the seed; done again after a death it finds what
   was done already: intents bear the same ids, all else is the exchange's own.
2. Every way in which a send, a cancel or a doubt can end comes at least once.
3. Waiting is short here, for the exchange's reads do not lag: time is not what is tried.
"""

import json
import sys
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import django


def main(arguments: list[str]) -> None:
    database, told, seed = arguments
    from aitrader import databases

    databases.use(database)
    passed = _counted()
    _hurry()
    from compliance.services import sequencer
    from tests.simulation.venue_story_again import STORIES

    kept = json.loads(told)
    story = STORIES[kept["venue"]](kept, int(seed))
    steps = story.steps
    for number, step in enumerate(Random(seed).sample(steps, len(steps))):
        getattr(story, step)(number)
    story.heal()
    sequencer.catch_up()
    sys.stdout.write(json.dumps(passed))


def _counted() -> Counter[str]:
    """How often each crash point is passed from here on."""
    from aitrader.kernel import crash

    passed: Counter[str] = Counter()
    point = crash.point

    def counting(name: str) -> None:
        passed[name] += 1
        point(name)

    crash.point = counting
    return passed


def _hurry() -> None:
    """Shorter waits than any venue would allow for."""
    from trading.domain import evidence
    from trading.gateways.binance.connection import Connection as Binance
    from trading.gateways.coinbase.connection import Connection as Coinbase
    from trading.services import external, routing

    evidence.QUARANTINE = evidence.QUARANTINE_OF_STOPS = timedelta(seconds=0.8)
    # Longer than a look takes, or nothing but reading would ever be due.
    evidence._SOON = evidence._APART = timedelta(seconds=0.5)
    external.FLOW_AGE = timedelta(seconds=0.3)
    routing._FIRST_PAUSE_SECONDS = 0.01
    for made in (Binance, Coinbase):
        defaults: Any = made.__init__.__kwdefaults__
        defaults["timeout_seconds"] = (1.0, 1.0)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1:])
