"""What derived columns are made from: a batch's columns by name, each other, and when persons are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa


class Inputs:
    """A batch, as the makers of derived columns see it.

    Args:
        batch: the records.
        reference: the moment that they are judged at, in microseconds since 1970.
        makers: what makes each derived column, by its name in the catalogue.
    """

    def __init__(
        self, batch: pa.RecordBatch, reference: int, makers: Mapping[str, Callable[[Inputs], pa.Array]]
    ) -> None:
        self._batch = batch
        self._makers = makers
        self._made: dict[str, pa.Array] = {}
        self.reference = reference

    def __getitem__(self, name: str) -> pa.Array:
        """A column of the records."""
        return self._batch.column(name)

    def derived(self, name: str) -> pa.Array:
        """A derived column by its name in the catalogue; made once."""
        if name not in self._made:
            self._made[name] = self._makers[name](self)
        return self._made[name]

    def equals(self, name: str, text: str) -> pa.BooleanArray:
        """Where a column of words is this one; not where it is null."""
        return pc.fill_null(pc.equal(self[name], text), fill_value=False)
