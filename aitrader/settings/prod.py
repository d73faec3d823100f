"""Behind TLS, with PostgreSQL and Redis servers of their own."""

from aitrader import env
from aitrader.settings.base import *

_missing = [
    name
    for name, value in (
        ("DATABASE_URL", env.load().database_url),
        ("REDIS_URL", env.load().redis_url),
        ("AITRADER_SECRET_KEY", env.load().secret_key),
    )
    if value is None
]
if _missing:
    raise SystemExit(f"aitrader: production settings need {', '.join(_missing)}")

DEBUG = False
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Probes come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_ROOT = env.load().home / "static"
WHITENOISE_USE_FINDERS = False
