"""The second look: the rows that may have changed, compared value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.changes.columns import CHANGE, CHANGED, CHANGED_ROW, DELETED_ROW, GONE, KINDS, NEW, OCCURRENCE
from krr_export.changes.key_codes import key_codes
from krr_export.domain.vocabulary import DELETED, IDENTIFIER, STATUS
from krr_export.schema.record_schema import ORDINAL
from krr_export.util.dictionaries import ENCODED_BINARY, canonical, is_encoded_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from krr_export.changes.columns import ComparedColumns
    from krr_export.changes.counts import ChangeCounts

KEYS_AT_A_TIME = 1 << 17
"""The number of keys in a portion, whose rows are in memory together. Each portion reads both tables once."""
_ABSENT = -1
"""In place of a row's number: this table has no such row."""


class _Pairs(NamedTuple):
    """The rows of one key and occurrence in both tables, by their numbers there; or `_ABSENT`."""

    old: NDArray[np.int64]
    new: NDArray[np.int64]
    occurrence: NDArray[np.int64]


def find_differences(
    candidates: NDArray[np.uint64],
    old: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
    new: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
    columns: ComparedColumns,
    counts: ChangeCounts,
) -> Iterator[pa.Table]:
    """Yield the rows of the table of changes, sorted by key, in portions.

    Args:
        candidates: the codes of the keys to compare, sorted.
        old: reads the earlier table, and yields its rows with the given columns.
        new: reads the later table.
        columns: how they are compared.
        counts: receives the numbers of changes.
    """
    for start in range(0, len(candidates), KEYS_AT_A_TIME):
        wanted = candidates[start : start + KEYS_AT_A_TIME]
        before = _rows_of(wanted, old(columns.common), columns.common, columns)
        now = _rows_of(wanted, new(columns.schema.names), columns.schema.names, columns)
        yield _Portion(before, now, columns).compare(counts)


def _rows_of(
    wanted: NDArray[np.uint64], batches: Iterable[pa.RecordBatch], names: Sequence[str], columns: ComparedColumns
) -> pa.Table:
    """Return the rows of the keys with these codes."""
    schema = pa.schema([pa.field(name, _held_type(columns.schema.field(name).type)) for name in names])
    found = []
    for batch in batches:
        codes = key_codes(batch.column(IDENTIFIER))
        places = np.minimum(np.searchsorted(wanted, codes), len(wanted) - 1)
        chosen = batch.filter(pa.array(wanted[places] == codes))
        if chosen.num_rows:
            # A dictionary is reduced to the values in use: otherwise that of a whole row group would stay in memory.
            columns_and_types = zip(chosen.columns, schema.types, strict=True)
            arrays = [canonical(pa.chunked_array([column]), kind) for column, kind in columns_and_types]
            found.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(found, schema)


def _held_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column while its rows are compared: enumerations are text, binary is encoded."""
    if pa.types.is_binary(kind) or is_encoded_binary(kind):
        return ENCODED_BINARY
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class _Portion:
    """The rows of some keys in both tables, paired by key and occurrence.

    Args:
        old: rows of the earlier table.
        new: rows of the later table.
        columns: how they are compared.
    """

    def __init__(self, old: pa.Table, new: pa.Table, columns: ComparedColumns) -> None:
        self._old = old.unify_dictionaries().combine_chunks()
        self._new = new.unify_dictionaries().combine_chunks()
        self._columns = columns
        self._pairs = _pair(old, new)

    def compare(self, counts: ChangeCounts) -> pa.Table:
        """Return the rows of the table of changes, and count them."""
        is_new, is_gone = self._pairs.old == _ABSENT, self._pairs.new == _ABSENT
        in_both = ~is_new & ~is_gone
        differs = np.zeros((len(in_both), len(self._columns.compared)), np.bool_)
        for i, name in enumerate(self._columns.compared):
            before, now = self._before(name), self._now(name)
            differs[:, i] = in_both & _differ(before, now)
            counts.add_column(name, before, now, differs[:, i], has_listed_values=self._has_listed_values(name))
        kinds = np.select([is_new, is_gone], [KINDS.index(NEW), KINDS.index(GONE)], KINDS.index(CHANGED_ROW))
        kinds[self._is_deleted(differs)] = KINDS.index(DELETED_ROW)
        is_shown = ~in_both | differs.any(axis=1)
        counts.kinds.update(KINDS[kind] for kind in kinds[is_shown])
        return self._table(kinds, differs).filter(pa.array(is_shown))

    def _before(self, name: str) -> pa.Array:
        """Return the earlier values of a column, pair by pair; null where there is no earlier row."""
        return _take(self._old[name], self._pairs.old)

    def _now(self, name: str) -> pa.Array:
        """Return the later values of a column, pair by pair; null where there is no later row."""
        return _take(self._new[name], self._pairs.new)

    def _has_listed_values(self, name: str) -> bool:
        kind = self._columns.schema.field(name).type
        return bool(pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type))

    def _is_deleted(self, differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where the status has become `DELETED`."""
        if STATUS not in self._columns.compared:
            return np.zeros(len(differs), np.bool_)
        is_now: NDArray[np.bool_] = pc.is_in(self._now(STATUS), pa.array([DELETED])).to_numpy(zero_copy_only=False)
        return is_now & differs[:, self._columns.compared.index(STATUS)]

    def _table(self, kinds: NDArray[np.int64], differs: NDArray[np.bool_]) -> pa.Table:
        """Return a row of the table of changes for each pair, also for those without a change."""
        names = pa.array(self._columns.compared, pa.string())
        offsets = np.concatenate([[0], np.cumsum(differs.sum(axis=1))]).astype(np.int32)
        arrays = {
            CHANGE.name: pa.DictionaryArray.from_arrays(pa.array(kinds, pa.int8()), pa.array(KINDS)),
            OCCURRENCE.name: pa.array(self._pairs.occurrence, pa.int32()),
            CHANGED.name: pa.ListArray.from_arrays(offsets, names.take(pa.array(np.nonzero(differs)[1])), CHANGED.type),
            **{name: self._shown(name) for name in self._columns.schema.names},
        }
        schema = self._columns.changes_schema()
        return pa.Table.from_arrays([arrays[name] for name in schema.names], names=schema.names)

    def _shown(self, name: str) -> pa.Array:
        """Return the later values of a column, and the last ones of rows that are gone."""
        now = self._now(name)
        if name in self._columns.missing:
            return now
        before, now = pa.chunked_array([self._before(name), now]).unify_dictionaries().chunks
        return pc.if_else(pa.array(self._pairs.new == _ABSENT), before, now)


def _pair(old: pa.Table, new: pa.Table) -> _Pairs:
    """Pair the rows of both tables by key and occurrence, sorted by them."""
    texts = pa.concat_arrays([*old[IDENTIFIER].chunks, *new[IDENTIFIER].chunks]).dictionary_encode()
    places = np.empty(len(texts.dictionary), np.int64)
    places[_sorted(texts.dictionary)] = np.arange(len(places))
    keys = places[texts.indices.to_numpy()]
    keys_old, keys_new = keys[: old.num_rows], keys[old.num_rows :]
    occurrence_old, occurrence_new = (
        _number_occurrences(keys_old, old[ORDINAL.name]),
        _number_occurrences(keys_new, new[ORDINAL.name]),
    )
    most = len(keys) + 1  # larger than any occurrence, so that key and occurrence fit in one number
    rows_old, rows_new = keys_old * most + occurrence_old, keys_new * most + occurrence_new
    all_rows = np.union1d(rows_old, rows_new)
    return _Pairs(_find(all_rows, rows_old), _find(all_rows, rows_new), all_rows % most)


def _sorted(keys: pa.Array) -> NDArray[np.int64]:
    """Return the order of distinct keys: by code first, so that it does not depend on the portions."""
    text_order = pc.sort_indices(keys).to_numpy()
    in_order: NDArray[np.int64] = text_order[np.argsort(key_codes(keys)[text_order], kind="stable")]
    return in_order


def _number_occurrences(keys: NDArray[np.int64], ordinals: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return each row's occurrence: the rows of a key are numbered from 1, by their place in the export."""
    order = np.lexsort((ordinals.to_numpy(), keys))
    in_order = keys[order]
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.arange(len(keys)) - np.searchsorted(in_order, in_order) + 1
    return numbers


def _find(all_rows: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each of ``all_rows`` in ``rows``, or `_ABSENT`."""
    places = np.full(len(all_rows), _ABSENT, np.int64)
    places[np.searchsorted(all_rows, rows)] = np.arange(len(rows))
    return places


def _take(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.Array:
    """Return the values of these rows; null for `_ABSENT`."""
    return column.combine_chunks().take(pa.array(rows, mask=rows == _ABSENT))


def _differ(before: pa.Array, now: pa.Array) -> NDArray[np.bool_]:
    """Return where two columns differ; a value differs from null."""
    if pa.types.is_dictionary(before.type):
        codes = pa.chunked_array([before, now]).unify_dictionaries()
        before, now = (chunk.indices for chunk in codes.chunks)
    has_other_value = pc.fill_null(pc.not_equal(before, now), fill_value=False)
    differs = pc.or_(has_other_value, pc.xor(before.is_null(), now.is_null()))
    found: NDArray[np.bool_] = differs.to_numpy(zero_copy_only=False)
    return found
