"""The breaches of rules in a few rows, written as dictionaries: rows of the table, typed as parsing types them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from krr_export.parsing.batch_view import BatchView
from krr_export.rules.judge import Judge
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

EXPORTED = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC)

Row = Mapping[str, object]


class Breach(NamedTuple):
    """A row that breaks a rule."""

    row: int
    code: str
    column: str


def breaches(*rows: Row, exported: datetime = EXPORTED, columns: Sequence[str] | None = None) -> list[Breach]:
    """The breaches of rules in these rows, row by row; absent columns are null.

    Args:
        rows: values by column.
        exported: when the export was made.
        columns: those that the table has; by default all of version 14-05.
    """
    found = Judge(exported).find_violations(BatchView(batch_of(rows, columns)))
    return sorted(Breach(int(row), breach.code, breach.column) for breach in found for row in breach.rows)


def codes(*rows: Row, exported: datetime = EXPORTED) -> list[set[str]]:
    """The codes of each row."""
    found = breaches(*rows, exported=exported)
    return [{breach.code for breach in found if breach.row == row} for row in range(len(rows))]


def batch_of(rows: Sequence[Row], columns: Sequence[str] | None = None) -> pa.RecordBatch:
    """Rows as a batch, binary columns dictionary-encoded, as parsing gives them."""
    fields = [field for field in schema().arrow if columns is None or field.name in columns]
    arrays = []
    for field in fields:
        kind = pa.dictionary(pa.int32(), pa.binary()) if field.type == pa.binary() else field.type
        values = [row.get(field.name) for row in rows]
        if kind == field.type and pa.types.is_dictionary(kind):
            listed = next(f.facets.enumeration for f in schema().fields if f.name == field.name)
            indices = [None if value is None else listed.index(str(value)) for value in values]
            arrays.append(pa.DictionaryArray.from_arrays(pa.array(indices, kind.index_type), pa.array(listed)))
        else:
            arrays.append(pa.array(values, kind))
    return pa.RecordBatch.from_arrays(arrays, names=[field.name for field in fields])


@cache
def schema() -> RecordSchema:
    """Version 14-05."""
    return load_schema("14-05")
