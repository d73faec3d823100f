"""SETTLE: what the venue reported becomes fills, books and the next orders."""

from celery import shared_task

from aitrader.kernel.topics import Task
from trading.services import turns
from trading.tasks import workbench
from trading.tasks.waking import wake


@shared_task(name=Task.SETTLE.value)
def settle(*, account_id: int, **_: object) -> None:
    """Settle and align one account."""
    with workbench.turn_of(Task.SETTLE, account_id) as bench:
        if bench is None:
            return
        waits = turns.turn(desk=bench.desk, gateway=bench.venue.gateway, at=bench.at)
    if waits:
        wake(Task.ROUTE, account_id)
