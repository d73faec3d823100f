"""DECIDE: a recorded bar becomes signals and orders that wait to be sent."""

from celery import shared_task

from aitrader.kernel.topics import Task
from trading.services import turns
from trading.tasks import workbench
from trading.tasks.waking import wake


@shared_task(name=Task.DECIDE.value)
def decide(*, account_id: int, **_: object) -> None:
    """Settle, value and decide one account at its last close."""
    with workbench.turn_of(Task.DECIDE, account_id) as bench:
        if bench is None:
            return
        gateway = bench.venue.gateway
        waits = turns.turn(desk=bench.desk, gateway=gateway, at=bench.at, closed=True)
    if waits:
        wake(Task.ROUTE, account_id)
