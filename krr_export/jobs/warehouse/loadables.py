"""The snapshots of a store, as they are loaded into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.store_layout import is_snapshot
from krr_export.errors import InputError, UsageError
from krr_export.jobs.changes.comparison import open_table
from krr_export.output.snapshot_table import open_snapshot_table, table_names
from krr_export.output.store_contents import EntryStatus, classify, missing_store, snapshots
from krr_export.util.paths import real_path
from krr_export.warehouse.loadable import Loadable
from krr_export.warehouse.tables import LOADABLE, PERSON

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.schema.record_schema import RecordSchema


def find_snapshots(source: Path, *, every: bool) -> list[Path]:
    """Return the snapshots that a path stands for, oldest first.

    Args:
        source: A snapshot; or a store: its newest.
        every: Of a store, all.

    Raises:
        InputError: There is none.
        UsageError: All are asked for of one snapshot.
    """
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


def open_loadable(path: Path, schema: RecordSchema | None) -> Loadable:
    """Open the tables of a snapshot.

    Args:
        path: Of the snapshot.
        schema: Of its records, if it is none of the tool's own.

    Raises:
        InputError: It is damaged.
        UsageError: It is one for Excel.
    """
    person = open_table(path, schema)
    refuse_excel(person)
    others = [name for name in table_names(person.manifest) if name in LOADABLE and name != PERSON]
    tables = (person, *(open_snapshot_table(path, table=name) for name in others))
    return Loadable(person.name, person.manifest_sha256, tables)


def refuse_excel(table: SnapshotTable) -> None:
    """Refuse a snapshot that was made for Excel.

    Raises:
        UsageError: It is one.
    """
    if table.manifest.options.format == "csv-excel":
        raise UsageError("the store is one for Excel: its values are changed for it", "take one of Parquet or CSV")
