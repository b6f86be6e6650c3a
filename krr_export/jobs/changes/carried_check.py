"""Pages that were not asked for all that the snapshot has are noticed: applied, they would erase it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from krr_export.changes.carried import GROUPS, columns_of
from krr_export.domain.vocabulary import ACTIVE, STATUS
from krr_export.errors import GuardError
from krr_export.util.formatting import number

if TYPE_CHECKING:
    import pyarrow as pa

    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.schema.record_schema import RecordSchema

_FEW_PERSONS = 100
_SMALL_SHARE = 0.1
"""A group that so many changed persons all lack, while this share of the snapshot has it, was not asked for."""


def check_carried(base: SnapshotTable, schema: RecordSchema, changed: pa.Table) -> None:
    """Refuse pages that seem not to carry a group: applied, they would erase it for everybody in them.

    Raises:
        GuardError: none of many active persons has anything of a group that the snapshot has.
    """
    if STATUS not in changed.schema.names:
        return
    active = changed.filter(pc.fill_null(pc.equal(changed[STATUS], ACTIVE), fill_value=False))
    if active.num_rows < _FEW_PERSONS:
        return
    for group in GROUPS:
        names = [name for name in columns_of(group, schema) if name in active.schema.names]
        if names and all(active[name].null_count == active.num_rows for name in names) and _share(base, names):
            raise GuardError(
                f"none of {number(active.num_rows)} active persons in the pages has anything of {group}, though the"
                " snapshot has: were the pages asked for it?",
                "say what they carry: --carried with all groups if they do, or with those that they were asked for",
            )


def _share(base: SnapshotTable, names: list[str]) -> bool:
    """Return whether a considerable share of the rows has a value in the first of these columns."""
    present = sum(batch.num_rows - batch.column(0).null_count for batch in base.batches(names[:1]))
    return bool(present >= _SMALL_SHARE * base.rows)
