"""A shelf: memory that workers share, on which blocks of a stream lie until they are read.

Through a pipe, a block is copied piece by piece and lies in fresh memory on either side, which costs as much as to
inflate it. The shelf's memory is used over and over. It belongs to no file system: nothing of it reaches a disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from krr_export.descriptors import clear_of_standard_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE_BYTES = 64 << 20
"""Between two places. A place takes only as much memory as was ever put on it."""

_MAX_PIECES = 1024
"""POSIX's IOV_MAX, on Linux."""


class Shelf:
    """Places for blocks, used in turn.

    Args:
        places: how many; a block is gone when as many others were put after it.

    Raises:
        OSError: the system has no such memory.

    Attributes:
        file: descriptor of its memory; whoever has it may read a block from its place with ``pread``.
    """

    def __init__(self, places: int) -> None:
        self.file = clear_of_standard_streams(os.memfd_create("krr-export"))
        self._places = places
        self._next = 0

    def put(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Put a block, in pieces, on the next place; return where that is."""
        place = self._next % self._places * _PLACE_BYTES
        self._next += 1
        at = place
        for first in range(0, len(pieces), _MAX_PIECES):
            at += os.pwritev(self.file, pieces[first : first + _MAX_PIECES], at)
        return place

    def take(self, place: int, length: int) -> bytes:
        """Read a block from its place."""
        return os.pread(self.file, length, place)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.file)
