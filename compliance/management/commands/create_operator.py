"""`create_operator`: a person who may log in. The password is shown once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from aitrader.kernel.clock import WALL
from aitrader.kernel.errors import BadInput
from compliance.domain.roles import FIRST_OPERATOR, Role
from compliance.services import access, installation


class Command(BaseCommand):
    """Create one operator with a random password."""

    help = "Create an operator and print a random password once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--role",
            action="append",
            choices=[role.value for role in Role],
            help="may be given several times; the first operator holds "
            f"{', '.join(FIRST_OPERATOR)} unless told otherwise",
        )
        parser.add_argument("--name", default="", help="the person's full name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            installation.install(namespace=None, now=WALL.now())
            access.sync_roles()
            created = access.create_operator(
                username=options["username"],
                roles=self._roles(options["role"]),
                full_name=options["name"],
                now=WALL.now(),
                actor="command line",
            )
        except BadInput as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"operator {created.operator.username}")
        self.stdout.write(f"password {created.password}  (shown once)")

    def _roles(self, named: list[str] | None) -> tuple[Role, ...]:
        if named:
            return tuple(Role(name) for name in dict.fromkeys(named))
        return () if access.has_operators() else FIRST_OPERATOR
