"""Parquet whose bytes depend on the rows alone, and whose footer contains no personal value.

Footers are copied into catalogs and query plans, so only numbers, times and enumerated columns get statistics.
A dictionary page contains values, but it is stored with the data and is read only with the column.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from krr_export.util.dictionaries import ENCODED_BINARY, canonical, is_encoded_binary

if TYPE_CHECKING:
    from collections.abc import Collection

    from krr_export.util.files import HashedFile, PartFile

_SAMPLE_ROWS = 16_384
"""Rows at a table's beginning that decide which columns are dictionary-encoded."""
_EXPANDED_ROWS = 16_384
"""Rows of a dictionary that are expanded at a time: a multiple of the writer's batches, so that pages stay the same."""
_REPEATS = 4
"""A dictionary pays if a value occurs this often on average."""
_LEVELS = {"zstd": 1, "gzip": 6}  # stated, so that a new Arrow's default does not change the bytes


@dataclass(frozen=True)
class ParquetLayout:
    """How the columns of a table are written, the same in all of its files.

    Readers may assume the first file's encodings for all files (fastparquet then reads others as null, without an
    error).
    """

    schema: pa.Schema
    """The columns as readers see them; its metadata is written into each file."""
    written: pa.Schema
    """As written: binary columns with few distinct values are dictionaries."""
    dictionaries: list[str]
    """Parquet paths of the columns that are dictionary-encoded."""

    @classmethod
    def from_rows(cls, rows: pa.Table, schema: pa.Schema) -> ParquetLayout:
        """Choose the layout of a table that begins with ``rows``; a binary column may be dictionary-encoded."""
        fields, paths = [], []
        for column, field in zip(rows.columns, schema, strict=True):
            is_dictionary = _dictionary_pays(column)
            if is_dictionary:
                paths.append(f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name)
            is_encoded = is_dictionary and pa.types.is_binary(field.type)
            fields.append(field.with_type(ENCODED_BINARY) if is_encoded else field)
        return cls(schema, pa.schema(fields), paths)

    def table(self, group: pa.Table) -> pa.Table:
        """Convert the columns of ``group`` to the written types, with chunks that do not depend on the input's."""
        arrays = [_rechunk(column, field.type) for column, field in zip(group.columns, self.written, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.written)


class ParquetPart:
    """One Parquet file being written.

    Args:
        file: receives the bytes.
        layout: how the columns of all files of the table are written.
        compression: ``zstd``, ``snappy``, ``gzip`` or ``none``.
        named: columns of text whose values the footer may contain: the file's name contains them too.
    """

    def __init__(self, file: HashedFile, layout: ParquetLayout, compression: str, named: Collection[str] = ()) -> None:
        self._file = file
        self._layout = layout
        self._compression = compression
        self._named = named
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def write(self, group: pa.Table) -> None:
        """Append ``group`` as one row group; a binary column may be dictionary-encoded.

        Raises:
            OutputError: the disk is full or failing.
        """
        group = self._layout.table(group)  # the same name: the input is freed before writing
        self._open_writer().write_table(group, row_group_size=group.num_rows)
        self._rows += group.num_rows

    def close(self) -> PartFile:
        """Write the footer and finish the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        writer = self._open_writer()
        writer.add_key_value_metadata(self._metadata())
        writer.close()
        return self._file.finish(self._rows)

    def abandon(self) -> None:
        """Close without finishing the file; never raises."""
        self._file.abandon()
        if self._writer:
            # It writes a footer even now (which is discarded); left to the garbage collector, it would do so later.
            with suppress(Exception):
                self._writer.close()

    def _open_writer(self) -> pq.ParquetWriter:
        if self._writer is None:
            fields = self._layout.schema
            counted = [field.name for field in fields if _may_have_statistics(field.type) or field.name in self._named]
            self._writer = pq.ParquetWriter(
                pa.PythonFile(self._file, mode="w"),
                self._layout.written,
                compression=self._compression,
                compression_level=_LEVELS.get(self._compression),
                use_dictionary=self._layout.dictionaries,
                write_statistics=counted,
                write_page_index=True,
                store_schema=False,  # see _metadata
            )
        return self._writer

    def _metadata(self) -> dict[str | bytes, bytes]:
        """Return the schema's own metadata, and the schema itself under the key that Arrow's readers look for.

        The writer would store the written types instead, and readers would get dictionaries where the schema says
        binary. (``ARROW:schema``: Arrow's C++ docs, "Parquet", "Roundtripping Arrow types".)
        """
        schema = self._layout.schema
        serialized = base64.b64encode(schema.serialize().to_pybytes())
        return {**(schema.metadata or {}), "ARROW:schema": serialized}


def _rechunk(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Cast the values to ``kind`` in one chunk; a dictionary that does not pay is large, and gives many small ones."""
    if not is_encoded_binary(column.type) or is_encoded_binary(kind):
        return canonical(column, kind)
    starts = range(0, len(column), _EXPANDED_ROWS)
    return pa.chunked_array([canonical(column.slice(start, _EXPANDED_ROWS), kind) for start in starts], kind)


def _dictionary_pays(column: pa.ChunkedArray) -> bool:
    """Return whether a dictionary pays: always for enumerations; for text and bytes if the first rows repeat values."""
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
    """Return whether the type is a number, a time or an enumeration; never one that could name a person."""
    return not (pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_nested(kind))
