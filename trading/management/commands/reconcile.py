"""`reconcile`: settle what a venue knows and we do not, take in what other hands did, and compare
the books, now."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import BadInput
from compliance.services import installation
from trading.gateways import registry
from trading.models import Feed, ReconBreak
from trading.selectors import desk as desks
from trading.services import external, turns


class Command(BaseCommand):
    """Exit code 0 only when no break is open. A desk that runs meanwhile waits its turn."""

    requires_system_checks: list[str] = []
    help = "Reconcile one account with its venue and print what matched, was adjusted and is open."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="such as PAPER-1")
        parser.add_argument("--json", metavar="FILE")

    def handle(self, **given: Any) -> None:
        code = given["account"]
        feed = Feed.objects.select_related("account__venue").filter(account__code=code).first()
        if feed is None:
            raise BadInput(f"there is no account {code}")
        account = feed.account
        registry.require_account(account.venue.code, feed.code)
        venue = registry.connect(account.venue.code, namespace=installation.namespace())
        with turns.alone(account.pk):
            desk = desks.load(
                account_id=account.pk,
                namespace=installation.namespace(),
                fee_rate=venue.fee_rate,
                capabilities=venue.gateway.capabilities,
            )
            at = Moment(feed.market_at or feed.started_at, WALL.now())
            desk.refresh_bars()
            with venue.standstill(code):
                found = external.reconcile(
                    desk=desk, gateway=venue.gateway, at=at, back=external.LONGEST
                )
        told: dict[str, Any] = {
            "account": code, "matched": found.matched, "adjusted": found.adjusted,
            "breaks": found.breaks,
        }  # fmt: skip
        for key, value in told.items():
            self.stdout.write(f"{key:10} {value}")
        rows = ReconBreak.objects.filter(account=account, closed_at__isnull=True).order_by("pk")
        for row in rows:
            self.stdout.write(
                f"break      {row.kind} {row.object_id}: {row.ours} here, {row.venues}"
            )
        if given["json"]:
            Path(given["json"]).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        if found.breaks:
            raise SystemExit(1)
