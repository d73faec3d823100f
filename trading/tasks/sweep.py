"""SWEEP and RECONCILE: what a lost message was about is found within a second; once a minute the
books are compared with the venue's.

1. The sweep does the work itself: it must not depend on the broker that may have lost the call.
2. Books are compared while the venue stands still, after everything it reported was settled; of an
   account whose user stream was away at once, for what it missed it will not tell.
3. What fails for one account is one line of the log and keeps no other account waiting.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import shared_task
from django.db.models import Q

from aitrader.kernel.fix import Certainty, OrdStatus
from aitrader.kernel.topics import Task
from trading.models import CancelRequest, Feed, Order, ParentOrder, Trade
from trading.models.feed import FeedStatus
from trading.services import setup, turns
from trading.tasks import figures, workbench
from trading.tasks.route import send
from trading.tasks.workbench import Bench

log = structlog.get_logger(__name__)


@shared_task(name=Task.SWEEP.value)
def sweep(**_: object) -> None:
    """Settle, decide, align, send and ask, for every account that may need it."""
    for account_id in _accounts():
        with _for_itself(Task.SWEEP, account_id):
            try:
                with workbench.turn_of(Task.SWEEP, account_id) as bench:
                    if bench is not None and bench.reconcile():
                        turns.turn(desk=bench.desk, gateway=bench.venue.gateway, at=bench.at)
            finally:
                # What the dead had claimed is asked about even while a turn of theirs lasts.
                send(account_id)
    figures.keep()


@shared_task(name=Task.RECONCILE.value)
def reconcile(*, account_id: int | None = None, **_: object) -> None:
    """Compare the books of every account with its venue's, or of one whose user stream is back."""
    for each in _accounts() if account_id is None else [account_id]:
        with (
            _for_itself(Task.RECONCILE, each),
            workbench.turn_of(Task.RECONCILE, each) as bench,
        ):
            if bench is not None:
                _look(bench)


def _look(bench: Bench) -> None:
    with bench.venue.standstill(bench.desk.account.code):
        found = bench.look()
    if found.adjusted:
        turns.turn(desk=bench.desk, gateway=bench.venue.gateway, at=bench.at)


@contextmanager
def _for_itself(task: Task, account_id: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this account's
        reason = f"{type(error).__name__}: {error}"
        log.error("account.passed_over", task=task.value, account=account_id, error=reason[:200])


def _accounts() -> list[int]:
    """Accounts of running feeds, and those with something under way."""
    under_way = Order.objects.filter(ord_status__in=[OrdStatus.CREATED, OrdStatus.PENDING_NEW])
    # A feed that has ended leaves orders at the venue, and positions that somebody looks after.
    at_venue = Order.objects.exclude(account__venue__code=setup.SIMULATED)
    resting = at_venue.filter(
        Q(ord_status__in=[OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED])
        | ~Q(certainty=Certainty.CERTAIN)
    )
    holding = Trade.objects.filter(closed_at__isnull=True).exclude(
        cursor__version__strategy__account__venue__code=setup.SIMULATED
    )
    wishes = CancelRequest.objects.filter(answered_at__isnull=True)
    rows = Feed.objects.filter(
        Q(status=FeedStatus.RUNNING)
        | Q(account__in=under_way.values("account"))
        | Q(account__in=wishes.values("order__account"))
        | Q(account__in=resting.values("account"))
        | Q(account__in=holding.values("cursor__version__strategy__account"))
        | Q(account__in=ParentOrder.objects.filter(closed_at__isnull=True).values("account"))
    )
    return list(rows.order_by("pk").values_list("account_id", flat=True))
