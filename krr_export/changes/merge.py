"""Merging of changed persons into a table of persons, which gives the next state of the register."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.vocabulary import ACTIVE, DELETED, IDENTIFIER, STATUS
from krr_export.schema.record_schema import ORDINAL
from krr_export.util.dictionaries import ENCODED_BINARY, canonical

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from krr_export.schema.record_schema import RecordSchema


class Merger:
    """Replaces the rows of changed persons, and appends those of new ones.

    Rows keep their place and number. Where a table has several rows of a person who changed, the first is replaced, and
    the others go: a person has one state.

    Args:
        changed: the latest state of each person who changed, once each, in the columns and types of `conform`.
        kept: columns that the pages do not contain: an active person keeps the values of the table.
    """

    def __init__(self, changed: pa.Table, kept: Collection[str] = ()) -> None:
        self._changed = changed.unify_dictionaries().combine_chunks()
        self._keys = self._changed[IDENTIFIER].combine_chunks()
        self._kept = frozenset(kept)
        self._is_used = np.zeros(changed.num_rows, np.bool_)
        self._highest = 0
        self.ordinals = np.zeros(changed.num_rows, np.int64)
        """After the merge, the row numbers of the changed persons in the result."""
        self.removed = 0
        """The number of rows removed because an earlier row is of the same person."""

    def merge(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of the table, with those of persons who changed replaced."""
        ordinals = batch.column(ORDINAL.name).to_numpy()
        self._highest = max(self._highest, int(ordinals.max(initial=0)))
        found = pc.index_in(batch.column(IDENTIFIER), self._keys)
        at = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
        if not len(at):
            return batch
        rows = found.drop_null().to_numpy()
        _, first = np.unique(rows, return_index=True)
        is_first = np.zeros(len(rows), np.bool_)
        is_first[first] = True
        is_first &= ~self._is_used[rows]
        self._is_used[rows] = True
        self.removed += int(np.count_nonzero(~is_first))
        self.ordinals[rows[is_first]] = ordinals[at[is_first]]
        replaced = np.arange(batch.num_rows)
        replaced[at[is_first]] = batch.num_rows + np.arange(np.count_nonzero(is_first))
        return self._choose(batch, rows[is_first], replaced, at[~is_first])

    def rest(self) -> pa.RecordBatch:
        """Return the rows of the new persons, numbered on from the highest number in the table."""
        new = self._changed.filter(pa.array(~self._is_used)).combine_chunks()
        ordinals = np.arange(self._highest + 1, self._highest + 1 + new.num_rows)
        self.ordinals[~self._is_used] = ordinals
        return _as_batch(new.set_column(0, new.schema.field(0), pa.array(ordinals, ORDINAL.type)))

    @property
    def new(self) -> int:
        """After the merge, the number of persons that the table does not have."""
        return int(np.count_nonzero(~self._is_used))

    def _choose(
        self,
        batch: pa.RecordBatch,
        rows: NDArray[np.int64],
        replaced: NDArray[np.int64],
        removed: NDArray[np.int64],
    ) -> pa.RecordBatch:
        """Return the rows of a batch, some replaced and some removed.

        Args:
            batch: rows of the table.
            rows: the rows of ``changed`` that replace some of them.
            replaced: for each row of the batch, the index of its successor in the batch followed by ``rows``.
            removed: the indices of the rows to remove.
        """
        own, chosen = np.delete(np.arange(batch.num_rows), removed), np.delete(replaced, removed)
        both = pa.concat_tables([pa.Table.from_batches([batch]), self._changed.take(pa.array(rows))])
        both = both.unify_dictionaries().combine_chunks()
        result = both.take(pa.array(chosen))
        result = result.set_column(0, result.schema.field(0), batch.column(0).take(pa.array(own)))
        for name in self._kept:
            index = result.schema.get_field_index(name)
            is_active = pc.fill_null(pc.equal(result[STATUS], ACTIVE), fill_value=False)
            places = np.where(is_active.to_numpy(), own, chosen)
            result = result.set_column(index, result.schema.field(index), both[name].take(pa.array(places)))
        return _as_batch(result)


def count_deleted(changed: pa.Table) -> int:
    """Return how many of these persons are deleted."""
    return int(pc.sum(pc.equal(changed[STATUS], DELETED)).as_py() or 0) if STATUS in changed.schema.names else 0


def conform(batch: pa.RecordBatch, schema: RecordSchema, names: Collection[str]) -> pa.RecordBatch:
    """Convert rows to the types that an export's rows have while they are read.

    Args:
        batch: rows of a snapshot or of an export.
        schema: of a record: enumerated columns get its values, in their order.
        names: the columns to return, in the schema's order.
    """
    kinds = {field.name: field for field in schema.fields}
    columns = [ORDINAL.name, *(field.name for field in schema.fields if field.name in names)]
    arrays = [batch.column(ORDINAL.name)]
    for name in columns[1:]:
        field, column = kinds[name], pa.chunked_array([batch.column(name)])
        if pa.types.is_binary(field.arrow_type):
            arrays.append(canonical(column, ENCODED_BINARY))
        elif field.facets.enumeration and pa.types.is_dictionary(field.arrow_type):
            listed = pa.array(field.facets.enumeration, pa.string())
            codes = pc.index_in(canonical(column, pa.string()), listed).cast(field.arrow_type.index_type)
            arrays.append(pa.DictionaryArray.from_arrays(codes, listed))
        else:
            arrays.append(canonical(column, field.arrow_type))
    return pa.RecordBatch.from_arrays(arrays, names=columns)


def _as_batch(table: pa.Table) -> pa.RecordBatch:
    table = table.combine_chunks()
    return pa.RecordBatch.from_arrays(
        [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns],
        names=table.schema.names,
    )
