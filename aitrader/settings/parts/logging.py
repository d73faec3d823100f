"""One JSON object a line, from structlog and the standard library alike.

1. Tracebacks carry no local variables: they hold passwords, keys and one-time codes.
2. What Django answers with a 4xx is no fault of the desk: its line says all, without a traceback.
3. Neither is a database that is away: whoever asked it says so in one line and asks again.
4. What talks to venues stays below its DEBUG: it would print signed addresses and frames.
"""

import sys
from typing import Any

import orjson
import psycopg
import structlog
from django.db.utils import InterfaceError, OperationalError
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger


def _dump(value: object, default: Any = None, **_: object) -> str:
    return orjson.dumps(value, default=default or repr).decode()


def _drop_internals(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def _drop_refusals_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    status = event.get("status_code")
    if isinstance(status, int) and status < _FIRST_FAULT and event["logger"].startswith("django."):
        event.pop("exc_info", None)
    return event


def _shorten_database_fault(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    given = event.get("exc_info")
    fault = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given else None
    if isinstance(fault, _DATABASE_FAULTS):
        del event["exc_info"]
        # Celery puts the traceback in here once more.
        event.pop("data", None)
        event["error"] = " ".join(str(fault).split())
    return event


_DATABASE_FAULTS = (
    *(OperationalError, InterfaceError),
    *(psycopg.OperationalError, psycopg.InterfaceError),
)
_FIRST_FAULT = 500
_TALKATIVE = (
    "urllib3", "requests", "websockets", "aiohttp", "binance", "ccxt", "coinbase",
)  # fmt: skip
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    _drop_refusals_trace,
    _shorten_database_fault,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
]

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        *_SHARED,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [_drop_internals, structlog.processors.JSONRenderer(_dump)],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # Django's own handlers print in another format or send mail: ours says it once.
        "django": {"handlers": [], "propagate": True, "level": "WARNING"},
        "django.server": {"handlers": [], "propagate": True},
        **{name: {"level": "WARNING"} for name in _TALKATIVE},
    },
}
