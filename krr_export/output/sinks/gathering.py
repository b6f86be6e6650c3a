"""Batches of any size → row groups whose boundaries do not depend on the batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.util.dictionaries import is_encoded_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class RowBuffer:
    """A buffer of rows for the next row group.

    Args:
        schema: the columns.
        max_rows: the capacity in rows.
        max_bytes: the capacity in bytes of text and binary.
    """

    def __init__(self, schema: pa.Schema, max_rows: int, max_bytes: int) -> None:
        self._schema = schema
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._batches: list[pa.RecordBatch] = []
        self.rows = 0
        self.bytes = 0

    @property
    def fullness(self) -> float:
        """How full the buffer is, from 0; at 1 it takes no more rows."""
        return max(self.rows / self._max_rows, self.bytes / self._max_bytes)

    def append(self, batch: pa.RecordBatch, max_new: int) -> int:
        """Append the first rows of ``batch``, at most ``max_new``, as far as there is room; return their number."""
        head = batch.slice(0, min(max_new, self._max_rows - self.rows))
        total = self.bytes + sum(pc.sum(lengths).as_py() or 0 for lengths in _lengths(head))
        appended: int = head.num_rows
        if total >= self._max_bytes:  # the row that reaches the limit is the last one appended
            totals = self.bytes + np.cumsum(_row_bytes(head))
            appended = min(appended, int(np.searchsorted(totals, self._max_bytes)) + 1)
            total = int(totals[appended - 1]) if appended else self.bytes
        if appended:
            self._batches.append(head.slice(0, appended))
            self.rows += appended
            self.bytes = total
        return appended

    def drain(self) -> pa.Table:
        """Return all rows and empty the buffer.

        Columns have the schema's types, but a binary column that was dictionary-encoded in every batch stays so.
        """
        batches, self._batches, self.rows, self.bytes = self._batches, [], 0, 0
        columns = [_column([batch.column(i) for batch in batches], field) for i, field in enumerate(self._schema)]
        return pa.Table.from_arrays(columns, names=self._schema.names)


def _column(chunks: list[pa.Array], field: pa.Field) -> pa.ChunkedArray:
    kinds = {chunk.type for chunk in chunks}
    if len(kinds) == 1 and pa.types.is_binary(field.type):
        return pa.chunked_array(chunks)
    return pa.chunked_array([chunk.cast(field.type) for chunk in chunks], field.type)


def _row_bytes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the bytes of text and binary in each row."""
    total = np.zeros(batch.num_rows, np.int64)
    for lengths in _lengths(batch):
        total += pc.fill_null(lengths, 0).to_numpy()
    return total


def _lengths(batch: pa.RecordBatch) -> Iterator[pa.Int32Array]:
    """Yield the bytes in each row, for each column of text, binary, or lists of text."""
    for column in batch.columns:
        if pa.types.is_list(column.type):
            totals = np.concatenate([[0], np.cumsum(pc.binary_length(column.flatten()).to_numpy())])
            offsets = column.offsets.to_numpy()
            yield pa.array(np.diff(totals[offsets - offsets[0]]), pa.int32())
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            yield pc.binary_length(column)
        elif is_encoded_binary(column.type):
            yield pc.binary_length(column.dictionary).take(column.indices)
