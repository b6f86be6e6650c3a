"""The snapshots of a store, as they are loaded into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.store_layout import is_snapshot
from krr_export.errors import InputError, UsageError
from krr_export.jobs.changes.comparison import open_table
from krr_export.output.snapshot_table import open_snapshot_table, table_names
from krr_export.output.store_contents import EntryStatus, classify, missing_store, snapshots
from krr_export.schema.registry import load_schema
from krr_export.util.paths import local_path, real_path
from krr_export.warehouse.loadable import Loadable
from krr_export.warehouse.tables import LOADABLE, PERSON

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.util.fields import StrPath


def open_loadables(source: StrPath, schema: str | Path | None, *, every: bool) -> list[Loadable]:
    """Open the snapshots that a path stands for, oldest first; there is one at least.

    Args:
        source: a snapshot; or a store: its newest.
        schema: the XSD of a store of CSV, if it is none of the tool's own: CSV files do not say their columns' types.
        every: of a store, all.

    Raises:
        InputError: there is none, or one is damaged.
        UsageError: all are asked for of one snapshot, or one is for Excel.
    """
    record_schema = None if schema is None else load_schema(schema)
    return [_open_loadable(path, record_schema) for path in _find_snapshots(local_path(source), every=every)]


def _find_snapshots(source: Path, *, every: bool) -> list[Path]:
    if is_snapshot(real_path(source)):
        if every:
            raise UsageError(f"{source} is a snapshot, and --all is of a store", "leave out --all, or give the store")
        return [_checked(source)]
    if not source.is_dir():
        raise missing_store(source)
    found = snapshots(source)
    if not found:
        raise InputError(f"there is no snapshot in {source}", "convert an export first")
    return found if every else found[-1:]


def _checked(path: Path) -> Path:
    entry = classify(real_path(path))
    if entry.status is not EntryStatus.SNAPSHOT:
        raise InputError(f"{path} is no published snapshot: {entry.why}", "see krr-export verify")
    return path


def _open_loadable(path: Path, schema: RecordSchema | None) -> Loadable:
    person = open_table(path, schema)
    refuse_excel(person)
    others = [name for name in table_names(person.manifest) if name in LOADABLE and name != PERSON]
    tables = (person, *(open_snapshot_table(path, table=name) for name in others))
    return Loadable(person.name, person.manifest_sha256, tables)


def refuse_excel(table: SnapshotTable) -> None:
    """Refuse a snapshot that was made for Excel.

    Raises:
        UsageError: it is one.
    """
    if table.manifest.options.format == "csv-excel":
        raise UsageError("the store is one for Excel: its values are changed for it", "take one of Parquet or CSV")
