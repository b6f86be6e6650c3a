"""A digest of a table's content that does not depend on the order or the grouping of its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.util.process import allow_pandas

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NULL = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class ContentDigest:
    """Adds up rows as they come, wherever they come from: files, a database, another machine.

    Each value is hashed to 64 bits by SipHash, as pandas does, whatever type it is stored as; the hashes of a row are
    mixed with the names of the columns, in their order, and the rows' mixes added up. It finds what was lost, doubled,
    changed, renamed or put into another row. It is no protection from someone who looks for rows with the same sum: the
    SHA-256 of a snapshot's files is.
    """

    def __init__(self) -> None:
        allow_pandas()
        self._total = 0
        self.rows = 0
        """How many were added."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; all have the same columns, in the same order."""
        names = _text_hashes(pa.array([json.dumps(batch.schema.names)]))
        mixed = np.repeat(names, batch.num_rows)
        for column in batch.columns:
            mixed = _mix(mixed + _hashes(column))
        self._total = (self._total + int(mixed.sum(dtype=np.uint64))) % 2**64
        self.rows += batch.num_rows

    def hexdigest(self) -> str:
        """Return the sum of all rows as 16 hexadecimal digits."""
        return f"{self._total:016x}"


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finalizer of SplitMix64: every bit depends on all bits, so that sums of rows tell them apart."""
    values = values + _NULL
    values = (values ^ (values >> np.uint64(30))) * _FACTORS[0]
    values = (values ^ (values >> np.uint64(27))) * _FACTORS[1]
    return values ^ (values >> np.uint64(31))


def _hashes(column: pa.Array) -> NDArray[np.uint64]:
    """Return 64 bits for each value; equal values have equal ones, encoded or not."""
    if pa.types.is_dictionary(column.type):
        # One more code, the last: that of null.
        distinct = np.append(_hashes(column.dictionary), _NULL)
        indices = pc.fill_null(column.indices.cast(pa.int64()), len(distinct) - 1)
        return np.asarray(distinct[indices.to_numpy()], np.uint64)
    if pa.types.is_list(column.type):
        texts = [None if value is None else json.dumps(value) for value in column.to_pylist()]
        return _hashes(pa.array(texts, pa.string()))
    hashes = _numbers(column) if _is_number(column.type) else _text_hashes(column)
    return np.where(column.is_null().to_numpy(zero_copy_only=False), _NULL, hashes) if column.null_count else hashes


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_boolean(kind))


def _numbers(column: pa.Array) -> NDArray[np.uint64]:
    """Return the bits of numbers, times, dates and truth values; those of a null are 0."""
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()).view(np.uint64)
    plain = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    whole = plain.cast(pa.int64(), safe=False)  # the largest unsigned numbers become negative: still each its own
    return np.asarray(pc.fill_null(whole, 0).to_numpy()).view(np.uint64)


def _text_hashes(column: pa.Array) -> NDArray[np.uint64]:
    from pandas.util import hash_array  # noqa: PLC0415 - slow to load; see allow_pandas

    return np.asarray(hash_array(column.to_numpy(zero_copy_only=False), categorize=False), np.uint64)
