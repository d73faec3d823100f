"""Status, alerts and halt for programs."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from aitrader.kernel.clock import WALL, iso
from compliance.domain.roles import Action
from compliance.selectors import alerts, journal
from compliance.services import access
from dashboard import submissions, trail
from dashboard.frame import frame
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from trading.api.base import Closed

LISTS = ("orders", "fills", "positions", "strategies", "trades")
ALERTS = 200


class Root(Closed):
    """Where everything is."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: Request) -> Response:
        names = (*LISTS, "status", "alerts", "halt")
        return Response({name: reverse(f"api_{name}", request=request) for name in names})


class Status(Closed):
    """Mode, source, trading state, age of the feed, size of the journal."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: Request) -> Response:
        seen = frame()
        desk = seen.desk
        body: dict[str, Any] = {
            "now": iso(seen.now),
            "mode": desk.mode if desk else None,
            "source": desk.source if desk else None,
            "account": desk.account_code if desk else None,
            "market_at": iso(desk.market_at) if desk and desk.market_at else None,
            "feed_running": desk.running if desk else None,
            "feed_age_seconds": round(desk.age(seen.now).total_seconds(), 1) if desk else None,
            "feed_stale": seen.stale,
            "silent": [
                {"instrument": each.instrument, "since": iso(each.since) if each.since else None}
                for each in seen.silent
            ],
            "trading_state": None if seen.effective is None else str(seen.effective.state),
            # All that restricts anything; trading_state is that of the desk as a whole.
            "restricted": [
                {"scope": each.scope, "code": each.code, "state": each.state, "reason": each.reason}
                for each in seen.states
            ],
            "journal_size": journal.size(),
            "open_alerts": alerts.open_count(),
        }
        return Response(body)


class Alerts(Closed):
    """Open alerts, worst first."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: Request) -> Response:
        rows = alerts.open_alerts(ALERTS)
        results = [
            {
                "severity": row.severity,
                "title": row.title,
                "text": row.text,
                "count": row.count,
                "leaf_index": row.leaf_index,
                "last_leaf_index": row.last_leaf_index,
                "raised_at": row.raised_at,
                "last_at": row.last_at,
            }
            for row in rows
        ]
        return Response({"count": alerts.open_count(), "results": results})


class Halt(Closed):
    """Stop everything; repeating a key gives the first answer."""

    http_method_names = ["post", "options"]

    def post(self, request: Request) -> Response:
        access.require(request.user, Action.HALT)
        reason, key = _reason(request), _key(request)
        now = WALL.now()

        def perform() -> dict[str, Any]:
            done = kill_switch.engage(
                scope=Scope.GLOBAL,
                scope_code="",
                reason=reason,
                actor=f"operator:{request.user.get_username()}",
                now=now,
                market_at=trail.market_now(now),
            )
            return {"state": str(done.state.state), "changed": done.changed}

        outcome, _new = submissions.once(
            operator=request.user,
            key=key,
            command="api.halt",
            content={"reason": reason},
            now=now,
            perform=perform,
        )
        return Response(outcome)


def _reason(request: Request) -> str:
    given = request.data if isinstance(request.data, dict) else {}
    reason = given.get("reason")
    if not isinstance(reason, str) or not reason.strip() or "\0" in reason:
        raise ParseError("reason is missing: a text that says why, without NUL")
    return reason.strip()


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not submissions.is_key(key):
        raise ParseError(
            "The header Idempotency-Key must be 16 to 64 letters, digits, hyphens or underscores,"
            " new for each halt: a repeat of a key gives its first answer."
        )
    return key
