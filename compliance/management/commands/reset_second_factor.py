"""`reset_second_factor`: for whoever lost every code and has nobody else to ask."""

import os
import pwd
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from compliance.services import second_factor


class Command(BaseCommand):
    """Remove an operator's devices; working on the machine is the authority."""

    help = "Remove the second factor of an operator, who enrols a new one at the next log-in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="written into the journal")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            gone = second_factor.reset_at_the_machine(
                username=options["username"],
                reason=options["reason"],
                account=_account(),
                now=WALL.now(),
            )
        except ProgrammingError:
            raise CommandError("this database has no operators yet: start the desk first") from None
        except BadInput as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"removed {gone.devices} devices and {gone.recovery_codes} recovery codes,"
            f" ended {gone.sessions} sessions"
        )
        self.stdout.write(f"{options['username']} enrols a new device at the next log-in")


def _account() -> str:
    """Who runs this, as the machine knows it: an environment variable could say anything."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
