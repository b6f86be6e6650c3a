"""The memory that the scanner writes to: laid out for blocks up to some size, and reused when nothing refers to it.

New memory costs more than scanning, because the system clears every page before its first use.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT, LISTED, INSTANT, BINARY, HANDED_ON = range(5)
"""The kinds of columns that the scanner writes: see ``Kind`` in ``scanner.pyx``."""

_RECORDS, _BYTES = 1 << 12, 1 << 20
"""Sizes of a layout are rounded up to multiples of these, because the next blocks are about as large."""

_ALIGNMENT = 64
"""In octets, as Arrow recommends."""


class Parts(NamedTuple):
    """Offsets of the parts of one column in a block's memory, in the order in which the scanner takes them."""

    valid: int
    values: int
    flags: int
    table: int
    distinct: int
    data: int
    written: int


@dataclass
class Layout:
    """The layout of one stretch of memory; offsets and sizes are in octets.

    Attributes:
        records: the number of records that fit.
        octets: the size of a block that fits.
        slots: the number of slots in each table of distinct values, a power of two.
        unusual: the offset of the list of unusual records.
        columns: the offsets of each column's parts.
        cleared: the size of the first part, which must be zero before a scan.
        size: the total size; most of it is never touched, and so takes no memory.
    """

    records: int
    octets: int
    slots: int = 0
    unusual: int = 0
    columns: list[Parts] = field(default_factory=list)
    cleared: int = 0
    size: int = 0

    @classmethod
    def for_columns(cls, kinds: Sequence[int], count: int, octets: int) -> Layout:
        """Make a layout for columns of these kinds, and for blocks of at least this many records and octets."""
        layout = cls(_round_up(count + 1, _RECORDS), _round_up(octets + 1, _BYTES))
        reserve, records = layout._reserve, layout.records
        layout.slots = 1 << (2 * records).bit_length()
        cleared = [
            (
                reserve(records // 8 + 1),
                reserve((records + 1) * (8 if kind == INSTANT else 4)),
                reserve(records if kind == INSTANT else 0),
                reserve(layout.slots * 4 if kind == BINARY else 0),
                reserve((records + 1) * 4 if kind == BINARY else 0),
            )
            for kind in kinds
        ]
        layout.cleared = layout.size
        layout.columns = [
            Parts(
                *places,
                data=reserve(layout.octets if kind in {TEXT, BINARY} else 0),
                written=reserve(records * 16 if kind == BINARY else 0),
            )
            for kind, places in zip(kinds, cleared, strict=True)
        ]
        layout.unusual = reserve(records * 4)
        return layout

    def _reserve(self, size: int) -> int:
        """Reserve this many octets; return their offset."""
        place = self.size
        self.size += _round_up(size, _ALIGNMENT)
        return place


class Memory(NamedTuple):
    """Memory for one block.

    Attributes:
        layout: its layout.
        buffer: the memory itself; everything that refers to it must do so through this buffer.
    """

    layout: Layout
    buffer: pa.Buffer


class MemoryPool:
    """A pool of memory for blocks, which returns to it once nothing refers to it; thread-safe.

    Args:
        kinds: the kinds of the columns.
    """

    def __init__(self, kinds: Sequence[int]) -> None:
        self._kinds = kinds
        self._free: list[tuple[Layout, mmap]] = []

    def take(self, records: int, octets: int) -> Memory:
        """Return memory for a block of this many records and octets, zero where it must be."""
        layout, pages = self._reuse(records, octets) or self._allocate(records, octets)
        view = memoryview(pages)
        # Arrow's buffers, and numpy arrays over them, refer to the view, and the view to the pages.
        returned = weakref.finalize(view, self._free.append, (layout, pages))
        returned.atexit = False
        return Memory(layout, pa.py_buffer(view))

    def _reuse(self, records: int, octets: int) -> tuple[Layout, mmap] | None:
        """Return memory that was used before, zeroed where it must be; drop it if it is too small."""
        try:
            layout, pages = self._free.pop()
        except IndexError:
            return None
        if layout.records < records or layout.octets < octets:
            return None
        np.frombuffer(pages, np.uint8, layout.cleared).fill(0)
        return layout, pages

    def _allocate(self, records: int, octets: int) -> tuple[Layout, mmap]:
        layout = Layout.for_columns(self._kinds, records, octets)
        return layout, mmap(-1, layout.size, flags=MAP_PRIVATE | MAP_ANONYMOUS)  # new pages are zero


def _round_up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
