#!/usr/bin/env python
"""The command line of the desk."""

import sys

# These neither read nor write a row; everything else finds the embedded database running.
NO_DATABASE = {
    *("help", "version", "--help", "-h", "--version", "check"),
    *("makemessages", "compilemessages", "collectstatic", "findstatic", "diffsettings"),
}


def main() -> None:
    """Run one command; a fault of the surroundings is one line, not a traceback."""
    if sys.version_info < (3, 11):
        sys.exit("aitrader needs Python 3.11 or newer; this is " + sys.version.split()[0])
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed here: run `make install`, then .venv/bin/python manage.py"
        )

    from aitrader import env
    from aitrader.kernel.errors import BadInput

    env.choose_settings("aitrader.settings.base")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        if env.load().database_url is None and command not in NO_DATABASE:
            from aitrader.embedded import postgres

            postgres.start()
        execute_from_command_line(sys.argv)
    except BadInput as error:
        sys.exit(f"aitrader: {error}")


if __name__ == "__main__":
    main()
