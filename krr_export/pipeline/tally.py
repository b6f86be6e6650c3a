"""Add up the results of all blocks, for the report and the manifest."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from krr_export.rules.catalogue import CATALOGUE, severity_of
from krr_export.util.ordinal_set import OrdinalSet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from krr_export.findings.finding import Notice
    from krr_export.findings.finding_rows import FindingRows
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.profiling.profile import Profile
    from krr_export.rules.duplicates import Duplicates


class Tally:
    """Adds up the results of blocks, given in order.

    Args:
        duplicates: collects identity numbers; ``None`` to look for no duplicates.
    """

    def __init__(self, duplicates: Duplicates | None = None) -> None:
        self._duplicates = duplicates
        self.seen = 0
        self.written = 0
        self.rejected = 0
        self.notices: dict[str, Notice] = {}
        self.read_by: Counter[str] = Counter()
        self.profile: Profile | None = None
        self._warned = OrdinalSet()
        self._warned_rejects = 0

    def add(self, result: BlockResult) -> None:
        """Add one block's result."""
        self.seen += result.records
        self.written += result.batch.num_rows
        self.rejected += len(result.rejects)
        self.read_by.update(result.read_by)
        for notice in result.notices:
            self.note(notice)
        if result.profile is not None:
            self.profile = self.profile or result.profile.empty()
            self.profile.add(result.profile)
        if self._duplicates is not None and result.identities is not None:
            self._duplicates.add(result.identities, result.batch.column(0).to_numpy())
        self._add_warned(result)

    def note(self, notice: Notice) -> None:
        """Add findings, of one block or of the export as a whole."""
        known = self.notices.get(notice.code)
        self.notices[notice.code] = known + notice if known else notice

    @cached_property
    def duplicates(self) -> Notice | None:
        """The finding of identity numbers that occur more than once; use it after the last block."""
        return self._duplicates.notice() if self._duplicates else None

    def duplicate_records(self) -> Iterator[FindingRows]:
        """Yield the records of `duplicates`, in order, some at a time."""
        if self._duplicates is not None and self.duplicates is not None:
            yield from self._duplicates.found()

    @cached_property
    def warned(self) -> int:
        """The number of records with a warning; use it after the last block."""
        for found in self.duplicate_records():
            self._warned.add(found.ordinals)
        return len(self._warned)

    @property
    def rejected_or_warned(self) -> int:
        """The number of records that are rejected or have a warning; use it after the last block."""
        return self.rejected + self.warned - self._warned_rejects

    def _add_warned(self, result: BlockResult) -> None:
        warned = [found.ordinals for found in result.found if CATALOGUE[found.code].severity == "warning"]
        for ordinals in warned:
            self._warned.add(ordinals)
        if warned and result.rejects:
            rejected = [reject.ordinal for reject in result.rejects]
            self._warned_rejects += len(np.intersect1d(np.concatenate(warned), rejected))

    def sorted_notices(self, strict: Collection[str] = ()) -> list[Notice]:
        """Return all notices, rejects first, then in the order of the catalogue; call it after the last block.

        Args:
            strict: names of rules that reject records.
        """
        notices = [*self.notices.values(), *filter(None, [self.duplicates])]
        positions = {code: position for position, code in enumerate(CATALOGUE)}
        return sorted(
            notices, key=lambda notice: (severity_of(notice.code, strict) != "reject", positions[notice.code])
        )
