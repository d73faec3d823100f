"""Celery: a wake-up call, never the record of work.

Without Redis the broker lives in the process and dies with it; the sweeps find what was missed.
"""

from kombu.entity import Exchange, Queue

from aitrader import env

_redis = env.load().redis_url

CELERY_BROKER_URL = "memory://localhost/" if _redis is None else _redis.get_secret_value()
# The in-memory transport looks once a second unless told otherwise.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"polling_interval": 0.02} if _redis is None else {"visibility_timeout": 3600}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Left to itself Celery ends every session with the database before and after each task; ours are
# looked after by Django's rules (aitrader/celery.py).
CELERY_DB_REUSE_MAX = 1_000_000_000
# One process needs nobody to ask after it; the answers would be polled for all day.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = _redis is not None
CELERY_TIMEZONE = "UTC"
# Each with an exchange and a key of its own name: left out, both would share those of "default".
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name, type="direct"), routing_key=name) for name in ("gateway", "default")
]
CELERY_TASK_DEFAULT_QUEUE = "default"
# Only workers of this queue hold trading keys.
CELERY_TASK_ROUTES = {
    name: {"queue": "gateway"}
    for name in (
        "trading.route",
        "trading.follow",
        "trading.settle",
        "trading.sweep",
        "trading.reconcile",
    )
}
CELERY_TASK_CREATE_MISSING_QUEUES = False
# In memory: the schedule is these lines, and a restart has nothing to catch up on.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# The default looks for changes of the schedule every five minutes; a stop waits for that.
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
# A call that waited longer than until the next one has nothing to add.
_SECOND = {"schedule": 1.0, "options": {"expires": 2}}
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "sweep": {"task": "trading.sweep", **_SECOND},
    "monitor": {"task": "trading.monitor", **_SECOND},
    "alerts": {"task": "compliance.alerts", **_SECOND},
    "reconcile": {"task": "trading.reconcile", "schedule": 60.0, "options": {"expires": 30}},
}
