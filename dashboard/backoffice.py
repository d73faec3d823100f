"""The admin site: unfold's pages behind a second factor, under the same strip as the desk.

1. A password alone opens nothing here, whatever the middleware does.
2. It has no log-in and no change of password of its own: there is one door, and one page.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import urlencode
from unfold.sites import UnfoldAdminSite

from aitrader.kernel.errors import StepUpRequired
from dashboard import step_up, trail
from dashboard.frame import frame
from dashboard.views import sign_in


class BackOffice(UnfoldAdminSite):
    """The site that `django.contrib.admin.site` resolves to."""

    site_header = "aitrader"
    site_title = "aitrader"
    index_title = "Configuration and records"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Both factors and a role that may enter; the superuser flag opens nothing."""
        user: Any = request.user
        return bool(
            user.is_active
            and user.is_staff
            and user.is_verified()
            and user.has_perm("compliance.admin.enter")
        )

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send to the one door; who is inside already but may not enter goes home."""
        user: Any = request.user
        if user.is_authenticated and user.is_verified():
            return redirect("home")
        query = urlencode({"next": request.get_full_path()})
        return redirect(f"{reverse('login')}?{query}")

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send to the page that asks for a fresh code and journals."""
        return redirect("me")

    def password_change_done(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The same page says what was done."""
        return redirect("me")

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one way out, which journals."""
        return sign_in.logout(request)

    def fresh_code(self, request: HttpRequest, code: str, *, now: datetime) -> datetime:
        """Verify a one-time password for one command of an app's admin, which sits below us.

        Raises StepUpRequired.
        """
        step_up.give(request, code, now=now)
        verified_at = step_up.take(request, now=now)
        if verified_at is None:
            raise StepUpRequired("the one-time password is no longer fresh")
        return verified_at

    def market_now(self, now: datetime) -> datetime:
        """The market clock of the desk on screen."""
        return trail.market_now(now)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Every page of the admin shows mode, source and trading state."""
        icon = {"rel": "icon", "href": static("icon.svg"), "type": "image/svg+xml"}
        named = {"site_title": self.site_title, "site_header": self.site_header}
        return {
            **super().each_context(request),
            **named,
            "frame": frame(),
            "site_favicons": [icon],
        }
