"""Views of a store for DuckDB, as a script or in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from krr_export.domain.store_layout import EXPORT_PREFIX, LATEST
from krr_export.errors import InputError, UsageError
from krr_export.input.objects.address import is_object_uri
from krr_export.jobs.changes.comparison import open_table
from krr_export.jobs.warehouse.loadables import refuse_excel
from krr_export.output.outputs import STDIO, atomic_write, write_error
from krr_export.output.sinks import SinkOptions
from krr_export.output.snapshot_table import PERSON
from krr_export.output.store_contents import missing_store, snapshots
from krr_export.output.store_place import StorePlace, open_place
from krr_export.reporting.report import REPORT_JSON
from krr_export.schema.registry import load_schema
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import short_repr
from krr_export.util.paths import local_path
from krr_export.version import __version__
from krr_export.warehouse.duckdb_file import write_views
from krr_export.warehouse.tables import PERSON_ALL
from krr_export.warehouse.views import TABLES, StoreShape, View, build_script, build_views

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from krr_export.output.objects.layout import PushedFile
    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.schema.record_schema import RecordSchema

DATABASE, SCRIPT = ".duckdb", ".sql"


@dataclass(frozen=True)
class ViewsResult:
    """The result of making views.

    Attributes:
        script: the statements that make them.
        names: of the views.
        missing: tables that no snapshot of the store has, and so no view.
        message: the result in one line for people.
    """

    script: str
    names: tuple[str, ...]
    missing: tuple[str, ...]
    message: str

    def __repr__(self) -> str:
        return short_repr(self, names=self.names, missing=self.missing)


@refuse_wrong_options(store=StrPath, output=StrPath | None)
def views(
    store: StrPath,
    output: StrPath | None = None,
    *,
    schema: str | Path | None = None,
) -> ViewsResult:
    """Make views of a store: of the newest persons, of those of all nights, and of the tables beside them.

    They read the store's files where they are, from any directory, and see each new night of a directory at once.

    >>> made = krr_export.views("store", "krr.duckdb")
    >>> "person" in made.names
    True

    Args:
        store: the directory of snapshots, or the URI of a place in an object store, of which the nights that are there
            now are listed.
        output: a file whose name ends in ``.duckdb``, in which the views are made, or in ``.sql``, for the script;
            ``None``: neither.
        schema: the XSD of a store of CSV, if it is not a built-in one: CSV files do not say their columns' types.

    Raises:
        InputError: there is no snapshot, or the newest is damaged.
        NetworkError: the object store cannot be reached, or denies access.
        OutputError: the file cannot be written.
        UsageError: the file's name has another ending, or the store is one for Excel.
    """
    path = None if output is None or str(output) == STDIO else local_path(output)
    if path is not None and path.suffix not in {DATABASE, SCRIPT}:
        raise UsageError(f"{path}: the name does not say what to write", f"let it end in {DATABASE} or {SCRIPT}")
    if path is not None and path.suffix == DATABASE and is_object_uri(str(store)):
        raise UsageError(
            "DuckDB opens what views read when it makes them, and here has no access to the object store",
            f"write a script, {path.with_suffix(SCRIPT)}, and run it where DuckDB has",
        )
    with open_place(store) as place:
        shape = _shape_of_place(place, None if schema is None else load_schema(schema))
    built = build_views(shape)
    name = str(shape.path) if place.mirror is None else place.name
    about = f"Views of {name} for DuckDB, by krr-export {__version__}. They read the files there: personal data."
    script = build_script(built, about)
    if path is not None:
        _write(path, built, script)
    names = tuple(view.name for view in built)
    missing = tuple(table for table in TABLES if table not in shape.tables)
    message = f"{len(names)} views of {name}: {', '.join(names)}"
    if missing:
        message += f"; none of {' and '.join(missing)}, which no snapshot has"
    if place.mirror is not None:
        message += "; they read these nights alone: make them again after the next"
    return ViewsResult(script, names, missing, message if path is None else f"wrote {path}: {message}")


def _write(path: Path, built: list[View], script: str) -> None:
    if path.suffix == DATABASE:
        write_views(path, built)
        return
    try:
        with atomic_write(path) as file:
            file.write(script.encode())
    except OSError as error:
        raise write_error(str(path), error) from error


def _shape_of_place(place: StorePlace, schema: RecordSchema | None) -> StoreShape:
    if place.mirror is None:
        directory = place.directory.absolute()
        _check_path(directory)
        return _shape(directory, schema)
    place.show_newest()
    nights = [path.name for path in snapshots(place.directory)]
    for name in nights[-1:]:
        place.mirror.copy_table(name, PERSON, files=1)  # whose columns are those of all
    return replace(_shape(place.directory, schema), listed=_listed([place.mirror.files(name) for name in nights]))


def _listed(nights: Sequence[Sequence[PushedFile]]) -> dict[str, list[str]]:
    """Return the URIs that each view reads."""
    every = list(chain.from_iterable(nights))
    tables = {name: [file.uri for file in every if file.table == name] for name in TABLES}
    persons = [[file.uri for file in night if file.table == PERSON] for night in nights]
    reports = [file.uri for file in every if file.uri.endswith(f"/{REPORT_JSON}")]
    return {**tables, PERSON: persons[-1], PERSON_ALL: list(chain.from_iterable(persons)), "report": reports}


def _check_path(directory: Path) -> None:
    try:
        str(directory).encode()
    except UnicodeEncodeError:
        raise UsageError("the path of the store is not UTF-8, as SQL needs it", "move it, or link to it") from None
    if "\\" in str(directory):
        raise UsageError("the store's path has a backslash, which DuckDB reads otherwise", "move it, or link to it")


def _shape(store: Path, schema: RecordSchema | None) -> StoreShape:
    if not store.is_dir():
        raise missing_store(store)
    try:
        return _examine(store, schema)
    except OSError as error:
        place = error.filename or store
        raise InputError(f"{place} cannot be read: {os.strerror(error.errno or 0)}") from None


def _examine(store: Path, schema: RecordSchema | None) -> StoreShape:
    nights = snapshots(store)
    if not nights:
        raise InputError(f"there is no snapshot in {store}", "convert an export first")
    newest = open_table(nights[-1], schema)
    extension = _extension(newest)
    _refuse_odd_files(store, extension)
    is_linked = (store / LATEST).resolve() == newest.root
    tables = {name for name in TABLES if any(store.glob(f"{EXPORT_PREFIX}*/{name}/*.parquet"))}
    return StoreShape(store, newest.schema, extension, LATEST if is_linked else newest.name, tables)


def _refuse_odd_files(store: Path, extension: str) -> None:
    """Refuse a store where something else lies in place of a file that the views read: DuckDB waits for a pipe."""
    patterns = (f"{PERSON}/**/*.{extension}", *(f"{name}/*.parquet" for name in TABLES), REPORT_JSON)
    for path in chain.from_iterable(store.glob(f"{EXPORT_PREFIX}*/{pattern}") for pattern in patterns):
        if path.exists() and not path.is_file():
            raise InputError(f"{path.relative_to(store)} is missing or damaged", "see krr-export verify")


def _extension(table: SnapshotTable) -> str:
    refuse_excel(table)
    made = table.manifest.options
    options: dict[str, Any] = {"format": made.format, "compression": made.compression}  # checked as the sink's
    return SinkOptions(**options).extension
