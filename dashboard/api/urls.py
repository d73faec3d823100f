"""Routes of the API: the desk's own, then each app's."""

from django.urls import URLPattern, URLResolver, include, path

from dashboard.api import desk

urlpatterns: list[URLPattern | URLResolver] = [
    path("", desk.Root.as_view(), name="api_root"),
    path("status", desk.Status.as_view(), name="api_status"),
    path("alerts", desk.Alerts.as_view(), name="api_alerts"),
    path("halt", desk.Halt.as_view(), name="api_halt"),
    path("", include("trading.api.urls")),
]
