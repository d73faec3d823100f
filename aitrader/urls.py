"""The roots of all addresses."""

from django.urls import include, path

urlpatterns = [path("", include("dashboard.urls"))]
