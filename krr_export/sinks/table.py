"""A table as files: numbered parts, rolled by rows, in Hive partitions if asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from krr_export.errors import UsageError
from krr_export.files import HashedFile
from krr_export.sinks.csv import CsvPart
from krr_export.sinks.dictionaries import canonical
from krr_export.sinks.gathering import ROW_GROUP_BYTES, Gathering
from krr_export.sinks.parquet import ParquetPart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from krr_export.files import PartFile
    from krr_export.sinks.options import SinkOptions

MAX_PARTITIONS = 32
_WINDOW_ROWS = 16_384
"""Rows that are spread over the partitions at a time."""
_MAX_WAITING = 4
"""Row groups' worth of rows that may wait in all partitions together; of bytes, one row group's worth."""
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_PERSONAL = re.compile(r"\d{11}|.*@.*", re.DOTALL)
"""An identity number or an e-mail address, which a faulty export may have anywhere: no name for a directory."""


class _Part(Protocol):
    def write(self, group: pa.Table) -> None: ...
    def close(self) -> PartFile: ...
    def abandon(self) -> None: ...


class TableSink:
    """Writes one table into a snapshot in the making; a context manager.

    Leaving it on an exception closes the files and promises nothing. At most one row group waits in memory: 122 880
    rows (8 192 for CSV) and 192 MiB of text and binary. With partitions, at most four times as many rows, but no more
    bytes, wait in all of them together, however many there are: beyond that the fullest writes a short row group.

    Args:
        directory: The snapshot's directory; paths of the parts are relative to it.
        table: Name of the table, and of its directory.
        schema: All columns; the metadata goes into each Parquet file.
        options: Format, compression, rolling, partitions.
    """

    def __init__(self, directory: Path, table: str, schema: pa.Schema, options: SinkOptions) -> None:
        self._directory = directory
        self._table = table
        self._options = options
        self._schema = schema
        kept = [field for field in schema if field.name not in options.partition_by]
        self._part_schema = pa.schema(kept, schema.metadata)
        self._window = Gathering(schema, _WINDOW_ROWS)
        self._partitions: dict[str, _Partition] = {}
        self._finished: tuple[PartFile, ...] | None = None

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

        A column may come dictionary-encoded where the schema says binary.

        Raises:
            UsageError: A partition column has too many values, or a person's.
            OutputError: The disk is full or failing.
        """
        if not self._options.partition_by:
            self._partition("").add(batch)
            return
        # Partitions are filled from windows that are cut at fixed rows: which one is the fullest, and so where short
        # row groups fall, then does not depend on the batches.
        while batch.num_rows:
            batch = batch.slice(self._window.take(batch, batch.num_rows))
            if self._window.fullness >= 1:
                self._spread()

    def close(self) -> tuple[PartFile, ...]:
        """Finish all files and return them, sorted by path; at least one, even if no row came.

        Raises:
            OutputError: The disk is full or failing.
        """
        if self._finished is None:
            if self._window.rows:
                self._spread()
            if not self._partitions:
                self._partition(_hive_path(dict.fromkeys(self._options.partition_by)))
            parts = [part for partition in self._partitions.values() for part in partition.close()]
            self._finished = tuple(sorted(parts, key=lambda part: part.path))
        return self._finished

    def _spread(self) -> None:
        """Move the rows of the window into their partitions."""
        for path, batch in _split(self._window.drain(), self._options.partition_by):
            self._partition(path).add(batch)
        while self._waits_too_much():
            max(self._partitions.values(), key=lambda partition: partition.waiting.fullness).write_row_group()

    def _waits_too_much(self) -> bool:
        waiting = [partition.waiting for partition in self._partitions.values()]
        return (
            sum(rows.rows for rows in waiting) > _MAX_WAITING * self._options.group_rows
            or sum(rows.bytes for rows in waiting) > ROW_GROUP_BYTES
        )

    def _partition(self, path: str) -> _Partition:
        if path not in self._partitions:
            if len(self._partitions) == MAX_PARTITIONS:
                names = ", ".join(self._options.partition_by)
                raise UsageError(
                    f"cannot partition by {names}: more than {MAX_PARTITIONS} values, or combinations of values",
                    "partition by a column with few values",
                )
            stem = "/".join(filter(None, (self._table, path)))
            self._partitions[path] = _Partition(self._directory, stem, self._part_schema, self._options)
        return self._partitions[path]


class _Partition:
    """The numbered part files of one directory, and the rows that wait to be written there."""

    def __init__(self, root: Path, stem: str, schema: pa.Schema, options: SinkOptions) -> None:
        self._root = root
        self._stem = stem
        self._schema = schema
        self._options = options
        self.waiting = Gathering(schema, options.group_rows)
        self._room = options.rows_per_file
        self._part: _Part | None = None
        self._finished: list[PartFile] = []

    def add(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            batch = batch.slice(self.waiting.take(batch, self._room - self.waiting.rows))
            if self.waiting.fullness >= 1 or self.waiting.rows == self._room:
                self.write_row_group()

    def write_row_group(self) -> None:
        self._room -= self.waiting.rows
        self._current().write(self.waiting.drain())
        if self._room == 0:
            self._finish()

    def close(self) -> list[PartFile]:
        if self.waiting.rows:
            self.write_row_group()
        if self._part or not self._finished:
            self._current()
            self._finish()
        return self._finished

    def abandon(self) -> None:
        if self._part:
            self._part.abandon()

    def _current(self) -> _Part:
        if self._part is None:
            path = f"{self._stem}/part-{len(self._finished):05}.{self._options.extension}"
            file = HashedFile(self._root, path, self._options.file_mode)
            kind = ParquetPart if self._options.format == "parquet" else CsvPart
            self._part = kind(file, self._schema, self._options.effective_compression)
        return self._part

    def _finish(self) -> None:
        self._finished.append(self._current().close())
        self._part = None
        self._room = self._options.rows_per_file


def _split(table: pa.Table, columns: tuple[str, ...]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each partition, without its columns, under its Hive path; in order of first appearance."""
    # One number a row for the combination of all columns' values.
    keys = np.zeros(table.num_rows, np.int64)
    distinct = []
    for name in columns:
        codes = table[name].combine_chunks().cast(pa.string()).dictionary_encode("encode")
        distinct.append(codes.dictionary.to_pylist())
        keys = keys * len(distinct[-1]) + codes.indices.to_numpy()
    rows = table.drop_columns(list(columns))
    for name, values in zip(columns, distinct, strict=True):
        if any(value is not None and _PERSONAL.fullmatch(value) for value in values):
            raise UsageError(f"cannot partition by {name}: a value looks like a person's", "choose another column")
    for key in pa.array(keys).unique().to_numpy():
        codes = np.unravel_index(key, [len(values) for values in distinct])
        path = _hive_path({name: values[i] for name, values, i in zip(columns, distinct, codes, strict=True)})
        chosen = rows.filter(pa.array(keys == key))
        # Not slices: the rows of a small partition wait long, and would keep the dictionaries of all others alive.
        arrays = [canonical(column, column.type) for column in chosen.columns]
        yield path, pa.RecordBatch.from_arrays(arrays, names=chosen.column_names)


def _hive_path(values: dict[str, str | None]) -> str:
    """``status=AKTIV/reservasjon=NEI``, as Hive and all its heirs read it."""
    quoted = {name: _HIVE_NULL if value is None else quote(value, safe="") for name, value in values.items()}
    return "/".join(f"{quote(name, safe='')}={value}" for name, value in quoted.items())
