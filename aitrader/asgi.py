"""HTTP and WebSocket entry point."""

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

from aitrader import env

env.choose_settings("aitrader.settings.base")
# First: the routes below import models.
http = get_asgi_application()

from dashboard.routing import websocket_urlpatterns  # noqa: E402  # needs the line above

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
