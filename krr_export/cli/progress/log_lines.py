"""Progress in a log: a line every half minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from krr_export.cli.progress.words import xml_megabytes
from krr_export.pipeline.progress import Progress
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.pipeline.export import Export

SECONDS_BETWEEN_LINES = 30.0


class LogLines(Progress):
    """A line every half minute; ``say`` prints it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started = time.monotonic()
        self._next = self._started + SECONDS_BETWEEN_LINES
        self._size: int | None = None
        self._bytes = self._xml = self._records = 0
        self._step, self._rows, self._rows_done = "", 0, 0

    def dated(self, exports: int, of: int) -> None:
        """Print a line when it is due."""
        if self._is_due():
            self._say(f"progress  {exports} of {of} exports opened, for their time")

    def planned(self, _exports: int, size: int, /) -> None:
        """Set the size of all sources."""
        self._size = size

    def opened(self, export: Export) -> None:
        """Set the size of the source, now known."""
        self._size = export.source.size

    def read(self, size: int) -> None:
        """Count the bytes."""
        self._bytes += size

    def unpacked(self, size: int) -> None:
        """Count the bytes of XML."""
        self._xml += size

    def passed(self, records: int) -> None:
        """Count the records, and print a line when it is due."""
        self._records += records
        if self._is_due():
            share = f" of {self._size / 1e6:.0f} MB ({self._bytes / self._size:.0%})" if self._size else " MB"
            rate = self._bytes / 1e6 / (time.monotonic() - self._started)
            more = [*xml_megabytes(self._xml, self._bytes), f"{rate:.0f} MB/s", f"{number(self._records)} records"]
            self._say(f"progress  {self._bytes / 1e6:.0f}{share}, {', '.join(more)}")

    def began(self, step: str, rows: int) -> None:
        """Begin to count rows."""
        self._step, self._rows, self._rows_done = step, rows, 0

    def advanced(self, rows: int) -> None:
        """Count the rows, and print a line when it is due."""
        self._rows_done += rows
        if self._is_due():
            self._say(f"progress  {self._step}: {number(self._rows_done)} of {number(self._rows)} rows")

    def _is_due(self) -> bool:
        now = time.monotonic()
        is_due = now >= self._next
        if is_due:
            self._next = now + SECONDS_BETWEEN_LINES
        return is_due
