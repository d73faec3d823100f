"""What a refused request is answered with: a page in the frame, or a short answer in kind.

1. Who has given both factors and holds a role sees mode, source and trading state, and can halt,
   here too; who has not sees mode and source, and no more than the refusal.
2. A program and a fragment get no page: the words of a refusal are shown where it was asked for.
3. A fault of the desk's own (500) asks the database nothing: `templates/500.html` stands alone.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render as bare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from dashboard import permits, second_factor
from dashboard.frame import render


def in_kind(request: HttpRequest, why: str, status: int) -> HttpResponse | None:
    """The short answer for whoever cannot show a page; None for a person's browser."""
    if request.path_info.startswith("/api/"):
        body = {"type": "about:blank", "title": why, "status": status}
        return JsonResponse(body, status=status, content_type="application/problem+json")
    if request.headers.get("HX-Request"):
        return HttpResponse(why, status=status, content_type="text/plain; charset=utf-8")
    if request.path_info.endswith(".json"):
        return JsonResponse({"title": why, "status": status}, status=status)
    return None


@never_cache
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: somebody else may."""
    why = _("Your roles do not allow this. Nothing was done.")
    return _answer(request, 403, _("Not allowed"), why)


@never_cache
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no such address, or no such record."""
    why = _("There is nothing at this address. Nothing was done.")
    return _answer(request, 404, _("Not found"), why)


@never_cache
def no_role(request: HttpRequest) -> HttpResponse:
    """403: the operator's roles do not open this address; without any, none is open."""
    why = _("Your roles do not open this page. An administrator gives roles in the back office.")
    return _answer(request, 403, _("Not allowed"), why)


@never_cache
def unreadable(request: HttpRequest) -> HttpResponse:
    """400: a character that no record of the desk can hold."""
    why = _("The request holds a character that no record can hold (NUL). Nothing was done.")
    return _answer(request, 400, _("Not understood"), why)


@never_cache
def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """405: the address is a command, or only to be looked at."""
    words = {"method": request.method, "allowed": allowed}
    why = _("This address does not take %(method)s; it takes %(allowed)s. Nothing was done.")
    answer = _answer(request, 405, _("Not a page"), why % words)
    answer.headers["Allow"] = allowed
    return answer


@never_cache
def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form without the token of this browser's session."""
    why = _("This form is not of your present session. Nothing was done: reload, and try again.")
    return _answer(request, 403, _("The form has expired"), why)


def _answer(request: HttpRequest, status: int, title: str, why: str) -> HttpResponse:
    short = in_kind(request, why, status)
    if short is not None:
        return short
    words = {"title": title, "why": why, "code": status}
    if second_factor.is_verified(request.user) and permits.may_open(request.user, "home"):
        return render(request, "dashboard/refused.html", status=status, **words)
    return bare(request, "sign_in/refused.html", words, status=status)
