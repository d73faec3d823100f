"""Is it up, is it ready, how is it doing: for machines.

1. `/healthz` says only that the process answers; it touches nothing.
2. `/readyz` names what is not ready and never says more than that.
3. `/metrics` is for loopback, or for whoever has the token.
"""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from aitrader.kernel.clock import WALL
from compliance.selectors import leaves
from dashboard import gauges
from trading.selectors import desk_view

#: A sequencer that is this far behind is not keeping up (it should be within 50 ms).
MOST_UNSEQUENCED = 1_000


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    checks: dict[str, object] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        checks["database"] = True
        checks["sequencer"] = leaves.unsequenced() <= MOST_UNSEQUENCED
        desk = desk_view.desk()
        checks["feed"] = desk is None or not desk.stale(WALL.now())
        checks["silent_instruments"] = len(desk.silent(WALL.now())) if desk else 0
        checks["feed_age_seconds"] = (
            round(desk.age(WALL.now()).total_seconds(), 1) if desk and desk.running else None
        )
    except DatabaseError:
        checks["database"] = False
    ready = all(value for value in checks.values() if isinstance(value, bool))
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_scrape(request):
        return HttpResponse("metrics are for loopback or a bearer token\n", status=403)
    gauges.refresh()
    return ExportToDjangoView(request)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.AITRADER_METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if token is not None and given.startswith("Bearer "):
        wanted = token.get_secret_value().encode()
        return hmac.compare_digest(given.removeprefix("Bearer ").encode(), wanted)
    # Behind a proxy everyone comes from loopback: then only the token counts.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
