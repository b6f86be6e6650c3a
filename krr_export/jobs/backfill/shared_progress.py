"""Progress that several threads tell of, one at a time."""

from __future__ import annotations

import threading

from krr_export.pipeline.progress import Progress


class SharedProgress(Progress):
    """Hands on what threads tell, one call at a time: the receiver need not be made for several.

    Args:
        receiver: gets it all.
    """

    def __init__(self, receiver: Progress) -> None:
        self._receiver = receiver
        self._guard = threading.Lock()

    def dated(self, exports: int, of: int) -> None:
        """Hand on how many exports were opened for their time."""
        with self._guard:
            self._receiver.dated(exports, of)

    def planned(self, exports: int, size: int) -> None:
        """Hand on how many exports there are, and their bytes."""
        with self._guard:
            self._receiver.planned(exports, size)

    def read(self, size: int) -> None:
        """Hand on how many bytes were read."""
        with self._guard:
            self._receiver.read(size)

    def unpacked(self, size: int) -> None:
        """Hand on how many bytes of XML they are."""
        with self._guard:
            self._receiver.unpacked(size)

    def passed(self, records: int) -> None:
        """Hand on how many records were processed."""
        with self._guard:
            self._receiver.passed(records)

    def began(self, step: str, rows: int) -> None:
        """Hand on which step began, and its rows."""
        with self._guard:
            self._receiver.began(step, rows)

    def advanced(self, rows: int) -> None:
        """Hand on how many rows of the step were done."""
        with self._guard:
            self._receiver.advanced(rows)
