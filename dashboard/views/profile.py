"""What an operator sees and chooses about themselves: password, recovery codes, shortcuts.

1. A password and recovery codes are changed with a fresh one-time code, which is spent after all
   that can be checked without it. The old password is looked at after the code only: trying
   passwords costs codes, and a wrong one counts and is journalled as at a log-in.
2. Shortcuts of single keys have an off switch (WCAG 2.1.4). The choice is a cookie of the browser:
   it outlives a log-out, and says nothing about who is there.
"""

from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.shortcuts import render as bare
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import AitraderError, BadInput
from compliance.services import access
from compliance.services import second_factor as factors
from dashboard import second_factor, step_up, trail
from dashboard.frame import render
from dashboard.shortcuts import COOKIE, OFF

_YEAR_SECONDS = 365 * 24 * 60 * 60


@never_cache
@require_safe
def me(request: HttpRequest) -> HttpResponse:
    """Roles, devices, recovery codes, shortcuts, log-out."""
    return _page(request)


@sensitive_post_parameters("code")
@never_cache
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones; shown by this answer and never again."""
    operator: Any = request.user
    now = WALL.now()
    try:
        step_up.give(request, request.POST.get("code", ""), now=now)
        codes = factors.new_recovery_codes(
            operator=operator,
            verified_at=step_up.take(request, now=now),
            now=now,
            market_at=trail.market_now(now),
        )
    except AitraderError as error:
        return _page(request, status=403, codes_problem=str(error))
    context = {"codes": codes, "next": reverse("me")}
    return bare(request, "sign_in/recovery.html", context)


@sensitive_post_parameters()
@never_cache
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Another password; other sessions end, this one goes on."""
    operator: Any = request.user
    given = {name: request.POST.get(name, "") for name in ("old", "new", "again", "code")}
    now = WALL.now()
    try:
        if given["new"] != given["again"]:
            raise BadInput(_("The new password and its repetition differ."))
        access.require_new_password(operator, old=given["old"], new=given["new"])
        step_up.give(request, given["code"], now=now)
        verified_at = step_up.take(request, now=now)
        _require_old_password(request, given["old"])
        access.change_password(
            operator=operator,
            old=given["old"],
            new=given["new"],
            verified_at=verified_at,
            now=now,
            market_at=trail.market_now(now),
        )
    except AitraderError as error:
        return _page(request, status=403, password_problem=str(error))
    operator.refresh_from_db()
    auth.update_session_auth_hash(request, operator)
    messages.success(request, _("The password is changed. Your other sessions have ended."))
    return redirect("me")


def _require_old_password(request: HttpRequest, old: str) -> None:
    name = request.user.get_username()
    if auth.authenticate(request, username=name, password=old) is None:
        trail.refused(request, name, "password change")
        raise BadInput("the old password is wrong")


@require_POST
def shortcuts(request: HttpRequest) -> HttpResponse:
    """Switch the shortcuts on or off; saying which makes a repeat harmless."""
    answer = redirect("me")
    if request.POST.get("on") == "1":
        answer.delete_cookie(COOKIE, samesite="Lax")
        messages.success(request, _("Keyboard shortcuts are on."))
        return answer
    answer.set_cookie(
        COOKIE,
        OFF,
        max_age=_YEAR_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    messages.success(request, _("Keyboard shortcuts are off."))
    return answer


def _page(request: HttpRequest, status: int = 200, **more: str) -> HttpResponse:
    user: Any = request.user
    return render(
        request,
        "dashboard/me.html",
        status=status,
        page="me",
        roles=sorted(user.groups.values_list("name", flat=True)),
        standing=second_factor.standing(user),
        **more,
    )
