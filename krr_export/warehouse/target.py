"""The target of a load, as it is given on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.util.paths import local_path
from krr_export.warehouse.duckdb_database import DuckDBDatabase
from krr_export.warehouse.iceberg.name import ICEBERG
from krr_export.warehouse.postgres.address import SCHEMES, parse_address
from krr_export.warehouse.postgres.database import PostgresDatabase

if TYPE_CHECKING:
    from krr_export.warehouse.database import Database

_DUCKDB = "duckdb:"
DELTA = "delta:"
"""What stands before the URI of a place that a Delta table is made over."""
_FORMS = "give postgresql://HOST/DATABASE, duckdb:FILE, delta:URI or iceberg:CATALOG/NAMESPACE.TABLE"
DB_SCHEMA = "krr"
"""The schema of PostgreSQL in which the tables are, by default."""
_MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names."""


@dataclass(frozen=True)
class Target:
    """A database to load into.

    Attributes:
        shown: for people: without user, password and parameters.
        database: closed as yet.
        warnings: what whoever gave the target should know.
    """

    shown: str
    database: Database
    warnings: tuple[str, ...] = ()


def is_lake(given: str) -> bool:
    """Return whether a target is a table over pushed files, not a database."""
    return given.startswith((DELTA, ICEBERG))


def parse_target(given: str, db_schema: str = DB_SCHEMA) -> Target:
    """Return the target that a text names.

    Args:
        given: ``postgresql://USER@HOST/DATABASE`` or ``duckdb:FILE``.
        db_schema: the schema of PostgreSQL in which the tables are.

    Raises:
        UsageError: it names none. The message does not repeat it: it may hold a password.
    """
    # DuckDB itself takes more: addresses of services, with tokens.
    if re.match(rf"{_DUCKDB}(?!//|[A-Za-z0-9_]+:|:memory:)", given):
        path = local_path(given.removeprefix(_DUCKDB))
        if db_schema != DB_SCHEMA:
            raise UsageError("--db-schema is of PostgreSQL", "leave it out")
        return Target(str(path), DuckDBDatabase(path))
    if not given:
        raise UsageError("TARGET is empty", "is a variable not set?")
    if given.partition(":")[0] not in SCHEMES:
        raise UsageError("TARGET is no database that krr-export loads into", _FORMS)
    is_name = re.fullmatch(r"[^\x00-\x1f$\ud800-\udfff]+", db_schema) and not db_schema.startswith("pg_")
    if not is_name or len(db_schema.encode()) > _MAX_NAME_BYTES:
        raise UsageError("--db-schema is no name of a schema", f"give one such as {DB_SCHEMA}")
    address = parse_address(given)
    warnings = (
        ["the password in TARGET can be read in the list of processes: use ~/.pgpass or PGPASSWORD"]
        if address.has_password
        else []
    )
    return Target(address.shown, PostgresDatabase(address, db_schema), tuple(warnings))
