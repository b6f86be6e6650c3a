"""Tiny snapshots for the tests of snapshots and stores, also from processes that are killed on the way."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from krr_export.output.manifest import ExportHeader, SnapshotOptions, library_versions
from krr_export.output.sinks import SinkOptions, TableSink
from krr_export.output.snapshot import Counts, Manifest, SchemaVersion, SourceFile, Staging
from krr_export.output.store import open_store
from krr_export.util.formatting import format_utc

SCHEMA = pa.schema([pa.field("radnummer", pa.int64(), nullable=False), ("status", pa.string())])
FIRST, SECOND, THIRD = (f"eksport=2014022{day}T112225Z" for day in (5, 6, 7))
OPTIONS = SnapshotOptions(
    format="csv",
    compression=None,
    partition_by=(),
    rows_per_file=1_000_000,
    max_rejects="0",
    allow_empty=False,
    limit=None,
)


def fill(staging: Staging, name: str, rows: int, options: SinkOptions | None = None) -> Manifest:
    """Write a table of ``rows`` rows and a report for the export of that name; the manifest is not yet written."""
    options = options or SinkOptions(format="csv")
    with TableSink(staging.path, "person", SCHEMA, options) as sink:
        sink.write(pa.record_batch([range(rows), ["AKTIV"] * rows], schema=SCHEMA))
        parts = sink.close()
    report = staging.write_text("report.json", "{}\n")
    return manifest(name, (*parts, report), rows)


def manifest(name: str, files: tuple[Any, ...], rows: int) -> Manifest:
    exported_at = datetime.strptime(f"{name}+0000", "eksport=%Y%m%dT%H%M%SZ%z")
    return Manifest(
        source=SourceFile("export.xml.gz", 123, "0" * 64),
        header=ExportHeader(format_utc(exported_at, "seconds"), format_utc(exported_at, "microseconds"), 7),
        schema=SchemaVersion("14-05", "1" * 64),
        tool_version="0.1.0",
        options=OPTIONS,
        counts=Counts(rows, rows, 0),
        files=files,
        created="2026-01-01T00:00:00Z",
        partial=False,
        libraries=library_versions(),
    )


def publish(store: Path, name: str, rows: int = 1, *, replace: bool = False) -> Path:
    """One whole run on the store."""
    with open_store(store) as held, held.staging() as staging:
        return staging.publish(fill(staging, name, rows), name, replace=replace)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def latest(store: Path) -> str:
    return str((store / "latest").readlink())


if __name__ == "__main__":
    publish(Path(sys.argv[1]), sys.argv[2])
