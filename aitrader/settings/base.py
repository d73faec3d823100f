"""The desk on one machine: embedded PostgreSQL and in-process broker unless URLs say otherwise."""

from aitrader import env
from aitrader.settings.parts.apps import *
from aitrader.settings.parts.cache import *
from aitrader.settings.parts.celery import *
from aitrader.settings.parts.database import DATABASES as DATABASES
from aitrader.settings.parts.database import DEFAULT_AUTO_FIELD as DEFAULT_AUTO_FIELD
from aitrader.settings.parts.logging import LOGGING as LOGGING
from aitrader.settings.parts.security import *
from aitrader.settings.parts.static import *
from aitrader.settings.parts.templates import *

_env = env.load()

DEBUG = _env.debug
WHITENOISE_AUTOREFRESH = DEBUG
AITRADER_HOME = _env.home
#: Whether a server that may lose what it has committed is refused.
AITRADER_DURABLE = True
AITRADER_PORT = _env.port
AITRADER_METRICS_TOKEN = _env.metrics_token
AITRADER_CRASHPOINT = _env.crashpoint
# What an X-Forwarded-For claims is no evidence: the address is not recorded.
AUDITLOG_DISABLE_REMOTE_ADDR = True
# Where the venues are, and where who we are there is kept: never what it is.
AITRADER_VENUES = {
    "BINANCE": {
        "rest_url": _env.binance_rest_url,
        "ws_url": _env.binance_ws_url,
        "ws_api_url": _env.binance_ws_api_url,
        "credentials": _env.binance_credentials,
    },
    "COINBASE": {
        "rest_url": _env.coinbase_rest_url,
        "ws_url": _env.coinbase_ws_url,
        "ws_user_url": _env.coinbase_ws_user_url,
        "credentials": _env.coinbase_credentials,
    },
    "BTCTURK": {
        "rest_url": _env.btcturk_rest_url,
        "ws_url": _env.btcturk_ws_url,
        "graph_url": _env.btcturk_graph_url,
        "credentials": _env.btcturk_credentials,
    },
}
# Any other venue: its code in small letters is ccxt's name of the exchange.
AITRADER_VENUES |= {
    code: {"exchange": code.lower(), **env.generic_venue(code)}
    for code in _env.generic_venues
    if code not in AITRADER_VENUES
}
# Which way we run: a process that holds everything, or a worker among others.
AITRADER_EMBEDDED = _env.database_url is None and _env.redis_url is None
