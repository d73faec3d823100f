"""Routes of the WebSockets."""

from django.urls import URLPattern, path

from dashboard.consumers import Live

websocket_urlpatterns: list[URLPattern] = [path("ws/live/", Live.as_asgi())]
