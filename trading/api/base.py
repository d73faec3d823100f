"""What every endpoint shares: both factors and a role, cursor pages, problem+json.

1. Closed unless both factors hold and a role opens it, whatever the middleware in front does.
2. Every refusal is a problem document (RFC 9457); amounts are text, instants are UTC.
"""

from typing import Any

from django.http import Http404
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from aitrader.kernel.errors import AitraderError, NotPermitted, StepUpRequired
from compliance.domain.roles import Action
from compliance.services import access

PROBLEM = "application/problem+json"


class BothFactors(BasePermission):
    message = "Both factors and a role are needed."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        check = getattr(user, "is_verified", None)
        verified = bool(user.is_active and check is not None and check())
        return verified and access.may(user, Action.VIEW_DESK)


class WithChallenge(SessionAuthentication):
    """A session; without one the answer is 401, not 403."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class Pages(CursorPagination):
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-id"


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any refusal as a problem document; what is not ours to explain stays an error."""
    if isinstance(error, AitraderError):
        refused = isinstance(error, (NotPermitted, StepUpRequired))
        return document(403 if refused else 409, type(error).__name__, str(error))
    if not isinstance(error, (APIException, Http404, PermissionError)):
        return None
    answer = exception_handler(error, context)
    if answer is None:
        return None
    detail = answer.data
    text = str(detail.get("detail", detail)) if isinstance(detail, dict) else str(detail)
    found = document(answer.status_code, type(error).__name__, text)
    for header, value in answer.items():
        if header.lower() != "content-type":
            found[header] = value
    return found


def document(status: int, title: str, detail: str) -> Response:
    """A problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(body, status=status, content_type=PROBLEM)


class Closed(APIView):
    """An endpoint behind both factors."""

    authentication_classes = [WithChallenge]
    permission_classes = [BothFactors]

    def get_exception_handler(self) -> Any:
        return problem


class Listing(Closed, ListAPIView):
    """A read-only list."""

    pagination_class = Pages
    http_method_names = ["get", "head", "options"]
