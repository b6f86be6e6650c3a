"""The interface for watching the progress of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krr_export.pipeline.export import Export


class Progress:
    """Receives the progress of a run; this base class ignores it."""

    def dated(self, exports: int, of: int) -> None:
        """Handle that so many exports were opened for their time, ``of`` so many."""

    def planned(self, exports: int, size: int, /) -> None:
        """Handle that so many exports are about to be read, of ``size`` bytes in all."""

    def opened(self, export: Export) -> None:
        """Handle that the export's header was read."""

    def read(self, size: int) -> None:
        """Handle that ``size`` more bytes of the source were read, as delivered."""

    def unpacked(self, size: int) -> None:
        """Handle that ``size`` more bytes of XML were processed: more than were read where the export is compressed."""

    def passed(self, records: int) -> None:
        """Handle that ``records`` more records were processed."""

    def began(self, step: str, rows: int) -> None:
        """Handle that a step began that goes through so many rows of snapshots; ``step`` says what it does."""

    def advanced(self, rows: int) -> None:
        """Handle that the step went through ``rows`` more."""
