"""Celery inside the process: a worker with threads, and the clock that sends the sweeps.

1. Both are stopped by asking and waiting; neither touches signals or logging.
2. Threads ignore Celery's time limits: deadlines are in the database's timeouts and in the code.
"""

from threading import Event, Thread

from celery import Celery
from celery.beat import EmbeddedService
from celery.worker import WorkController
from celery.worker import state as worker_state
from django.db import connections

from aitrader.celery import app
from aitrader.kernel.topics import Task

_THREADS = 4
_STOP_SECONDS = 4.0


class WorkerThread(Thread):
    """A worker of every queue."""

    def __init__(self) -> None:
        super().__init__(name="worker", daemon=True)
        self._app: Celery = app
        self.ready = Event()

    def run(self) -> None:
        self._app.set_current()
        controller = WorkController(
            app=self._app,
            pool_cls="threads",
            concurrency=_THREADS,
            queues=["gateway", "default"],
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
            ready_callback=lambda _consumer: self.ready.set(),
        )
        try:
            controller.start()
        finally:
            connections.close_all()

    def stop(self) -> None:
        """Let running tasks finish, then end."""
        worker_state.should_stop = 0
        if self.is_alive():
            # The loop looks at the wish after a message, or else every two seconds.
            self._app.send_task(Task.MONITOR.value, expires=_STOP_SECONDS)
            self.join(_STOP_SECONDS)


class BeatThread:
    """The schedule's clock."""

    def __init__(self) -> None:
        # Left to itself the service ignores the configured scheduler and keeps a file.
        self._thread = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it within about a second; one that died before is not waited for."""
        self._thread.service.stop()
        self._thread.join(_STOP_SECONDS)
