"""Inputs of derived columns: a batch's columns by name, other derived columns, and the time of judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa


class Inputs:
    """A batch for the functions that make derived columns.

    Args:
        batch: the records.
        reference: the moment at which they are judged, in microseconds since 1970.
        makers: the function for each derived column, by its name in the catalogue.
    """

    def __init__(
        self, batch: pa.RecordBatch, reference: int, makers: Mapping[str, Callable[[Inputs], pa.Array]]
    ) -> None:
        self._batch = batch
        self._makers = makers
        self._made: dict[str, pa.Array] = {}
        self.reference = reference

    def __getitem__(self, name: str) -> pa.Array:
        """Return a column of the records."""
        return self._batch.column(name)

    def derived(self, name: str) -> pa.Array:
        """Return a derived column by its name in the catalogue; it is made once."""
        if name not in self._made:
            self._made[name] = self._makers[name](self)
        return self._made[name]

    def equals(self, name: str, text: str) -> pa.BooleanArray:
        """Return whether each value of a column of words equals this one; a null does not."""
        return pc.fill_null(pc.equal(self[name], text), fill_value=False)
