# isort: skip_file
"""`manage.py run` on a given database, its orders at the sandbox, its bars by hand.

Run as a program: `python -m benchmarks._running_desk DATABASE ADDRESSES`, the addresses as JSON.
"""

import json
import sys

from benchmarks import _venue as venue

from django.core.management import call_command

from aitrader import databases, paper

if __name__ == "__main__":
    databases.use(sys.argv[1])
    venue.point(json.loads(sys.argv[2]))
    # All else is the product's own: the venue is still, and makes no bars of a price that stands.
    paper.market = lambda options: venue.market(venue.steps)
    call_command(
        "run",
        *("--source", "binance", "--orders", "venue", "--port", "0"),
    )
