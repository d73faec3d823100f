"""For working on the desk: error pages with details, templates read anew."""

from aitrader.settings.base import *

DEBUG = True
WHITENOISE_AUTOREFRESH = True
