"""The table ``rejects``: each record that the XSD refused, with reasons, location and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.schema.record_schema import ORDINAL, ORDINAL_FIELD, Field, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.parsing.lexical import Reject

_FIELDS = (
    ORDINAL_FIELD,
    Field(
        "line", pa.int64(), "The line of the decompressed document on which the record begins, from 1.", privacy="none"
    ),
    Field(
        "byte_offset",
        pa.int64(),
        "The byte of the decompressed document at which the record begins, from 0.",
        privacy="none",
    ),
    Field(
        "codes", pa.list_(pa.string()), "Why the record was rejected: stable codes, at least one.", privacy="personal"
    ),
    Field(
        "messages", pa.list_(pa.string()), "The same in words, parallel to the codes; no values.", privacy="personal"
    ),
    Field(
        "record",
        pa.binary(),
        "The record as XML, in UTF-8, with all that it says; null where columns are left out or pseudonymised.",
        required=False,
    ),
)
REJECTED = Table(
    "rejects",
    "The records that are not in person: why, where they are in the export, and their own bytes.",
    _FIELDS,
    ORDINAL.name,
)
REJECTS_SCHEMA = REJECTED.arrow
"""A row for each rejected record; ``codes`` and ``messages`` run parallel. ``record`` is null if not to be kept."""

REJECTS_GROUP_BYTES = 16 << 20
"""Bytes of records in a row group. A reject is at least as long as its row in ``person`` would be, and shares nothing
with others: row groups as large as there would take most of a run's memory, for a table that few people read."""


def to_batch(rejects: Sequence[Reject], *, keep_records: bool = True) -> pa.RecordBatch:
    """Convert rejects to rows of ``REJECTS_SCHEMA``.

    Args:
        rejects: the refused records.
        keep_records: whether the records' bytes are kept; they contain every value of the record.
    """
    columns = [
        [reject.ordinal for reject in rejects],
        [reject.line for reject in rejects],
        [reject.byte_offset for reject in rejects],
        [[finding.code for finding in reject.findings] for reject in rejects],
        [[finding.message for finding in reject.findings] for reject in rejects],
        [reject.record if keep_records else None for reject in rejects],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, REJECTS_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=REJECTS_SCHEMA)
