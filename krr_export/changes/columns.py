"""Which columns of two tables are compared, and the schema of the table of changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import UsageError
from krr_export.schema.record_schema import ORDINAL, ORDINAL_FIELD, Facets, Field, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from krr_export.schema.record_schema import RecordSchema

NEW, CHANGED_ROW, DELETED_ROW, GONE = KINDS = ("ny", "endret", "slettet", "borte")
"""A new row; a row with other values; a row whose status became `DELETED`; a row that is gone, with its last values."""

_CHANGE = Field(
    "endring",
    pa.dictionary(pa.int8(), pa.string()),
    "What happened to the person since the snapshot before: new (ny), changed (endret), deleted (slettet) or gone"
    " (borte; the row has the last values).",
    privacy="personal",
    facets=Facets(enumeration=KINDS),
)
_OCCURRENCE = Field(
    "forekomst",
    pa.int32(),
    "Which of the rows with this identity number it is, from 1: the numbers should be unique, and are not always.",
    privacy="none",
)
_CHANGED = Field(
    "endrede_kolonner",
    pa.list_(pa.field("element", pa.string(), nullable=False)),
    "The names of the columns whose values differ, where the person was changed or deleted; otherwise empty.",
    privacy="personal",
)
CHANGE, OCCURRENCE, CHANGED = _CHANGE.arrow, _OCCURRENCE.arrow, _CHANGED.arrow


def changes_table(schema: RecordSchema, derived: Iterable[Field] = ()) -> Table:
    """Return what the table of changes is in a store: all its snapshots have the same columns.

    Args:
        schema: the record schema.
        derived: derived columns.
    """
    persons = [ORDINAL_FIELD, *schema.fields, *derived]
    identifiers = [field for field in persons if field.name == IDENTIFIER]
    others = [field for field in persons if field.name != IDENTIFIER]
    about = "What changed since the snapshot before: a row for each person who is new, changed, deleted or gone."
    return Table("changes", about, (_CHANGE, *identifiers, _OCCURRENCE, _CHANGED, *others))


@dataclass(frozen=True)
class Ignored:
    """Ignored columns: a row in which only they differ counts as unchanged.

    Attributes:
        columns: their names.
        times: whether all columns of times are ignored too.
    """

    columns: tuple[str, ...] = ()
    times: bool = False


@dataclass(frozen=True)
class ComparedColumns:
    """How the columns of two tables of persons are compared.

    Attributes:
        schema: the columns of the later table, as the table of changes shows them.
        compared: the names of the columns in which a difference makes a row changed.
        missing: columns of the later table that the earlier one lacks: they are shown, and not compared.
        dropped: columns of the earlier table that the later one lacks: they are not shown.
        ignored: columns of both tables that the user ignores.
    """

    schema: pa.Schema
    compared: tuple[str, ...]
    missing: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def common(self) -> list[str]:
        """The columns that both tables have, in the later one's order."""
        return [name for name in self.schema.names if name not in self.missing]

    def changes_schema(self, metadata: Mapping[str, str] | None = None) -> pa.Schema:
        """Return the schema of the table of changes: kind, key, occurrence, changed columns, then all columns."""
        others = [column for column in self.schema if column.name != IDENTIFIER]
        nullable = [column.with_nullable(nullable=True) if column.name in self.missing else column for column in others]
        return pa.schema([CHANGE, self.schema.field(IDENTIFIER), OCCURRENCE, CHANGED, *nullable], metadata)


def compare_columns(
    old: pa.Schema,
    new: pa.Schema,
    *,
    judged: Iterable[str] = (),
    ignored: Ignored = Ignored(),
) -> ComparedColumns:
    """Decide which columns of two tables are compared.

    Args:
        old: the columns of the earlier table.
        new: the columns of the later table.
        judged: derived columns whose values depend on the day.
        ignored: columns that the user ignores.

    Raises:
        UsageError: a table has no identity numbers, a column has two types, or there is no such column to ignore.
    """
    for schema in (old, new):
        if IDENTIFIER not in schema.names:
            raise UsageError(f"there is no column {IDENTIFIER} to compare by", "it was left out by --columns or --drop")
    if unknown := [name for name in ignored.columns if name not in (*old.names, *new.names)]:
        raise UsageError(
            f"--ignore names what is no column: {', '.join(unknown)}", f"the columns are {', '.join(new.names)}"
        )
    if IDENTIFIER in ignored.columns:
        raise UsageError(f"--ignore {IDENTIFIER}: rows are compared by it", "ignore other columns")
    common = [name for name in new.names if name in old.names]
    retyped = [name for name in common if _value_type(old.field(name).type) != _value_type(new.field(name).type)]
    if unlike := [name for name in retyped if name not in ignored.columns]:
        raise UsageError(f"the column {unlike[0]} has another type in each snapshot", f"--ignore {unlike[0]}")
    times = [name for name in common if ignored.times and pa.types.is_timestamp(new.field(name).type)]
    excluded = {ORDINAL.name, IDENTIFIER, *judged, *ignored.columns, *times}
    return ComparedColumns(
        new.remove_metadata(),
        tuple(name for name in common if name not in excluded),
        missing=tuple(name for name in new.names if name not in old.names or name in retyped),
        dropped=tuple(name for name in old.names if name not in new.names),
        ignored=tuple(name for name in common if name in {*ignored.columns, *times}),
    )


def _value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values, without dictionary encoding."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
