"""The live feed and the desk's tasks in one process that may be killed: `python -m` this module.

Options are those of the headless command; so are market, ids and feed code, and both give the
same books. A message runs its task at once, in this thread: there is no broker.
"""

import sys
from collections.abc import Mapping
from itertools import chain
from threading import Event
from typing import Any

import django


def main(arguments: list[str]) -> None:
    from aitrader import databases, paper
    from aitrader.celery import app
    from aitrader.kernel.clock import WALL, Moment
    from aitrader.kernel.ids import namespace_of_seed
    from aitrader.management.commands import paper as command
    from compliance.services import installation, sequencer
    from trading.services import bar_steps, setup

    def at_once(name: str, kwargs: Mapping[str, Any] | None = None, **_: object) -> None:
        app.tasks[name](**(kwargs or {}))

    app.loader.import_default_modules()
    app.send_task = at_once
    app.set_current()
    given = vars(command.Command().create_parser("manage.py", "paper").parse_args(arguments))
    options = command._options(given)
    if not databases.exists(given["database"]):
        databases.create(given["database"], template=databases.template())
    databases.use(given["database"])
    market = paper.market(options)
    steps = bar_steps.steps(market.streams)
    first = next(steps)
    namespace = namespace_of_seed(options.seed)
    at = Moment(market=first.open_time, wall=WALL.now())
    installation.install(namespace=namespace, now=at.market)
    made = paper.open_desk(options, market, code="paper", namespace=namespace, at=at)
    _driver(made).run(chain([first], steps))
    setup.finish_feed(feed_id=made.desk.feed.pk, now=WALL.now())
    sequencer.catch_up()


def _driver(made: Any) -> Any:
    """The driver of a live feed, after what a dead process left behind was taken up."""
    from aitrader.kernel.clock import WALL, Moment
    from trading.services import reconciliation
    from trading.services.feed_driver import FeedDriver
    from trading.tasks.waking import wake

    account_id, market_at = made.desk.account.pk, made.desk.feed.market_at
    if market_at is not None:
        made.desk.refresh_bars()
        at = Moment(market=market_at, wall=WALL.now())
        reconciliation.recover(desk=made.desk, gateway=made.gateway, at=at)
    return FeedDriver(
        desk=made.desk,
        gateway=made.gateway,
        engine=made.engine,
        wake=lambda task: wake(task, account_id),
        wall=WALL,
        stop=Event(),
        speed=None,
    )


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1:])
