"""The content security policy: our own files only; the admin's theme needs a little more."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

ADMIN_PREFIX = "/admin/"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The theme evaluates expressions in attributes and styles elements inline.
_ADMIN_NEEDS = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}


class PolicyMiddleware(CSPMiddleware):
    """Adds the policy to each answer, relaxed under the admin's path alone."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path.startswith(ADMIN_PREFIX):
            already: dict[str, Any] = getattr(response, "_csp_update", None) or {}
            response._csp_update = {**already, **_ADMIN_NEEDS}  # type: ignore[attr-defined]  # an attribute of django-csp
        return super().process_response(request, response)
