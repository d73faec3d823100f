"""Whether this browser wants keyboard shortcuts."""

from django.http import HttpRequest

COOKIE = "shortcuts"
OFF = "off"


def on(request: HttpRequest) -> bool:
    """True unless they were switched off here."""
    return request.COOKIES.get(COOKIE) != OFF
