"""`migrate`, as the owner of the tables, followed by the rights of the application's role and of
the operators' roles."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from aitrader import databases
from compliance.services import access, installation


class Command(migrate.Command):
    """Django's command with the owner's connection as the default."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        databases.grant()
        if installation.is_installed():
            # A release may bring rights that the roles of before do not have.
            access.sync_roles()
