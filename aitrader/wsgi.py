"""HTTP entry point for servers without WebSockets."""

from django.core.wsgi import get_wsgi_application

from aitrader import env

env.choose_settings("aitrader.settings.base")
application = get_wsgi_application()
