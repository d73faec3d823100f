"""`verify_journal`: is the journal what was written? Exit code 0 only if it is."""

from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from compliance.services import verification


class Command(BaseCommand):
    """Check every hash, number and column, and print the digest."""

    help = "Check every leaf hash, number and column of the journal, and print its digest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", metavar="FILE", type=Path, help="write the result there too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = verification.verify()
        except ProgrammingError:
            raise CommandError("this database has no journal yet: start the desk first") from None
        if options["json"] is not None:
            self._write(options["json"], result)
        self.stdout.write(f"rows     {result.rows}")
        self.stdout.write(f"waiting  {result.waiting}")
        for fault in result.faults:
            self.stderr.write(fault)
        if not result.holds:
            raise CommandError(f"the journal has {result.fault_count} faults")
        self.stdout.write(f"digest   {result.digest}")

    def _write(self, path: Path, result: verification.Verification) -> None:
        told = {
            "rows": result.rows,
            "waiting": result.waiting,
            "digest": result.digest,
            "fault_count": result.fault_count,
            "faults": list(result.faults),
            "holds": result.holds,
        }
        try:
            path.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
