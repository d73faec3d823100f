"""What an operator can do from a page: each is one POST and one service call.

1. The role is checked here, the rules by the service.
2. A repeat of the same form gives the first answer and does nothing.
3. An answer says what happened; a refusal says why, in place, with a 4xx.
4. A one-time code is spent last: what can be refused without it is refused first.
"""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import AitraderError, NotPermitted, StepUpRequired
from aitrader.kernel.topics import Topic
from compliance.services import alerts
from dashboard import permits, step_up, submissions, trail
from risk.domain.trading_state import Scope
from risk.services import kill_switch
from trading.selectors import order_story
from trading.services import person_orders, strategies

Perform = Callable[[dict[str, Any]], str]


def actor(request: HttpRequest) -> str:
    """The name under which the journal knows the operator."""
    return f"operator:{request.user.get_username()}"


@require_POST
def halt(request: HttpRequest) -> HttpResponse:
    """Stop everything: no OTP, two clicks."""

    def perform(at: dict[str, Any]) -> str:
        done = kill_switch.engage(
            scope=Scope.GLOBAL, scope_code="", reason=_reason(request), actor=actor(request), **at
        )
        if not done.changed:
            return _("Trading was halted already.")
        if not done.drained:
            return _("Trading is halted. A send may have been under way: watch its order.")
        return _("Trading is halted; no order was on its way.")

    return _answer(request, "halt", perform, [Topic.STATE, Topic.CARDS, Topic.ALERTS])


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Let trading go on, with a fresh one-time password."""
    scope, code, reason = _scope(request), request.POST.get("scope_code", ""), _reason(request)

    def perform(at: dict[str, Any]) -> str:
        done = kill_switch.release(
            scope=scope,
            scope_code=code,
            reason=reason,
            actor=actor(request),
            verified_at=step_up.take(request, now=at["now"]),
            **at,
        )
        return _("Trading is released.") if done.changed else _("Nothing was halted there.")

    topics = [Topic.STATE, Topic.CARDS, Topic.ALERTS]
    return _answer(
        request,
        "release",
        perform,
        topics,
        before_code=lambda: kill_switch.check(scope, code, reason),
    )


@require_POST
def strategy(request: HttpRequest, strategy_id: int) -> HttpResponse:
    """Switch one strategy on or off; saying which makes a repeat harmless."""
    enable = request.POST.get("enable") == "1"

    def perform(at: dict[str, Any]) -> str:
        call = strategies.enable if enable else strategies.disable
        call(strategy_id=strategy_id, actor=actor(request), reason=_reason(request), now=at["now"])
        return _("The strategy is enabled.") if enable else _("The strategy is disabled.")

    return _answer(request, "strategies", perform, [Topic.STRATEGIES], strategy=strategy_id)


@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask the venue to cancel one order."""
    found = order_story.story(public_id)
    if found is None:
        raise Http404

    def perform(at: dict[str, Any]) -> str:
        asked = person_orders.cancel(
            order=found.order, by=request.user, reason=_reason(request), now=at["now"]
        )
        if not asked.done:
            return _("Nothing to cancel: the order is closed, or its cancel is on its way.")
        said = _("The cancel is on its way; the order's status says what the venue answers.")
        return " ".join([said, *asked.besides])

    return _answer(request, "cancel", perform, [Topic.ORDERS], order=public_id)


@require_POST
def acknowledge(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Take note of an alert."""

    def perform(at: dict[str, Any]) -> str:
        operator: Any = request.user
        alerts.acknowledge(alert_id=alert_id, operator=operator, **at)
        return _("Acknowledged.")

    return _answer(request, "acknowledge", perform, [Topic.ALERTS], alert=alert_id)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


def _scope(request: HttpRequest) -> Scope:
    try:
        return Scope(request.POST.get("scope", Scope.GLOBAL))
    except ValueError:
        raise Http404 from None


def _answer(
    request: HttpRequest,
    button: str,
    perform: Perform,
    topics: list[Topic],
    *,
    before_code: Callable[[], None] | None = None,
    **about: object,
) -> HttpResponse:
    now = WALL.now()
    key = request.POST.get("key", "")
    at = {"now": now, "market_at": trail.market_now(now)}
    content = {
        name: value
        for name, value in request.POST.items()
        # A code is fresh on every try; neither it nor the token is what the command is about.
        if name not in {"code", "key", "csrfmiddlewaretoken"}
    }
    try:
        if not getattr(permits.of(request.user), button):
            raise NotPermitted(permits.why_not(button))
        if before_code is not None and not submissions.seen(operator=request.user, key=key):
            submissions.require_key(key)
            before_code()
            # Outside the command's transaction: a wrong code must count though nothing is done.
            step_up.give(request, request.POST.get("code", ""), now=now)
        outcome, _new = submissions.once(
            operator=request.user,
            key=key,
            command=button,
            content={**content, **about},
            now=now,
            perform=lambda: {"text": str(perform(at))},
        )
    except ObjectDoesNotExist:
        raise Http404 from None
    except AitraderError as error:
        return _refuse(request, error)
    return _done(request, outcome["text"], topics)


def _refuse(request: HttpRequest, error: AitraderError) -> HttpResponse:
    status = 403 if isinstance(error, (NotPermitted, StepUpRequired)) else 409
    if request.headers.get("HX-Request"):
        return HttpResponse(str(error), status=status, content_type="text/plain; charset=utf-8")
    messages.error(request, str(error))
    return redirect("home")


def _done(request: HttpRequest, text: str, topics: list[Topic]) -> HttpResponse:
    if not request.headers.get("HX-Request"):
        messages.success(request, text)
        return redirect("home")
    events: dict[str, Any] = {f"live:{topic}": {} for topic in topics}
    events["desk:done"] = {"text": text}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(events)})
