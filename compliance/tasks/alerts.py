"""Sweeps of the journal: numbers for what no thread numbered, alerts for what was numbered."""

from celery import shared_task

from aitrader.kernel.clock import WALL
from compliance.services import alerts, sequencer


@shared_task(name="compliance.alerts")
def raise_alerts(**_: object) -> None:
    """Bring the numbers and the alerts up to date; a second run at once finds nothing to do."""
    while sequencer.advance():
        continue
    while alerts.advance(now=WALL.now()):
        continue
