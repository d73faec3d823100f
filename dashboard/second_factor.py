"""The second factor: which device a code belongs to, and when it counts.

Resetting it and making recovery codes is compliance's (compliance/services/second_factor.py).

1. An empty code never reaches a device: there it would count as a failure and throttle the owner.
2. Six digits are a TOTP code, anything longer a recovery code; no other device is bothered.
3. A code works once: the device remembers the step it last accepted, a recovery code is deleted.
"""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.services.second_factor import write_recovery_codes

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Verified:
    device: Device


@dataclass(frozen=True, slots=True)
class Standing:
    """What an operator can still sign in with."""

    authenticators: int
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class NotVerified:
    """`why` is fit to show: it never says which part of a code was right.

    `counted` tells a wrong code from one that no device was asked about.
    """

    why: str
    counted: bool = False


def is_verified(user: object) -> bool:
    """Whether both factors have been given, by someone who is still an operator."""
    check = getattr(user, "is_verified", None)
    return bool(getattr(user, "is_active", False) and check is not None and check())


def has_device(user: Any) -> bool:
    """Whether the operator has a confirmed device to answer with."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def standing(user: Any) -> Standing:
    """The operator's confirmed authenticators, and the recovery codes not yet used."""
    return Standing(
        authenticators=TOTPDevice.objects.filter(user=user, confirmed=True).count(),
        recovery_codes=StaticToken.objects.filter(
            device__user=user, device__confirmed=True
        ).count(),
    )


def verify(user: Any, code: str) -> Verified | NotVerified:
    """Match a code with one of the operator's devices and spend it."""
    code = "".join(code.split())
    if not code:
        return NotVerified(_("Enter the six digits that your authenticator shows."))
    kind = TOTPDevice if code.isascii() and code.isdigit() and len(code) == _DIGITS else None
    model = kind or StaticDevice
    asked = False
    with transaction.atomic():
        found = model.objects.select_for_update().filter(user=user, confirmed=True)
        for device in found.order_by("id"):
            asked = True
            allowed, details = device.verify_is_allowed()
            if not allowed:
                return NotVerified(_throttled(details))
            if device.verify_token(code):
                return Verified(device)
    why = _("That code does not match, or it was used before. Wait for the next one.")
    return NotVerified(why, counted=asked)


def _throttled(details: dict[str, Any] | None) -> str:
    until = (details or {}).get("locked_until")
    if until is None:
        return _("Too many wrong codes. Wait a little and try again.")
    at = until.strftime("%H:%M:%S")
    return _("Too many wrong codes. Try again at %(time)s UTC.") % {"time": at}


def candidate(user: Any) -> TOTPDevice:
    """The unconfirmed device that enrolment is about; made when absent."""
    device, _created = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "authenticator"}
    )
    return device


def secret_text(device: TOTPDevice) -> str:
    """The seed in base32, in groups of four, for typing by hand."""
    seed = base64.b32encode(device.bin_key).decode("ascii").rstrip("=")
    return " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))


def provisioning_uri(device: TOTPDevice) -> str:
    """The otpauth address that the QR code carries."""
    issuer = settings.OTP_TOTP_ISSUER
    label = quote(f"{issuer}:{device.user.get_username()}")
    seed = base64.b32encode(device.bin_key).decode("ascii").rstrip("=")
    return f"otpauth://totp/{label}?" + urlencode({"secret": seed, "issuer": issuer})


def confirm(device: TOTPDevice, code: str) -> list[str] | None:
    """Enrol the device when the code is its own; return the new recovery codes, else None."""
    code = "".join(code.split())
    if not code:
        return None
    with transaction.atomic():
        locked = TOTPDevice.objects.select_for_update().get(pk=device.pk)
        if locked.confirmed or not locked.verify_token(code):
            return None
        locked.confirmed = True
        locked.save(update_fields=["confirmed"])
        return write_recovery_codes(locked.user)
