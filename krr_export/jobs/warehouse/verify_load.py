"""Verify what was loaded into a database: every row is there as it was in the snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError, UsageError
from krr_export.jobs.warehouse.loadables import find_snapshots, open_loadable
from krr_export.jobs.warehouse.verify_registered import registered_differences
from krr_export.pipeline.progress import Progress
from krr_export.schema.registry import load_schema
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import number, records, short_repr
from krr_export.util.paths import local_path
from krr_export.warehouse.content_digest import ContentDigest
from krr_export.warehouse.tables import PERSON
from krr_export.warehouse.target import DB_SCHEMA, is_lake, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa

    from krr_export.warehouse.database import Database
    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable


@dataclass(frozen=True)
class LoadVerification:
    """The result of verifying a database.

    Attributes:
        target: the database, without user and password.
        snapshots: the snapshots that were looked at, oldest first.
        rows: of all their tables, as they are there.
        persons: rows of the newest one's table person, as loaded.
        differences: one line of text each; empty if all is proven.
        warnings: what whoever verifies should know, a line each.
    """

    target: str
    snapshots: tuple[str, ...]
    rows: int
    persons: int
    differences: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(self, target=self.target, proven=self.proven, differences=len(self.differences))

    @property
    def proven(self) -> bool:
        """True if all rows are there, as they were loaded."""
        return not self.differences

    @property
    def message(self) -> str:
        """The result in one line for people."""
        if self.proven:
            held = f"{self.snapshots[-1]}, {records(self.persons)}"
            others = f", and {number(len(self.snapshots) - 1)} older" if len(self.snapshots) > 1 else ""
            return f"proven: {self.target}: {held}{others}; {number(self.rows)} rows of all tables"
        points = "1 point" if len(self.differences) == 1 else f"{len(self.differences)} points"
        todo = "load each by its own name, with --replace"
        return f"not proven: {self.target} differs from what was loaded in {points}; {todo}"


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
        return _verify_registered(target, all_snapshots=all_snapshots, progress=progress)
    place = parse_target(target, db_schema)
    wanted: list[Loadable] = []
    if against is not None:
        record_schema = None if schema is None else load_schema(schema)
        wanted = [
            open_loadable(path, record_schema) for path in find_snapshots(local_path(against), every=all_snapshots)
        ]
    with place.database as database:
        loads = database.loads()
        if not loads:
            raise InputError(f"{place.shown}: nothing was loaded there", "see krr-export load")
        # Nights that were never loaded, or removed by --keep, are no difference; the newest must be there.
        wanted = [one for one in wanted if one is wanted[-1] or one.name in {load.name for load in loads}]
        names = [one.name for one in wanted] or sorted({load.name for load in loads})
        if not all_snapshots:
            names = names[-1:]
        chosen = [load for load in loads if load.name in names]
        expected = [*chosen]
        differences = [line for one in wanted for line in _differences_of_manifest(one, chosen)]
        if wanted and not differences:
            expected = [load for one in wanted for load in _digests(one, progress)]
        progress.began(f"read {place.shown}", sum(load.rows for load in chosen))
        newest = max(load.name for load in loads)
        differences += _differences_of_rows(database, chosen, expected, newest, progress)
        strays = {table: database.strays(table) for table in sorted({load.table for load in loads})}
        differences += [f"{table}: {number(count)} rows of no load" for table, count in strays.items() if count]
    persons = [load.rows for load in chosen if load.table == PERSON]
    return LoadVerification(
        target=place.shown,
        snapshots=tuple(names),
        rows=sum(load.rows for load in chosen),
        persons=persons[-1] if persons else 0,
        differences=tuple(differences),
        warnings=place.warnings,
    )


def _verify_registered(target: str, *, all_snapshots: bool, progress: Progress) -> LoadVerification:
    rows, differences = registered_differences(target, all_snapshots=all_snapshots, progress=progress)
    newest = max(rows)
    return LoadVerification(target, tuple(rows), sum(rows.values()), rows[newest], differences)


def _differences_of_manifest(snapshot: Loadable, loads: list[Load]) -> Iterable[str]:
    """Yield what the ledger has otherwise than the snapshot."""
    own = {load.table: load for load in loads if load.name == snapshot.name}
    if not own:
        yield f"{snapshot.name}: not loaded"
    elif any(load.manifest_sha256 != snapshot.manifest_sha256 for load in own.values()):
        yield f"{snapshot.name}: another result of that export was loaded"
    else:
        yield from (f"{snapshot.name}/{t.table}: not loaded" for t in snapshot.tables if t.table not in own)


def _digests(snapshot: Loadable, progress: Progress) -> Iterable[Load]:
    """Yield what the ledger should have, from the files."""
    progress.began(f"read {snapshot.name}", snapshot.rows)
    for table in snapshot.tables:
        reader = snapshot.read(table)
        for batch in reader.stream():
            progress.advanced(batch.num_rows)
        yield reader.load()


def _differences_of_rows(
    database: Database, loads: list[Load], expected: list[Load], newest: str, progress: Progress
) -> Iterable[str]:
    right = {(load.name, load.table): load for load in expected}
    for load in loads:
        found = _digest(database.read(load, newest=load.name == newest), progress)
        wanted = right.get((load.name, load.table), load)
        if found.rows != wanted.rows:
            yield f"{load.name}/{load.table}: {number(found.rows)} rows, not {number(wanted.rows)}"
        elif found.hexdigest() != wanted.content_digest:
            yield f"{load.name}/{load.table}: {number(found.rows)} rows, but not the same"


def _digest(batches: Iterable[pa.RecordBatch], progress: Progress) -> ContentDigest:
    digest = ContentDigest()
    for batch in batches:
        digest.add(batch)
        progress.advanced(batch.num_rows)
    return digest
