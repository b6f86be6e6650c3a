"""The memory that the scanner writes to: laid out for blocks up to some size, and used again when nothing refers to it.

New memory costs more than the scanning: the system clears every page of it before its first use.
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
"""The kinds of columns that the scanner writes; see there."""

_RECORDS, _BYTES = 1 << 12, 1 << 20
"""A layout has room for so many more than the block that it is made for: the next ones are about as large."""

_ALIGNMENT = 64
"""In octets, as Arrow has it."""


class Parts(NamedTuple):
    """Where in a block's memory what is written of one column lies, in the order that the scanner takes."""

    valid: int
    values: int
    flags: int
    table: int
    distinct: int
    data: int
    written: int


@dataclass
class Layout:
    """Places in one stretch of memory.

    Attributes:
        records: how many records there is room for.
        octets: how long a block there is room for.
        slots: places in each table of distinct values, a power of two.
        unusual: where the places of unusual records begin.
        columns: of each column.
        cleared: so many octets from the beginning must be zero before a scan.
        size: of it all; most of it is never touched, and so takes no memory.
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
        """A layout for columns of these kinds, and blocks of at least so many records and octets."""
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
        """A place of so many octets."""
        place = self.size
        self.size += _round_up(size, _ALIGNMENT)
        return place


class Memory(NamedTuple):
    """Memory for one block.

    Attributes:
        layout: what lies where in it.
        buffer: itself; all that refers to it must do so through this.
    """

    layout: Layout
    buffer: pa.Buffer


class MemoryPool:
    """Gives memory to blocks, and takes it back by itself once nothing refers to it; several threads may ask it.

    Args:
        kinds: of the columns.
    """

    def __init__(self, kinds: Sequence[int]) -> None:
        self._kinds = kinds
        self._free: list[tuple[Layout, mmap]] = []

    def take(self, records: int, octets: int) -> Memory:
        """Memory for a block of so many records and octets; what must be zero is."""
        layout, pages = self._reuse(records, octets) or self._allocate(records, octets)
        view = memoryview(pages)
        # Arrow's buffers, and what numpy makes of them, refer to the view, and it to the pages.
        returned = weakref.finalize(view, self._free.append, (layout, pages))
        returned.atexit = False
        return Memory(layout, pa.py_buffer(view))

    def _reuse(self, records: int, octets: int) -> tuple[Layout, mmap] | None:
        """Memory that was used before, made zero where it must be; what is too small is dropped."""
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
        return layout, mmap(-1, layout.size, flags=MAP_PRIVATE | MAP_ANONYMOUS)  # zero by nature


def _round_up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
