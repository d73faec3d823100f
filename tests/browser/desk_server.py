"""A whole desk in one process for the browser tests: feed, road, sequencer, alerts and web.

Run as a program: `python -m tests.browser.desk_server --database NAME --port N`. It trades the
seeded simulated market, `--warm` steps at once and then one every `--pace` seconds, and prints
`ready` when the address answers. A line `pause` or `resume` on its standard input stops the feed
and starts it again, `forget` lets a one-time password be used twice; each is answered by `done`.
"""

import argparse
import itertools
import os
import sys
import threading
import time
from decimal import Decimal
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aitrader.settings.test")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--warm", type=int, default=400)
    parser.add_argument("--pace", type=float, default=0.5)
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--ending", action="store_true")
    parser.add_argument("--operator", action="append", default=[], metavar="NAME:PASSWORD:ROLES")
    given = parser.parse_args()

    import django

    django.setup()
    from aitrader import databases, env
    from aitrader.embedded import postgres

    if env.load().database_url is None:
        postgres.start()
    if not databases.exists(given.database):
        databases.create(given.database, template=databases.template())
    databases.use(given.database)
    prepare(given)
    # From here on rows are also read by the event loop's threads.
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    serve(given)


def prepare(given: argparse.Namespace) -> None:
    """Installation, roles, operators."""
    from aitrader.kernel.clock import WALL
    from compliance.domain.roles import Role
    from compliance.services import access, installation

    installation.install(namespace="seed-7", now=WALL.now())
    access.sync_roles()
    for text in given.operator:
        name, password, roles = text.split(":")
        if not _exists(name):
            access.create_operator(
                username=name,
                password=password,
                roles=[Role(role) for role in roles.split(",")],
                now=WALL.now(),
                actor="setup",
            )


def _exists(name: str) -> bool:
    from compliance.models import Operator

    return Operator.objects.filter(username=name).exists()


def serve(given: argparse.Namespace) -> None:
    """Trade in threads, answer in this one."""
    import uvicorn

    from aitrader.asgi import application
    from compliance.services.sequencer import Sequencer

    sequencer = Sequencer()
    sequencer.start()
    running = threading.Event()
    running.set()
    warmed = threading.Event()
    if given.empty:
        warmed.set()
    else:
        threading.Thread(target=trade, args=(given, running, warmed), daemon=True).start()
    threading.Thread(target=raise_alerts, daemon=True).start()
    threading.Thread(target=listen, args=(running,), daemon=True).start()
    warmed.wait()
    config = uvicorn.Config(
        application, host="127.0.0.1", port=given.port, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)

    def say_ready() -> None:
        while not server.started:
            time.sleep(0.02)
        print("ready", flush=True)

    threading.Thread(target=say_ready, daemon=True).start()
    server.run()


def trade(given: argparse.Namespace, running: threading.Event, warmed: threading.Event) -> None:
    """The road, paced."""
    from aitrader import paper
    from aitrader.kernel.clock import WALL, Moment
    from aitrader.paper import PaperOptions
    from trading.services import bar_steps, setup
    from trading.services.desk_loop import DeskLoop

    bars = given.warm + 20 if given.ending else None
    options = PaperOptions(
        seed=7, simulated_bars=bars, speed=Decimal(60) / Decimal(str(given.pace))
    )
    market = paper.market(options)
    steps = bar_steps.steps(market.streams)
    first = next(steps)
    at = Moment(market=first.open_time, wall=WALL.now())
    made = paper.open_desk(options, market, code="paper", namespace="seed-7", at=at)
    loop: Any = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.resume()
    for number, step in enumerate(itertools.chain([first], steps)):
        running.wait()
        # The desk's own copy of the feed: to it this bar is word from the source.
        made.desk.feed.received_at = WALL.now()
        loop.run(step)
        if number >= given.warm:
            warmed.set()
            time.sleep(given.pace)
    setup.finish_feed(feed_id=made.desk.feed.pk, now=WALL.now())
    warmed.set()


def raise_alerts() -> None:
    from aitrader.kernel.clock import WALL
    from compliance.services import alerts

    while True:
        if not alerts.advance(now=WALL.now()):
            time.sleep(0.2)


def listen(running: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "pause":
            running.clear()
        elif line.strip() == "resume":
            running.set()
        elif line.strip() == "forget":
            forget_codes()
        print("done", flush=True)


def forget_codes() -> None:
    """Let the code of this half minute count again: a test has no time to wait for the next."""
    from django_otp.plugins.otp_totp.models import TOTPDevice

    TOTPDevice.objects.update(
        last_t=-1, throttling_failure_count=0, throttling_failure_timestamp=None
    )


if __name__ == "__main__":
    main()
