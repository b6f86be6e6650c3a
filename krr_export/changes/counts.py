"""Counts of changes while two tables are compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.changes.columns import CHANGED_ROW, DELETED_ROW, GONE, NEW
from krr_export.changes.summary import ChangeSummary, ColumnChanges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.changes.columns import ComparedColumns


@dataclass
class ChangeCounts:
    """The running counts of a comparison.

    Attributes:
        kinds: rows by kind of change.
        added: rows by column, as `ColumnChanges.added`.
        changed: as `ColumnChanges.changed`.
        removed: as `ColumnChanges.removed`.
        now: by column, rows by new value, as `ColumnChanges.now`.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    now: dict[str, Counter[str]] = field(default_factory=dict)

    def add_column(
        self, name: str, before: pa.Array, now: pa.Array, differs: NDArray[np.bool_], *, has_listed_values: bool
    ) -> None:
        """Add the changes of one column.

        Args:
            name: of the column.
            before: the earlier values.
            now: the later values, row by row.
            differs: where both rows exist and differ in this column.
            has_listed_values: whether new values are counted one by one: they are few, and identify nobody.
        """
        was_null, is_null = (column.is_null().to_numpy(zero_copy_only=False) for column in (before, now))
        self.added[name] += int(np.count_nonzero(differs & was_null))
        self.removed[name] += int(np.count_nonzero(differs & is_null))
        self.changed[name] += int(np.count_nonzero(differs & ~was_null & ~is_null))
        if has_listed_values:
            values = now.filter(pa.array(differs & ~is_null)).to_pylist()
            self.now.setdefault(name, Counter()).update(values)

    def summary(self, rows: int, columns: ComparedColumns, compared_with: str, manifest_sha256: str) -> ChangeSummary:
        """Return the summary.

        Args:
            rows: rows of the later table.
            columns: how they were compared.
            compared_with: the earlier snapshot's name.
            manifest_sha256: the digest of its manifest.
        """
        kinds = self.kinds
        by_column = {name: self._column(name) for name in columns.compared}
        return ChangeSummary(
            compared_with,
            manifest_sha256,
            new=kinds[NEW],
            changed=kinds[CHANGED_ROW],
            deleted=kinds[DELETED_ROW],
            gone=kinds[GONE],
            unchanged=rows - sum(kinds[kind] for kind in (NEW, CHANGED_ROW, DELETED_ROW)),
            columns={name: one for name, one in by_column.items() if one.added or one.changed or one.removed},
            ignored=columns.ignored,
        )

    def _column(self, name: str) -> ColumnChanges:
        now = dict(sorted(self.now.get(name, {}).items()))
        return ColumnChanges(self.added[name], self.changed[name], self.removed[name], now)
