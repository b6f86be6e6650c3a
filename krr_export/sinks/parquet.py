"""Parquet whose bytes depend on the rows alone, and whose footer says nothing of any person.

Footers are copied into catalogs and query plans, so only numbers, times and enumerated columns get statistics.
A dictionary page holds values, but it lies among the data and is read only by who reads the column.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from krr_export.sinks.dictionaries import ENCODED_BINARY, canonical, is_encoded_binary

if TYPE_CHECKING:
    from krr_export.files import HashedFile, PartFile

_SAMPLE_ROWS = 16_384
"""Rows of a file's first row group that decide which columns are dictionary-encoded."""
_EXPANDED_ROWS = 16_384
"""Rows of a dictionary that are expanded at a time: a multiple of the writer's batches, so that pages stay the same."""
_REPEATS = 4
"""A dictionary pays where a value occurs this often on average."""
_LEVELS = {"zstd": 1, "gzip": 6}  # stated, so that a new Arrow's default does not change the bytes


class ParquetPart:
    """One Parquet file being written.

    Args:
        file: Where the bytes go.
        schema: The file's columns as readers shall see them; its metadata is kept in the file.
        compression: ``zstd``, ``snappy``, ``gzip`` or ``none``.
    """

    def __init__(self, file: HashedFile, schema: pa.Schema, compression: str) -> None:
        self._file = file
        self._schema = schema
        self._compression = compression
        self._started: tuple[_Layout, pq.ParquetWriter] | None = None
        self._rows = 0

    def write(self, group: pa.Table) -> None:
        """Append ``group`` as one row group; a binary column may come dictionary-encoded.

        Raises:
            OutputError: The disk is full or failing.
        """
        layout, writer = self._start(group)
        group = layout.table(group)  # what it was made of is not kept meanwhile
        writer.write_table(group, row_group_size=group.num_rows)
        self._rows += group.num_rows

    def close(self) -> PartFile:
        """Write the footer and finish the file.

        Raises:
            OutputError: The disk is full or failing.
        """
        _, writer = self._start(self._schema.empty_table())
        writer.add_key_value_metadata(self._metadata())
        writer.close()
        return self._file.finish(self._rows)

    def abandon(self) -> None:
        """Close without a promise; never raises."""
        self._file.abandon()
        if self._started:
            # It writes a footer even now (into nothing); left to the garbage collector, it would do so later.
            with suppress(Exception):
                self._started[1].close()

    def _start(self, group: pa.Table) -> tuple[_Layout, pq.ParquetWriter]:
        """The layout and the writer; the first row group decides on them."""
        if self._started is None:
            layout = _Layout.of(group, self._schema)
            self._started = layout, self._open(layout)
        return self._started

    def _open(self, layout: _Layout) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            pa.PythonFile(self._file, mode="w"),
            layout.schema,
            compression=self._compression,
            compression_level=_LEVELS.get(self._compression),
            use_dictionary=layout.dictionaries,
            write_statistics=[field.name for field in self._schema if _may_have_statistics(field.type)],
            write_page_index=True,
            store_schema=False,  # see _metadata
        )

    def _metadata(self) -> dict[str | bytes, bytes]:
        """The schema's own metadata, and the schema itself where Arrow's readers look for it.

        Not left to the writer: it would store the types that are written, and readers would be handed dictionaries
        where the schema says binary. (``ARROW:schema``: Arrow's C++ docs, "Parquet", "Roundtripping Arrow types".)
        """
        serialized = base64.b64encode(self._schema.serialize().to_pybytes())
        return {**(self._schema.metadata or {}), "ARROW:schema": serialized}


@dataclass(frozen=True)
class _Layout:
    """How the columns of one file are written; its first row group decides."""

    schema: pa.Schema
    """As written: the logical schema, but binary columns with few distinct values are dictionaries."""
    dictionaries: list[str]
    """Parquet paths of the columns that are dictionary-encoded."""

    @classmethod
    def of(cls, group: pa.Table, schema: pa.Schema) -> _Layout:
        """The layout that suits the rows of ``group``."""
        fields, paths = [], []
        for column, field in zip(group.columns, schema, strict=True):
            repeats = _repeats(column)
            if repeats:
                paths.append(f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name)
            is_encoded = repeats and pa.types.is_binary(field.type)
            fields.append(field.with_type(ENCODED_BINARY) if is_encoded else field)
        return cls(pa.schema(fields), paths)

    def table(self, group: pa.Table) -> pa.Table:
        """The columns of ``group`` in the types that are written, cut at the same rows however they arrived."""
        arrays = [_recut(column, field.type) for column, field in zip(group.columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _recut(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """The same values as ``kind``: one chunk; of a dictionary that does not pay, which is large, many small ones."""
    if not is_encoded_binary(column.type) or is_encoded_binary(kind):
        return canonical(column, kind)
    starts = range(0, len(column), _EXPANDED_ROWS)
    return pa.chunked_array([canonical(column.slice(start, _EXPANDED_ROWS), kind) for start in starts], kind)


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a dictionary pays: always for enumerations, for text and bytes if the first rows repeat themselves."""
    sample = column.slice(0, _SAMPLE_ROWS)
    if pa.types.is_list(sample.type):
        sample = pc.list_flatten(sample)
    if is_encoded_binary(sample.type):
        sample = sample.cast(pa.binary())
    if pa.types.is_dictionary(sample.type):
        return True
    if not pa.types.is_string(sample.type) and not pa.types.is_binary(sample.type):
        return False
    sample = sample.drop_null()
    return len(sample.unique()) * _REPEATS <= len(sample)


def _may_have_statistics(kind: pa.DataType) -> bool:
    """Numbers, times and enumerations; never what could name a person."""
    return not (pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_nested(kind))
