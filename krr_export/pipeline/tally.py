"""Add up the results of all blocks, for the report and the manifest."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from krr_export.rules.catalogue import CATALOGUE, severity_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from krr_export.findings.finding import Notice
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
            self._duplicates.add(result.identities)

    def note(self, notice: Notice) -> None:
        """Add findings, of one block or of the export as a whole."""
        known = self.notices.get(notice.code)
        self.notices[notice.code] = known + notice if known else notice

    @cached_property
    def duplicates(self) -> Notice | None:
        """The finding of identity numbers that occur more than once; use it after the last block."""
        return self._duplicates.notice() if self._duplicates else None

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
