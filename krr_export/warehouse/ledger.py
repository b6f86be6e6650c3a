"""The ledger of what was loaded into a database: a row for each table of each snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.domain.store_layout import exported_at, is_export_name
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        name: the snapshot, ``eksport=…``.
        table: the name of the table in the snapshot.
        rows: how many were loaded.
        content_digest: of the rows, in any order (`krr_export.warehouse.content_digest`).
        manifest_sha256: the digest of the snapshot's manifest.
        compared_with: of the table of changes: the digest of the manifest of the snapshot that they are against;
            ``None`` for other tables, and for the first snapshot of a store.
    """

    name: str
    table: str
    rows: int
    content_digest: str
    manifest_sha256: str
    compared_with: str | None = None


def read_loads(rows: Iterable[Sequence[Any]]) -> list[Load]:
    """Return the ledger's rows, in their order; each begins with the time of the export, in seconds.

    Raises:
        InputError: someone has changed it: what it names is no snapshot, or lacks the table person.
    """
    loads = []
    for seconds, *columns in rows:
        load = Load(*columns)
        texts = (load.name, load.table, load.content_digest, load.manifest_sha256)
        is_sound = all(isinstance(text, str) for text in texts) and isinstance(load.rows, int) and load.rows >= 0
        if not is_sound or not is_export_name(load.name) or exported_at(load.name).timestamp() != seconds:
            raise _changed_ledger()
        loads.append(load)
    if {load.name for load in loads} != {load.name for load in loads if load.table == "person"}:
        raise _changed_ledger()
    return loads


def _changed_ledger() -> InputError:
    return InputError(f"the ledger {LEDGER} was changed by someone", "load into another place, and remove this one")
