"""The column by which a Delta table is partitioned: the export's time, which no file has."""

from __future__ import annotations

import pyarrow as pa

from krr_export.errors import UsageError
from krr_export.warehouse.lake.columns import COMMENT

EXPORT = "eksport"
"""The column of the export's time, as the name of a snapshot has it: ``20260226T112225Z``."""
_EXPORT_FIELD = pa.field(
    EXPORT, pa.string(), metadata={COMMENT: b"When the export was made, in UTC; the newest is the greatest"}
)


def with_export(columns: pa.Schema) -> pa.Schema:
    """Return the columns with that of the export's time behind them.

    Raises:
        UsageError: one has its name.
    """
    if EXPORT in columns.names:
        raise UsageError(f"a column is named {EXPORT}, as that of the export's time is", "leave it out with --drop")
    return columns.append(_EXPORT_FIELD)
