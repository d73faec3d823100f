"""ROUTE: orders that wait go to the venue. Queue `gateway`: only its workers hold trading keys.

1. Never retried by Celery: an attempt whose answer is missing is UNKNOWN and is asked about.
2. No turn is held while the venue is talked to.
3. Nothing is sent before this process has reconciled the account with its venue.
"""

from celery import shared_task

from aitrader.kernel.topics import Task
from trading.services import reconciliation, routing
from trading.tasks import figures, workbench
from trading.tasks.waking import wake
from trading.tasks.workbench import Bench


@shared_task(name=Task.ROUTE.value)
def route(*, account_id: int, **_: object) -> None:
    """Send what may go, ask about what is unknown, and have the answers settled."""
    send(account_id)
    figures.keep()


@shared_task(name=Task.FOLLOW.value)
def follow(*, account_id: int, **_: object) -> None:
    """Ask the venue at once: its user stream has news, or was away."""
    with workbench.joined(Task.FOLLOW, account_id) as bench:
        if bench is None or not bench.is_green:
            # Asking again may send again: the sweep reconciles first.
            return
        gateway = bench.venue.gateway
        done = reconciliation.follow(
            desk=bench.desk, gateway=gateway, at=bench.at, only_working=True
        )
        done += reconciliation.resolve(desk=bench.desk, gateway=gateway, at=bench.at)
    if done:
        wake(Task.SETTLE, account_id)


def send(account_id: int) -> None:
    """The same, for whoever is in a task of this queue already."""
    with workbench.joined(Task.ROUTE, account_id) as bench:
        if bench is None:
            return
        gateway = bench.venue.gateway
        # A cancel can only take risk away: it does not wait for anything.
        done = routing.cancel_all(desk=bench.desk, gateway=gateway, at=bench.at)
        if bench.is_green:
            done += _send(bench)
    if done:
        wake(Task.SETTLE, account_id)


def _send(bench: Bench) -> int:
    gateway = bench.venue.gateway
    done = routing.send_all(desk=bench.desk, gateway=gateway, at=bench.at)
    if bench.is_time_to_follow():
        done += reconciliation.follow(
            desk=bench.desk, gateway=gateway, at=bench.at, only_working=True
        )
    done += reconciliation.resolve(desk=bench.desk, gateway=gateway, at=bench.at)
    return done
