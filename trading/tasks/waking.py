"""Sending wake-up calls: the only thing that ever travels through the broker.

1. A call that cannot be sent is dropped: the sweep finds within a second what it was about.
"""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from aitrader.kernel.topics import Task

log = structlog.get_logger(__name__)


def wake(task: Task, account_id: int) -> None:
    """Ask a worker to look at an account; call it after the commit, never before."""
    try:
        current_app.send_task(task.value, kwargs={"account_id": account_id}, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("wake.not_sent", task=task.value, account_id=account_id, error=str(error))
