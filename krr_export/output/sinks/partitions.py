"""Partitioning: the part files that a row belongs to, by its values in the partition columns.

The values stay in the files. A file's name helps people and globs to find it; it is never parsed. So no reader guesses
a type, null or directory levels from a path, and a value that must not be in a file name is not lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.util.dictionaries import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER = "other"
"""The label of all values that must not be in a file name."""
_NULL = "null"
_ORGANISATION = "^[0-9]{9}$"
"""The form of an organisation number. Any other text that the XSD does not list may be a person's: a faulty export may
have identity numbers, telephone numbers, addresses and names in any column."""
_LABEL_LENGTH = 40
_STEM_LENGTH = 180
"""File systems allow 255 bytes in a name. Values with the same truncated name share their files."""


class PartitionRows(NamedTuple):
    """Rows of a table that belong to the same part files."""

    stem: str
    """Part of the files' names; some combinations of odd values have the same one."""
    others: tuple[str, ...]
    """Columns whose values must not be in a file name."""
    named: tuple[str, ...]
    """Columns of text whose one value is in the name in full."""
    rows: pa.RecordBatch


def split(table: pa.Table, columns: tuple[str, ...]) -> Iterator[PartitionRows]:
    """Yield the rows of each combination of values in ``columns``, in order of first appearance."""
    # One number for each row: the combination of all columns' labels.
    keys = np.zeros(table.num_rows, np.int64)
    distinct: list[list[str]] = []
    for name in columns:
        codes = _labels(table[name]).dictionary_encode()
        distinct.append(codes.dictionary.to_pylist())
        keys = keys * len(distinct[-1]) + codes.indices.to_numpy()
    texts = {name for name in columns if pa.types.is_string(table[name].type)}
    for key in pa.array(keys).unique().to_numpy():
        codes = np.unravel_index(key, [len(labels) for labels in distinct])
        labels = {name: distinct_labels[i] for name, distinct_labels, i in zip(columns, distinct, codes, strict=True)}
        stem = "-".join(f"{name}.{_file_name_part(label)}" for name, label in labels.items())
        others = tuple(name for name in columns if name in texts and labels[name] == OTHER)
        named = tuple(name for name in columns if name in texts - {*others} and len(stem) < _STEM_LENGTH)
        chosen = table.filter(pa.array(keys == key))
        # Not slices: a small partition is buffered for long, and would keep the dictionaries of all others alive.
        arrays = [canonical(column, column.type) for column in chosen.columns]
        rows = pa.RecordBatch.from_arrays(arrays, names=chosen.column_names)
        yield PartitionRows(stem[:_STEM_LENGTH], others, named, rows)


def _labels(column: pa.ChunkedArray) -> pa.StringArray:
    """Return each value's label: the value if the schema lists it or it looks like an organisation number."""
    text = column.cast(pa.string()).combine_chunks()
    if pa.types.is_string(column.type):
        text = pc.if_else(pc.match_substring_regex(text, _ORGANISATION), text, OTHER)
    return text.fill_null(_NULL)


def _file_name_part(label: str) -> str:
    """Return a label that any file system and any reader accepts in a file name."""
    return re.sub(r"[^0-9A-Za-z_-]", "_", label)[:_LABEL_LENGTH]
