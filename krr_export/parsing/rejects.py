"""The table ``rejects``: what the XSD refused, why, where, and the record's own bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.schema.record_schema import ORDINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.parsing.lexical import Reject

REJECTS_SCHEMA = pa.schema(
    [
        ORDINAL,
        pa.field("line", pa.int64(), nullable=False),
        pa.field("byte_offset", pa.int64(), nullable=False),
        pa.field("codes", pa.list_(pa.string()), nullable=False),
        pa.field("messages", pa.list_(pa.string()), nullable=False),
        pa.field("record", pa.binary()),
    ]
)
"""One row a rejected record; ``codes`` and ``messages`` go together. ``record`` is null where it must not be kept."""

REJECTS_GROUP_BYTES = 16 << 20
"""So many bytes of records are written at a time. They are no shorter than their rows of the table ``person`` would be,
with nothing to share: as large row groups as there, of a table that few read, would take most of a run's memory."""


def to_batch(rejects: Sequence[Reject], *, keep_records: bool = True) -> pa.RecordBatch:
    """Rejects as rows of ``REJECTS_SCHEMA``.

    Args:
        rejects: what was refused.
        keep_records: whether the records' own bytes are kept; they hold every value of the record.
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
