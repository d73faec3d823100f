"""Celery: a wake-up call, never the record of work.

Without Redis the broker lives in the process and dies with it; the sweeps find what was missed.
"""

from kombu.entity import Queue

from aitrader import env

_redis = env.load().redis_url

CELERY_BROKER_URL = "memory://" if _redis is None else _redis.get_secret_value()
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
CELERY_TIMEZONE = "UTC"
CELERY_TASK_QUEUES = [Queue("gateway"), Queue("default")]
CELERY_TASK_DEFAULT_QUEUE = "default"
# Only workers of this queue hold trading keys.
CELERY_TASK_ROUTES = {
    name: {"queue": "gateway"} for name in ("trading.route", "trading.reconcile", "trading.flatten")
}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {}
