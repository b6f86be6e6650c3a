"""A snapshot as it is loaded into a database: its tables, and what names its content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.store_layout import EXPORT_PREFIX
from krr_export.warehouse.content_digest import ContentDigest
from krr_export.warehouse.ledger import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.output.snapshot_table import SnapshotTable


@dataclass(frozen=True)
class Loadable:
    """A snapshot to load.

    Attributes:
        name: of its directory, ``eksport=…``.
        manifest_sha256: the digest of its manifest, which names its content.
        tables: the tables person, rejects, findings and changes, as far as it has them; person comes first.
        advanced: is called with the number of rows, now and then, as they are read.
    """

    name: str
    manifest_sha256: str
    tables: tuple[SnapshotTable, ...]
    advanced: Callable[[int], None] = lambda _: None

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def table_names(self) -> list[str]:
        """The names of the tables."""
        return [table.table for table in self.tables]

    @property
    def compared_with(self) -> str | None:
        """The digest of the manifest of the snapshot that its changes are against, if there is one."""
        return next(filter(None, map(_compared_with, self.tables)), None)

    def read(self, table: SnapshotTable) -> TableReader:
        """Return a reader of one of the tables."""
        return TableReader(self, table)


def table_suffix(name: str, manifest_sha256: str) -> str:
    """Return the end of the names of database tables that hold this content of a snapshot."""
    return f"{name.removeprefix(EXPORT_PREFIX).lower()}_{manifest_sha256[:8]}"


class TableReader:
    """Reads a table of a snapshot once, and keeps what the ledger says of it.

    Attributes:
        failure: what ended the reading. A database's client, which asks for the batches, wraps it in its own error.
    """

    def __init__(self, snapshot: Loadable, table: SnapshotTable) -> None:
        self._snapshot = snapshot
        self._table = table
        self._digest = ContentDigest()
        self.failure: BaseException | None = None

    def stream(self) -> pa.RecordBatchReader:
        """Return the rows as a stream for a database's client.

        Text and binary that repeat few values are dictionaries in some files of a table, and plain in others; here they
        are as in the first.
        """
        batches = self._batches()
        first = next(batches, None)
        if first is None:
            return pa.RecordBatchReader.from_batches(self._table.schema, [])
        return pa.RecordBatchReader.from_batches(first.schema, self._alike(first, batches))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._table.batches():
                self._digest.add(batch)
                yield batch
                self._snapshot.advanced(batch.num_rows)
        except GeneratorExit:  # the client asks for no more
            raise
        except BaseException as error:
            self.failure = error
            raise

    def _alike(self, first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield first
        for batch in others:
            yield _with_types(batch, first.schema)

    def load(self) -> Load:
        """Return the row of the ledger, once all was read."""
        return Load(
            self._snapshot.name,
            self._table.table,
            self._digest.rows,
            self._digest.hexdigest(),
            self._snapshot.manifest_sha256,
            _compared_with(self._table),
        )


def _with_types(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [_with_type(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _with_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return column.cast(kind)


def _compared_with(table: SnapshotTable) -> str | None:
    metadata: dict[bytes, bytes] = table.schema.metadata or {}
    digest = metadata.get(b"fra_manifest_sha256")
    return None if digest is None else digest.decode()
