"""For working on the desk: error pages with details, templates read anew."""

from aitrader.settings.base import *  # noqa: F403  # settings are this file's names

DEBUG = True
WHITENOISE_AUTOREFRESH = True
