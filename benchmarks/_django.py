"""Starts the database and sets Django up; imported before anything that needs either."""

import django

from aitrader import env

env.choose_settings("aitrader.settings.base")
if env.load().database_url is None:
    from aitrader.embedded import postgres

    postgres.start()
django.setup()
