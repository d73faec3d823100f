"""The roles and the database of the embedded cluster, and how to connect as each.

1. `postgres` is the superuser and is used only to make the other two.
2. `aitrader_owner` owns the database and its tables: migrations run as it.
3. `aitrader_app` owns nothing and may create nothing: the desk runs as it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

from aitrader import env
from aitrader.kernel.errors import BadInput

Role = Literal["postgres", "aitrader_owner", "aitrader_app"]
SUPERUSER: Role = "postgres"
OWNER: Role = "aitrader_owner"
APP: Role = "aitrader_app"
DATABASE = "aitrader"
_RIGHTS = {
    OWNER: "LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    APP: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
}


@dataclass(frozen=True)
class Parameters:
    """How to connect. `repr` leaves the password out."""

    host: str
    port: int
    user: str
    password: str
    dbname: str

    def __repr__(self) -> str:
        return f"Parameters({self.user}@{self.host}:{self.port}/{self.dbname})"

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.dbname,
            autocommit=True,
            connect_timeout=5,
        )


def password(home: Path, role: Role) -> str:
    """Return the role's password; made when absent."""
    return env.secret_file(home, f"{role}.password")


def converge(superuser: Parameters, home: Path) -> None:
    """Make the roles and the database, or set right what differs.

    Raises BadInput when the superuser's password is not the one the cluster was made with.
    """
    try:
        connection = superuser.connect()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise BadInput(
                f"{home / 'secrets'} does not hold the passwords of the cluster in {home / 'pg'}"
            ) from None
        raise
    with connection:
        for role, rights in _RIGHTS.items():
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            verb = "ALTER" if found.fetchone() else "CREATE"
            connection.execute(
                sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                    sql.SQL(verb),
                    sql.Identifier(role),
                    sql.SQL(rights),
                    sql.Literal(password(home, role)),
                )
            )
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not found.fetchone():
            connection.execute(
                sql.SQL(
                    "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' "
                    "LC_COLLATE 'C' LC_CTYPE 'C'"
                ).format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
