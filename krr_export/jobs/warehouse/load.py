"""Load snapshots into a database, or list them in a table of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.jobs.warehouse.into_database import load_into_database
from krr_export.jobs.warehouse.loadables import open_loadables
from krr_export.jobs.warehouse.register import register_snapshots
from krr_export.jobs.warehouse.selection import Selection
from krr_export.pipeline.progress import Progress
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.warehouse.target import DB_SCHEMA, is_lake, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.jobs.warehouse.load_result import LoadResult


@refuse_wrong_options(
    source=StrPath, target=str, all_snapshots=bool, keep=int | None, replace=bool, history=bool, db_schema=str
)
def load(  # noqa: PLR0913 - by keyword, each an option of the command line
    source: StrPath,
    target: str,
    *,
    all_snapshots: bool = False,
    keep: int | None = None,
    replace: bool = False,
    history: bool = False,
    db_schema: str = DB_SCHEMA,
    schema: str | Path | None = None,
    progress: Progress | None = None,
    on_loaded: Callable[[str], object] = lambda _name: None,
) -> LoadResult:
    """Load a snapshot into a database, or list it in a Delta or Iceberg table; each is seen whole there, or not at all.

    >>> krr_export.load("store", "duckdb:krr.duckdb").loaded
    ('eksport=20260227T112225Z',)

    Args:
        source: a snapshot, or a store, of which the newest is loaded; for a table of files, where it was pushed to.
        target: ``postgresql://USER@HOST/DATABASE`` or ``duckdb:FILE``; or ``delta:`` and that URI, or
            ``iceberg:CATALOG/NAMESPACE.TABLE``.
        all_snapshots: of a store, load all that the target lacks, oldest first.
        keep: how many of the newest exports stay in the target; ``None``: all.
        replace: load again what is there already, such as an export whose snapshot was replaced since.
        history: make the view ``person_historikk`` of every state of each person, from the changes between snapshots.
        db_schema: the schema of PostgreSQL in which the tables are; made if it is missing.
        schema: the XSD of a store of CSV, if it is none of the tool's own: CSV files do not say their columns' types.
        progress: receives the progress.
        on_loaded: called with the name of each snapshot that was loaded.

    Raises:
        InputError: there is no snapshot, or one is damaged.
        NetworkError: the database cannot be reached, or refuses the login.
        OutputError: the database refuses, or another load is at work.
        PublishedError: it has another result of the same export, and ``replace`` is not given.
        UsageError: an option or the target is wrong, or the tables there have other columns.
    """
    if keep is not None and keep < 1:
        raise UsageError("--keep must be at least 1", "it is the number of exports that stay in the target")
    progress = progress or Progress()
    selection = Selection(all_snapshots, keep, replace, history)
    if is_lake(target):
        if history or schema is not None or db_schema != DB_SCHEMA:
            raise UsageError("--history, --schema and --db-schema are of databases", "leave them out for such a table")
        return register_snapshots(source, target, selection, progress, on_loaded)
    place = parse_target(target, db_schema)
    snapshots = open_loadables(source, schema, every=all_snapshots)
    return load_into_database(snapshots, place, selection, progress, on_loaded)
