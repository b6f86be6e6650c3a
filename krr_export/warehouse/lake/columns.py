"""The columns of a table over pushed snapshots: those of all in it; and what of them a table's log may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.errors import UsageError
from krr_export.schema.record_schema import DESCRIPTION, IDENTIFYING

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMENT = b"comment"
"""The key of what readers of Delta show beside a column."""
_DOC = b"doc"
"""The same for Iceberg."""


def table_columns(persons: pa.Schema) -> pa.Schema:
    """Return the columns that a table has for persons. All may be null: a night may lack one that others have."""
    return pa.schema([pa.field(field.name, _plain(field.type), metadata=_comment(field)) for field in persons])


def union(newest: pa.Schema, other: pa.Schema, name: str) -> pa.Schema:
    """Return the columns of both; each file of a table gives null for those that it lacks.

    Args:
        newest: whose columns come first.
        other: the columns that are there.
        name: of the snapshot that has the former, for the message.

    Raises:
        UsageError: a column is of two types.
    """
    for field in newest:
        if field.name in other.names and other.field(field.name).type != field.type:
            raise UsageError(
                f"the column {field.name} of {name} is of another type than in the table",
                "push this store to a place of its own",
            )
    return pa.schema([*newest, *(field for field in other if field.name not in newest.names)])


def may_be_in_log(field: pa.Field) -> bool:
    """Return whether the least and the greatest value of a column may be known to whoever may list the table.

    Numbers, times and enumerations may, as in the files' own footers; text and bytes never, nor what identifies.
    """
    if (field.metadata or {}).get(IDENTIFYING.encode()) == b"true":
        return False
    kind = field.type
    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return bool(pa.types.is_integer(kind) or is_time or pa.types.is_dictionary(kind))


def allowed_names(persons: pa.Schema) -> Iterable[str]:
    """Return the names of the columns that may have statistics in the log."""
    return [field.name for field in persons if may_be_in_log(field)]


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _comment(field: pa.Field) -> dict[bytes, bytes]:
    description = (field.metadata or {}).get(DESCRIPTION.encode())
    return {COMMENT: description, _DOC: description} if description else {}
