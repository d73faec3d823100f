"""Password, second factor, enrolment, log-out.

1. A password opens a session that lasts ten minutes and reaches only the second step.
2. The second factor gives that session a new key and its full length.
3. Logging out is a POST.
"""

import io
from urllib.parse import urlencode

import qrcode
import qrcode.image.svg
from django.contrib import auth
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_otp import login as otp_login
from django_otp.models import Device

from aitrader.kernel.events import EventName
from dashboard import second_factor, trail

_HALF_WAY_SECONDS = 600


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """First step: name and password."""
    if request.user.is_authenticated:
        return redirect(_step(request, "otp_verify"))
    if request.method == "GET":
        return render(request, "sign_in/login.html", _context(request))
    username = request.POST.get("username", "")
    user = auth.authenticate(request, username=username, password=request.POST.get("password", ""))
    if user is None:
        trail.refused(request, username, "password")
        why = _("Name or password is wrong. After five failures the name is locked for a while.")
        context = {**_context(request), "problem": why, "username": username}
        return render(request, "sign_in/login.html", context, status=403)
    auth.login(request, user)
    request.session.set_expiry(_HALF_WAY_SECONDS)
    step = "otp_verify" if second_factor.has_device(user) else "otp_enrol"
    return redirect(_step(request, step))


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Second step: a code of the operator's device."""
    if request.user.is_verified():  # type: ignore[union-attr]  # set by django-otp
        return redirect(_target(request))
    if not second_factor.has_device(request.user):
        return redirect(_step(request, "otp_enrol"))
    if request.method == "GET":
        return render(request, "sign_in/verify.html", _context(request))
    outcome = second_factor.verify(request.user, request.POST.get("code", ""))
    if isinstance(outcome, second_factor.NotVerified):
        if outcome.counted:
            trail.record(EventName.OPERATOR_LOGIN_FAILED, request.user, door="second factor")
        context = {**_context(request), "problem": outcome.why}
        return render(request, "sign_in/verify.html", context, status=403)
    _admit(request, outcome.device)
    return redirect(_target(request))


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Add the first device; recovery codes are shown by this answer and never again."""
    if second_factor.has_device(request.user):
        return redirect(_step(request, "otp_verify"))
    device = second_factor.candidate(request.user)
    context = {**_context(request), "secret": second_factor.secret_text(device)}
    if request.method == "GET":
        return render(request, "sign_in/enrol.html", context)
    codes = second_factor.confirm(device, request.POST.get("code", ""))
    if codes is None:
        context["problem"] = _("That code does not match. Check the clock of your phone.")
        return render(request, "sign_in/enrol.html", context, status=403)
    trail.record(EventName.DEVICE_ENROLLED, request.user, device="totp")
    _admit(request, device)
    context = {"codes": codes, "next": _target(request)}
    return render(request, "sign_in/recovery.html", context)


@never_cache
@require_GET
def qr(request: HttpRequest) -> HttpResponse:
    """The seed of the device being enrolled, as SVG; gone once it is confirmed."""
    if second_factor.has_device(request.user):
        raise Http404
    uri = second_factor.provisioning_uri(second_factor.candidate(request.user))
    picture = qrcode.make(uri, image_factory=qrcode.image.svg.SvgPathImage, box_size=10, border=2)
    out = io.BytesIO()
    picture.save(out)
    return HttpResponse(out.getvalue(), content_type="image/svg+xml")


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if request.user.is_authenticated:
        trail.record(EventName.OPERATOR_LOGGED_OUT, request.user)
    auth.logout(request)
    return redirect("login")


def _admit(request: HttpRequest, device: Device) -> None:
    otp_login(request, device)
    request.session.cycle_key()
    request.session.set_expiry(None)
    trail.record(EventName.OPERATOR_LOGGED_IN, request.user, device=type(device).__name__)


def _context(request: HttpRequest) -> dict[str, object]:
    return {"next": _wanted(request)}


def _wanted(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else ""


def _target(request: HttpRequest) -> str:
    return _wanted(request) or reverse("home")


def _step(request: HttpRequest, name: str) -> str:
    wanted = _wanted(request)
    return reverse(name) + (f"?{urlencode({'next': wanted})}" if wanted else "")
