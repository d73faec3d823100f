"""What an operator sees and chooses about themselves.

1. Shortcuts of single keys have an off switch (WCAG 2.1.4). The choice is a cookie of the browser:
   it outlives a log-out, and says nothing about who is there.
"""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard import second_factor
from dashboard.frame import render
from dashboard.shortcuts import COOKIE, OFF

_YEAR_SECONDS = 365 * 24 * 60 * 60


@never_cache
@require_safe
def me(request: HttpRequest) -> HttpResponse:
    """Roles, devices, recovery codes, shortcuts, log-out."""
    user: Any = request.user
    return render(
        request,
        "dashboard/me.html",
        page="me",
        roles=sorted(user.groups.values_list("name", flat=True)),
        standing=second_factor.standing(user),
    )


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
