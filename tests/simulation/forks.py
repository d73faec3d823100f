"""Processes of `paper` and of the live feed, forked from one in which everything is imported:
`python -m` this module.

1. A line of JSON asks for a process; a line says how it ended, by the number of who asked.
2. Such a process has sessions, locks and a death of its own. All that it does not do again is to
   import, which is more than half of a short run.
"""

import json
import os
import signal
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    import manage
    from aitrader.kernel import crash
    from aitrader.management.commands import paper  # noqa: F401  # what is forked has it
    from tests.simulation import live_feed

    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(Path(asked["folder"]), asked["seconds"])
            if asked["dies_at"]:
                crash.arm(asked["dies_at"])
            if asked["live"]:
                live_feed.main(asked["arguments"])
            else:
                sys.argv = ["manage.py", "paper", *asked["arguments"]]
                manage.main()
            return
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(asked["number"], code, flush=True)


def _become(folder: Path, seconds: int) -> None:
    """Nobody listens but two files, and nobody waits for ever."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    signal.alarm(seconds)


if __name__ == "__main__":
    main()
