"""Default deny: every address needs both factors and a role unless it stands in a list here.

1. A new page is closed until someone opens it; forgetting a decorator opens nothing.
2. A password-only session reaches the second step and nothing else.
3. Who holds no role reads nothing: `permits.PAGES` says what an address asks for.
4. A page asks for a log-in; a fragment or an API call is told 401 or 403 and never gets HTML of
   another page into its place.
5. What PostgreSQL cannot hold (a NUL) is refused before anything looks it up.
"""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _

from dashboard import permits, refusals, second_factor

#: Reachable by anyone: they say no more than that the process is there, or check a token of
#: their own.
OPEN = frozenset({"login", "healthz", "readyz", "metrics"})
#: Reachable with a password alone.
HALF_WAY = frozenset({"otp_verify", "otp_enrol", "otp_qr", "logout"})


class BothFactors:
    """Lets a request pass, sends it to the step that is missing, or refuses it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseNotAllowed) and not answer.content:
            return refusals.wrong_method(request, answer["Allow"])
        return answer

    def _refusal(self, request: HttpRequest) -> HttpResponseBase | None:
        name = _name(request)
        user = request.user
        if _holds_nul(request):
            return refusals.unreadable(request)
        if name in OPEN:
            return None
        if second_factor.is_verified(user):
            if name in HALF_WAY or permits.may_open(user, name):
                return None
            return refusals.no_role(request)
        if not user.is_authenticated:
            return _ask(request, "login", 401, _("Log in to go on."))
        if name in HALF_WAY:
            return None
        return _ask(request, "otp_verify", 403, _("The second factor is missing."))


def _holds_nul(request: HttpRequest) -> bool:
    if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        return True
    # A quoted cookie may hold one, too: as the key of a session it would be looked up.
    if any("\0" in value for value in request.COOKIES.values()):
        request.session = type(request.session)()
        return True
    return any("\0" in value for values in request.POST.lists() for value in values[1])


def _name(request: HttpRequest) -> str:
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return ""
    return match.view_name if not match.namespaces else ""


def _ask(request: HttpRequest, step: str, status: int, why: str) -> HttpResponseBase:
    target = reverse(step)
    short = refusals.in_kind(request, why, status)
    if short is not None:
        if request.headers.get("HX-Request"):
            page = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
            short.headers["HX-Redirect"] = f"{target}?{urlencode({'next': page})}"
        return short
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(why, status=status, content_type="text/plain; charset=utf-8")
    return redirect(f"{target}?{urlencode({'next': request.get_full_path()})}")
