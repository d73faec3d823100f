"""The roots of all addresses, and who answers for those that are refused."""

from django.urls import include, path

handler403 = "dashboard.refusals.forbidden"
handler404 = "dashboard.refusals.not_found"
urlpatterns = [path("", include("dashboard.urls"))]
