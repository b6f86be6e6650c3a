"""What the rules read and what they say: a batch's columns by name, and the rows that break a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Breach:
    """Rows of a batch that break a rule.

    Attributes:
        code: the rule's.
        column: the name of the column concerned.
        rows: int64, in order; at least one.
    """

    code: str
    column: str
    rows: NDArray[np.int64]


def breach(code: str, column: str, broken: pa.BooleanArray | NDArray[np.bool_]) -> Iterator[Breach]:
    """The rows where ``broken`` is true, if there are any."""
    if isinstance(broken, np.ndarray):
        rows: NDArray[np.int64] = np.flatnonzero(broken)
    elif not broken.true_count:
        return
    else:
        rows = np.asarray(pc.indices_nonzero(broken)).astype(np.int64)
    if rows.size:
        yield Breach(code, column, rows)


class Columns:
    """The columns of a batch by name, where they are there and of the type that a rule can judge.

    Args:
        batch: typed rows; binary columns are dictionary-encoded.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._places = {name: place for place, name in enumerate(batch.schema.names)}

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def has(self, *names: str) -> bool:
        """Whether all of these are there."""
        return all(name in self._places for name in names)

    def any(self, name: str) -> pa.Array:
        """A column of whatever type, which must be there."""
        return self._batch.column(self._places[name])

    def texts(self, name: str) -> pa.StringArray | None:
        """A column of strings; ``None`` where there is none of that name and type."""
        return self._of_type(name, pa.string())

    def instants(self, name: str) -> pa.TimestampArray | None:
        """A column of instants in UTC; ``None`` where there is none of that name and type."""
        return self._of_type(name, pa.timestamp("us", tz="UTC"))

    def octets(self, name: str) -> pa.DictionaryArray | None:
        """A column of binary values, dictionary-encoded; ``None`` where there is none of that name and type."""
        return self._of_type(name, pa.dictionary(pa.int32(), pa.binary()))

    def among(self, name: str, values: Sequence[str]) -> pa.BooleanArray | None:
        """Whether each of a column of strings, enumerated or not, is one of these; ``None`` where there is none."""
        if not self.has(name):
            return None
        column = self.any(name)
        listed = pa.array(values, pa.string())
        if column.type == pa.string():
            return pc.is_in(column, listed)
        if not pa.types.is_dictionary(column.type) or column.type.value_type != pa.string():
            return None
        chosen = pc.indices_nonzero(pc.is_in(column.dictionary, listed))
        return pc.is_in(column.indices, chosen.cast(column.type.index_type))

    def _of_type(self, name: str, kind: pa.DataType) -> pa.Array | None:
        if not self.has(name):
            return None
        column = self.any(name)
        return column if column.type == kind else None
