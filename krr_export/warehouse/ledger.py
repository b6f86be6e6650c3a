"""The ledger of what was loaded into a database: a row for each table of each snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

EXPORT = pa.field("eksport", pa.timestamp("us", tz="UTC"), nullable=False)
"""The first column of every table in a database: when the export was made."""

LEDGER = "loads"
"""The ledger's name."""
LEDGER_SCHEMA = pa.schema(
    [
        EXPORT,
        pa.field("snapshot", pa.string(), nullable=False),
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("row_count", pa.int64(), nullable=False),
        pa.field("content_digest", pa.string(), nullable=False),
        pa.field("manifest_sha256", pa.string(), nullable=False),
        pa.field("compared_with", pa.string()),
        pa.field("krr_export_version", pa.string(), nullable=False),
        pa.field("loaded_at", EXPORT.type, nullable=False),
    ]
)


@dataclass(frozen=True)
class Load:
    """A row of the ledger.

    Attributes:
        name: The snapshot, ``eksport=…``.
        table: The name of the table in the snapshot.
        rows: How many were loaded.
        content_digest: Of the rows, in any order (`krr_export.warehouse.content_digest`).
        manifest_sha256: The digest of the snapshot's manifest.
        compared_with: Of the table of changes: the digest of the manifest of the snapshot that they are against;
            ``None`` for other tables, and for the first snapshot of a store.
    """

    name: str
    table: str
    rows: int
    content_digest: str
    manifest_sha256: str
    compared_with: str | None = None
