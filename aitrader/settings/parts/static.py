"""Static files, served by the process itself."""

from aitrader import env

STATIC_URL = "static/"
_folder = env.REPOSITORY / "static"
STATICFILES_DIRS = [_folder] if _folder.is_dir() else []
STATIC_ROOT = env.load().home / "static"
# Straight from the source folders: nothing has to be collected before the desk runs.
WHITENOISE_USE_FINDERS = True
