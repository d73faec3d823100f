#!/usr/bin/env python
"""The command line of the desk."""

import sys

# These neither read nor write a row; everything else finds the embedded database running.
NO_DATABASE = {
    *("help", "version", "--help", "-h", "--version", "check"),
    *("makemessages", "compilemessages", "collectstatic", "findstatic", "diffsettings"),
    *("sandbox", "conformance"),
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

    import psycopg
    from django.db import InterfaceError, OperationalError

    from aitrader import env
    from aitrader.kernel.errors import BadInput

    env.choose_settings("aitrader.settings.base")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        if env.load().database_url is None and _needs_database(command, sys.argv):
            _start_database()
        execute_from_command_line(sys.argv)
    except BadInput as error:
        sys.exit(f"aitrader: {error}")
    except (
        *(InterfaceError, OperationalError),
        *(psycopg.InterfaceError, psycopg.OperationalError),
    ) as error:
        if not _is_away(error):
            raise
        sys.exit(f"aitrader: the database does not answer: {str(error).splitlines()[0]}")


def _needs_database(command: str, arguments: list[str]) -> bool:
    # A simulation is kept in memory unless told.
    if command == "simulate":
        return any(each.endswith("postgresql") for each in arguments)
    return command not in NO_DATABASE


def _is_away(error: Exception) -> bool:
    """Whether there is no server, or no longer one; anything else is a fault of ours."""
    # Django wraps the driver's error, which is the one that knows.
    state = getattr(error.__cause__ or error, "sqlstate", None)
    # None: there is no connection, or no longer one. 57P: the server is shut down or has crashed.
    return state is None or state.startswith("57P")


def _start_database() -> None:
    from django.conf import settings

    from aitrader.embedded import postgres

    postgres.start(settings.AITRADER_HOME)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        # Who pressed Ctrl-C knows where.
        sys.exit(130)
