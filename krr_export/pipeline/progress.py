"""How far a run has come, for whoever wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krr_export.pipeline.export import Export


class Progress:
    """Is told how far a run has come; this one does nothing with it."""

    def opened(self, export: Export) -> None:
        """The export's header was read."""

    def read(self, size: int) -> None:
        """So many bytes more of the source were read, as delivered."""

    def passed(self, records: int) -> None:
        """So many records more were read and judged."""
