"""Static files, served by the process itself."""

from pathlib import Path

from aitrader import env

STATIC_URL = "static/"
_folder = env.REPOSITORY / "static"
STATICFILES_DIRS = [_folder] if _folder.is_dir() else []
# Straight from the source folders: nothing has to be collected before the desk runs.
STATIC_ROOT: Path | None = None
WHITENOISE_USE_FINDERS = True
