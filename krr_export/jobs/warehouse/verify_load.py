"""Verify what was loaded into a database, or listed in a table of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.jobs.warehouse.loadables import open_loadables
from krr_export.jobs.warehouse.verify_database import verify_database
from krr_export.jobs.warehouse.verify_registered import verify_registered
from krr_export.pipeline.progress import Progress
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.warehouse.target import DB_SCHEMA, is_lake, parse_target

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.warehouse.load_verification import LoadVerification


@refuse_wrong_options(target=str, against=StrPath | None, all_snapshots=bool, db_schema=str)
def verify_load(  # noqa: PLR0913 - by keyword, each an option of the command line
    target: str,
    *,
    against: StrPath | None = None,
    all_snapshots: bool = False,
    db_schema: str = DB_SCHEMA,
    schema: str | Path | None = None,
    progress: Progress | None = None,
) -> LoadVerification:
    """Verify what was loaded into a database: read every row there, and compare number and content.

    >>> krr_export.verify_load("duckdb:krr.duckdb", against="store").proven
    True

    Args:
        target: ``postgresql://USER@HOST/DATABASE`` or ``duckdb:FILE``; or ``delta:URI`` or
            ``iceberg:CATALOG/NAMESPACE.TABLE``, of which the files are read back, and compared with what was pushed.
        against: the snapshot, or the store whose newest must be there: its files are read too. Otherwise the rows are
            compared with the digest that the database's own ledger has of them.
        all_snapshots: look at all that was loaded, or, with ``against``, at all of the store; not the newest alone.
        db_schema: the schema of PostgreSQL in which the tables are.
        schema: the XSD of a store of CSV, if it is none of the tool's own.
        progress: receives the progress.

    Raises:
        InputError: nothing was loaded there; or there is no snapshot, or it is damaged.
        NetworkError: the database cannot be reached, or refuses the login.
        OutputError: it cannot be read, or a load is at work.
        UsageError: an option or the target is wrong.
    """
    progress = progress or Progress()
    if is_lake(target):
        if against is not None or schema is not None or db_schema != DB_SCHEMA:
            raise UsageError("--against, --schema and --db-schema are of databases", "leave them out for such a table")
        return verify_registered(target, all_snapshots=all_snapshots, progress=progress)
    place = parse_target(target, db_schema)
    wanted = [] if against is None else open_loadables(against, schema, every=all_snapshots)
    return verify_database(place, wanted, all_snapshots=all_snapshots, progress=progress)
