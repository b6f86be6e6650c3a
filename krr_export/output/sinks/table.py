"""A table as numbered part files, rolled by rows, optionally a series of them for each partition."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from krr_export.output.sinks.csv import EXCEL, RFC_4180, CsvPart
from krr_export.output.sinks.gathering import RowBuffer
from krr_export.output.sinks.parquet import ParquetLayout, ParquetPart
from krr_export.output.sinks.partitions import OTHER, split
from krr_export.util.files import HashedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from krr_export.output.sinks.options import SinkOptions
    from krr_export.output.sinks.partitions import PartitionRows
    from krr_export.util.files import PartFile

MAX_PARTITIONS = 32
"""The most part files open at a time, plus one for all further values."""
_WINDOW_ROWS = 16_384
"""Rows that are distributed over the partitions at a time."""
_MAX_BUFFERED_GROUPS = 4
"""Limit of rows buffered in all partitions together, in row groups; for bytes, the limit is one row group."""


class _Part(Protocol):
    def write(self, group: pa.Table) -> None: ...
    def close(self) -> PartFile: ...
    def abandon(self) -> None: ...


_Open: TypeAlias = "Callable[[str, pa.Table], _Part]"


class TableSink:
    """Writes one table into a staging directory; a context manager.

    On an exception the files are closed unfinished. At most one row group is buffered in memory: 122 880 rows (8 192
    for CSV) and 192 MiB of text and binary. With partitions, at most four times as many rows, but no more bytes, are
    buffered in all of them together, however many there are: beyond that the fullest writes a short row group.

    Args:
        directory: the snapshot's directory; paths of the parts are relative to it.
        table: name of the table, and of its directory.
        schema: all columns; the metadata is written into each Parquet file.
        options: format, compression, rolling, partitions.

    Attributes:
        others: rows in the files named ``other``, by the column whose value must not name one, or ``""`` if there
            were too many partitions already.
        rows_in_others: the number of these rows.
    """

    def __init__(self, directory: Path, table: str, schema: pa.Schema, options: SinkOptions) -> None:
        self._directory = directory
        self._table = table
        self._options = options
        self._schema = schema
        self._layout: ParquetLayout | None = None
        self._window = RowBuffer(schema, _WINDOW_ROWS, options.group_bytes)
        self._partitions: dict[str, _Partition] = {}
        self._finished: tuple[PartFile, ...] | None = None
        self.others: Counter[str] = Counter()
        self.rows_in_others = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            for partition in self._partitions.values():
                partition.abandon()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of ``batch``, in order.

        A column may be dictionary-encoded where the schema says binary.

        Raises:
            OutputError: the disk is full or failing.
        """
        if not self._options.partition_by:
            self._partition("").add(batch)
            return
        # Partitions are filled from windows with fixed boundaries: so which one is the fullest, and where short row
        # groups are, does not depend on the batches.
        while batch.num_rows:
            batch = batch.slice(self._window.append(batch, batch.num_rows))
            if self._window.fullness >= 1:
                self._distribute()

    def close(self) -> tuple[PartFile, ...]:
        """Finish all files and return them, sorted by path; at least one, even without rows.

        Raises:
            OutputError: the disk is full or failing.
        """
        if self._finished is None:
            if self._window.rows:
                self._distribute()
            if not self._partitions:
                self._partition("")
            parts = [part for partition in self._partitions.values() for part in partition.close()]
            self._finished = tuple(sorted(parts, key=lambda part: part.path))
        return self._finished

    def _distribute(self) -> None:
        """Distribute the rows of the window over their partitions."""
        window = self._window.drain()
        self._table_layout(window)
        for group in split(window, self._options.partition_by):
            self._add_rows(group)
        while self._exceeds_buffer_limit():
            max(self._partitions.values(), key=lambda partition: partition.buffer.fullness).write_row_group()

    def _add_rows(self, group: PartitionRows) -> None:
        if len(self._partitions) >= MAX_PARTITIONS and group.stem.casefold() not in self._partitions:
            group = group._replace(stem=OTHER, others=group.others or ("",), named=())
        if group.others:
            self.others.update(dict.fromkeys(group.others, group.rows.num_rows))
            self.rows_in_others += group.rows.num_rows
        self._partition(group.stem, group.named).add(group.rows)

    def _exceeds_buffer_limit(self) -> bool:
        buffers = [partition.buffer for partition in self._partitions.values()]
        return (
            sum(buffer.rows for buffer in buffers) > _MAX_BUFFERED_GROUPS * self._options.group_rows
            or sum(buffer.bytes for buffer in buffers) > self._options.group_bytes
        )

    def _partition(self, stem: str, named: tuple[str, ...] = ()) -> _Partition:
        key = stem.casefold()  # names that differ in case alone are one file on some file systems
        if key not in self._partitions:
            prefix = f"{self._table}/part-{stem}-" if stem else f"{self._table}/part-"
            self._partitions[key] = _Partition(self._options, self._schema, prefix, partial(self._open, named=named))
        return self._partitions[key]

    def _open(self, path: str, rows: pa.Table, *, named: tuple[str, ...]) -> _Part:
        """Open a new part file that begins with these rows."""
        file = HashedFile.create(self._directory, path, self._options.file_mode)
        compression = self._options.effective_compression
        if self._options.format == "parquet":
            return ParquetPart(file, self._table_layout(rows), compression, named)
        return CsvPart(file, self._schema, compression, EXCEL if self._options.format == "csv-excel" else RFC_4180)

    def _table_layout(self, rows: pa.Table) -> ParquetLayout:
        """Return the layout of all files; the table's first rows decide it."""
        self._layout = self._layout or ParquetLayout.from_rows(rows, self._schema)
        return self._layout


class _Partition:
    """A series of numbered part files, and the buffered rows for the next row group."""

    def __init__(self, options: SinkOptions, schema: pa.Schema, prefix: str, open_part: _Open) -> None:
        self._options = options
        self._prefix = prefix
        self._open = open_part
        self._empty = schema.empty_table()
        self.buffer = RowBuffer(schema, options.group_rows, options.group_bytes)
        self._rows_left = options.rows_per_file
        self._part: _Part | None = None
        self._finished: list[PartFile] = []

    def add(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            batch = batch.slice(self.buffer.append(batch, self._rows_left - self.buffer.rows))
            if self.buffer.fullness >= 1 or self.buffer.rows == self._rows_left:
                self.write_row_group()

    def write_row_group(self) -> None:
        self._rows_left -= self.buffer.rows
        rows = self.buffer.drain()
        part = self._current_part(rows)
        part.write(rows)
        if self._rows_left == 0:
            self._finish(part)

    def close(self) -> list[PartFile]:
        if self.buffer.rows:
            self.write_row_group()
        if self._part or not self._finished:
            self._finish(self._current_part(self._empty))
        return self._finished

    def abandon(self) -> None:
        if self._part:
            self._part.abandon()

    def _current_part(self, rows: pa.Table) -> _Part:
        if self._part is None:
            path = f"{self._prefix}{len(self._finished):05}.{self._options.extension}"
            self._part = self._open(path, rows)
        return self._part

    def _finish(self, part: _Part) -> None:
        self._finished.append(part.close())
        self._part = None
        self._rows_left = self._options.rows_per_file
