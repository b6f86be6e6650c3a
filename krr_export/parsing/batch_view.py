"""A view of a typed batch for rules and profile: columns by name, and values used by several of them computed once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.identity_numbers import Identities
from krr_export.domain.vocabulary import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INSTANT = pa.timestamp("us", tz="UTC")

NEVER = np.iinfo(np.int64).min
"""Stands for a missing time: older than any other."""


class BatchView:
    """The columns of a batch by name, if they exist and have the type that is asked for.

    Args:
        batch: typed rows; binary columns are dictionary-encoded.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        self._present: dict[str, NDArray[np.bool_]] = {}
        self._micros: dict[str, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def has(self, *names: str) -> bool:
        """Return whether all of these columns exist."""
        return all(name in self._columns for name in names)

    def column(self, name: str) -> pa.Array:
        """Return a column of any type, which must exist."""
        return self._columns[name]

    def texts(self, name: str) -> pa.StringArray | None:
        """Return a column of strings; ``None`` if there is none of that name and type."""
        return self._of_type(name, pa.string())

    def octets(self, name: str) -> pa.DictionaryArray | None:
        """Return a column of binary values, dictionary-encoded; ``None`` if there is none of that name and type."""
        return self._of_type(name, pa.dictionary(pa.int32(), pa.binary()))

    def micros(self, name: str) -> NDArray[np.int64] | None:
        """Return instants in microseconds since 1970, `NEVER` for null; ``None`` if there is no such column."""
        if name not in self._micros:
            column = self._of_type(name, INSTANT)
            if column is None:
                return None
            self._micros[name] = np.where(self.present(name), _numbers(column, pa.int64()), NEVER)
        return self._micros[name]

    def present(self, name: str) -> NDArray[np.bool_]:
        """Return which rows have a value in a column; none of them if there is no such column."""
        if name not in self._present:
            self._present[name] = self._presence(name)
        return self._present[name]

    @cached_property
    def identities(self) -> Identities | None:
        """The parsed identity numbers; ``None`` if there is no column of them."""
        values = self.texts(IDENTIFIER)
        return None if values is None else Identities.parse(values)

    def among(self, name: str, values: Sequence[str]) -> NDArray[np.bool_] | None:
        """Return which strings of a column, enumerated or not, are among these values; ``None`` if there is none."""
        if not self.has(name):
            return None
        column = self.column(name)
        if pa.types.is_dictionary(column.type) and column.type.value_type == pa.string():
            chosen = [value in values for value in column.dictionary.to_pylist()]
            codes = np.where(self.present(name), _numbers(column, column.type.index_type), len(chosen))
            is_chosen: NDArray[np.bool_] = np.array([*chosen, False])[codes]
            return is_chosen
        if column.type != pa.string():
            return None
        return np.asarray(pc.is_in(column, pa.array(values, pa.string())))

    def _presence(self, name: str) -> NDArray[np.bool_]:
        if name not in self._columns:
            return np.zeros(len(self), np.bool_)
        column = self._columns[name]
        bits = column.buffers()[0]
        if bits is None:
            return np.full(len(self), column.null_count == 0)
        end = column.offset + len(column)
        octets = np.frombuffer(bits, np.uint8)
        return np.unpackbits(octets, count=end, bitorder="little")[column.offset :].view(np.bool_)

    def _of_type(self, name: str, kind: pa.DataType) -> pa.Array | None:
        column = self._columns.get(name)
        return column if column is not None and column.type == kind else None


def _numbers(column: pa.Array, kind: pa.DataType) -> NDArray[np.integer]:
    """Return a column's numbers straight from its buffer, with any number for null."""
    values = column.buffers()[1]
    if values is None:  # no rows
        return np.zeros(len(column), f"i{kind.byte_width}")
    return np.frombuffer(values, f"i{kind.byte_width}")[column.offset : column.offset + len(column)]
