"""Ways to one PostgreSQL database: `default` reads and writes rows, `owner` may migrate, and
`venue` is the simulated venue's own session."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from aitrader import env
from aitrader.embedded import postgres, roles
from aitrader.env import Env

# A statement of the desk that runs this long is a fault; a migration may take its time.
_APP_TIMEOUTS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}
# Whatever the server's own settings are: what is told as committed is on its disk.
WAITS, WAITS_NOT = "-c synchronous_commit=on", "-c synchronous_commit=off"
# The desk runs few statements very often: the server keeps their plans. Migrations do not.
_PREPARED = {"server_side_binding": True, "prepare_threshold": 3}
_OWNER_TIMEOUTS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "10min"}


def databases(settings: Env) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES for a server named by URL, or for the embedded cluster."""
    if settings.database_url is None:
        app = _embedded(settings, roles.APP)
        owner = _embedded(settings, roles.OWNER)
    else:
        owner_url = settings.database_owner_url or settings.database_url
        app = _from_url("DATABASE_URL", settings.database_url.get_secret_value())
        owner = _from_url("DATABASE_OWNER_URL", owner_url.get_secret_value())
    return {
        "default": _alias(dict(app), _APP_TIMEOUTS, _PREPARED),
        # The simulated venue's own connection: what it commits does not depend on ours.
        "venue": _alias(dict(app), _APP_TIMEOUTS, _PREPARED),
        "owner": _alias(owner, _OWNER_TIMEOUTS, {}),
    }


def _embedded(settings: Env, role: roles.Role) -> dict[str, Any]:
    parameters = postgres.parameters(role, home=settings.home)
    return {
        "HOST": parameters.host,
        "PORT": str(parameters.port),
        "USER": parameters.user,
        "PASSWORD": parameters.password,
        "NAME": parameters.dbname,
    }


def _from_url(variable: str, url: str) -> dict[str, Any]:
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise SystemExit(f"aitrader: {variable} is not a PostgreSQL address") from None
    if not parts.get("dbname"):
        raise SystemExit(f"aitrader: {variable} names no database")
    words = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    found = {key: str(parts.pop(word, "")) for key, word in words.items()}
    return {**found, "NAME": parts.pop("dbname"), "OPTIONS": parts}


def _alias(
    parameters: dict[str, Any], timeouts: dict[str, str], more: dict[str, Any]
) -> dict[str, Any]:
    options = {**more, **parameters.pop("OPTIONS", {})}
    if "options" in options:
        raise ImproperlyConfigured("put server settings into the role, not into the address")
    options["options"] = " ".join(
        [WAITS, *(f"-c {name}={each}" for name, each in timeouts.items())]
    )
    options.setdefault("application_name", "aitrader")
    options.setdefault("connect_timeout", 10)
    return {
        "ENGINE": "django.db.backends.postgresql",
        **parameters,
        "OPTIONS": options,
        # A worker thread keeps its connection; a dead one is noticed at the next request.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = databases(env.load())
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
