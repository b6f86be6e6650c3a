"""Load snapshots into a database: what it does not have, each whole or not at all."""

from __future__ import annotations

from dataclasses import replace as changed
from itertools import pairwise
from typing import TYPE_CHECKING

from krr_export.errors import PublishedError, UsageError
from krr_export.jobs.warehouse.load_result import LoadResult, result_message
from krr_export.jobs.warehouse.loadables import find_snapshots, open_loadable
from krr_export.jobs.warehouse.register import Selection, register_snapshots
from krr_export.pipeline.progress import Progress
from krr_export.schema.registry import load_schema
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.paths import local_path
from krr_export.warehouse.tables import CHANGES, PERSON
from krr_export.warehouse.target import DB_SCHEMA, is_lake, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.warehouse.database import Database
    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable


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
    if is_lake(target):
        if history or schema is not None or db_schema != DB_SCHEMA:
            raise UsageError("--history, --schema and --db-schema are of databases", "leave them out for such a table")
        return register_snapshots(source, target, Selection(all_snapshots, keep, replace), progress, on_loaded)
    place = parse_target(target, db_schema)
    record_schema = None if schema is None else load_schema(schema)
    wanted = [open_loadable(path, record_schema) for path in find_snapshots(local_path(source), every=all_snapshots)]
    persons = wanted[-1].tables[0].schema
    with place.database as database:
        held = {load.name: load.manifest_sha256 for load in database.loads()}
        wanted = _kept(wanted, held, keep)
        _check_replacements(wanted, held, replace=replace)
        if history or database.has_history():
            _check_history(database.loads(), wanted, keep)
        missing = [one for one in wanted if replace or held.get(one.name) != one.manifest_sha256]
        for snapshot in missing:
            progress.began(f"load {snapshot.name}", snapshot.rows)
            database.load(changed(snapshot, advanced=progress.advanced))
            on_loaded(snapshot.name)
        if history:
            database.make_history(persons)
        dropped, waiting = _drop_old(database, keep)
        newest = [load for load in database.loads() if load.table == PERSON][-1]
    loaded = [snapshot.name for snapshot in missing]
    result = LoadResult(
        target=place.shown,
        loaded=tuple(loaded),
        unchanged=tuple(one.name for one in wanted if one.name not in loaded),
        dropped=tuple(dropped),
        waiting=tuple(waiting),
        persons=newest.rows,
        warnings=place.warnings,
    )
    return changed(result, message=result_message(result, newest.name))


def _kept(wanted: list[Loadable], held: dict[str, str], keep: int | None) -> list[Loadable]:
    """Leave out what would be removed again at once, for there are newer ones enough."""
    names = sorted({*held, *(snapshot.name for snapshot in wanted)})[-(keep or 0) :]
    return [snapshot for snapshot in wanted if snapshot.name in names]


def _check_replacements(wanted: list[Loadable], held: dict[str, str], *, replace: bool) -> None:
    for snapshot in wanted:
        if not replace and held.get(snapshot.name, snapshot.manifest_sha256) != snapshot.manifest_sha256:
            raise PublishedError(
                f"the target has another result of {snapshot.name}", "load it in its place with --replace"
            )


def _check_history(loads: list[Load], wanted: list[Loadable], keep: int | None) -> None:
    """Refuse a history with a gap: each night must have its changes since the one before it in the database.

    Raises:
        UsageError: One has not.
    """
    held = {load.name: load.manifest_sha256 for load in loads}
    compared = {load.name: load.compared_with for load in loads if load.table == CHANGES}
    for snapshot in wanted:
        held[snapshot.name] = snapshot.manifest_sha256
        compared.pop(snapshot.name, None)
        if CHANGES in snapshot.table_names:
            compared[snapshot.name] = snapshot.compared_with
    names = sorted(held)[-(keep or 0) :]
    gap = next((late for early, late in pairwise(names) if compared.get(late) != held[early]), None)
    if not compared:
        raise UsageError(f"{names[0]} has no changes, of which a history is made", "convert every night with --changes")
    if gap:
        raise UsageError(
            f"the history would have a gap: {gap} has no changes since the night before it in the database",
            f"remove {gap} from the store, convert it again with --changes, and load all of them: --all --replace",
        )


def _drop_old(database: Database, keep: int | None) -> tuple[list[str], list[str]]:
    """Remove all but the newest exports; return those that are gone, and those that must wait."""
    names = sorted({load.name for load in database.loads()})
    old = names[:-keep] if keep else []
    for index, name in enumerate(old):  # what stays has no gap: where one must wait, so must those after it
        if not database.drop(name):
            return old[:index], old[index:]
    return old, []
