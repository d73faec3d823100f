"""Caches: Redis when there is one; they hold nothing that may not be lost."""

from aitrader import env

_redis = env.load().redis_url

CACHES: dict[str, dict[str, object]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        if _redis is None
        else {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": _redis.get_secret_value(),
            "KEY_PREFIX": "aitrader",
        }
    )
}
