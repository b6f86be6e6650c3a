"""A block: consecutive whole records of a document, as bytes, with their places.

Its unusual records, which the scanner hands on, are extracted so that the reference reads them together: one parse for
all is cheap, while a parse for each would cost more than the record itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from krr_export.parsing.tokenizing import count_line_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray


class Location(NamedTuple):
    """The location of a record in its block."""

    line: int
    """The line of the document that it begins on."""
    start: int
    end: int
    """The record itself, in bytes of the block."""


@dataclass(frozen=True)
class Block:
    """Consecutive whole records, with the markup and white space between them.

    Attributes:
        buffer: the block's bytes, in UTF-8, possibly followed by some of the next block: copying millions of bytes for
            each block would hold up all threads.
        size: the number of bytes that belong to the block.
        first: the ordinal of its first record in the export, from 1.
        byte_offset: where the block begins, in bytes of the document.
        line: the line on which the block begins, from 1.
        spans: start and end of each record in ``buffer``; int32, a row for each record.
    """

    buffer: bytes
    size: int
    first: int
    byte_offset: int
    line: int
    spans: NDArray[np.int32]

    @property
    def data(self) -> bytes:
        """A copy of the block's own bytes."""
        return self.buffer[: self.size]

    @property
    def records(self) -> int:
        """The number of records in it."""
        return len(self.spans)

    @property
    def ordinals(self) -> Sequence[int]:
        """The ordinals of its records in the export."""
        return range(self.first, self.first + self.records)

    @property
    def origin(self) -> Block:
        """The block of the document in which its records are located."""
        return self

    def locations(self, ordinals: Iterable[int]) -> Iterator[Location]:
        """Yield the locations of records.

        Args:
            ordinals: ordinals of records in the block, ascending; one may occur several times.
        """
        line, counted = self.line, 0
        for ordinal in ordinals:
            start, end = map(int, self.spans[ordinal - self.first])
            line, counted = line + count_line_ends(self.buffer, counted, start), start
            yield Location(line, start, end)

    def first_records(self, most: int) -> Block:
        """Return the block, or one of its first ``most`` records if it has more."""
        if self.records <= most:
            return self
        return self.truncated(most, int(self.spans[most - 1, 1]))

    def truncated(self, records: int, end: int) -> Block:
        """Return the block cut down to its first ``records``, and to its first ``end`` bytes."""
        return replace(self, size=end, spans=self.spans[:records])


@dataclass(frozen=True)
class ExtractedBlock(Block):
    """Some records of a block; they keep their ordinals, and are located in that block.

    ``first``, ``byte_offset`` and ``line`` are about those of the whole block, and good for no message.

    Attributes:
        whole: the block that they are from.
        indices: their indices in it, from 0, ascending.
    """

    whole: Block
    indices: NDArray[np.int32]

    @property
    def ordinals(self) -> Sequence[int]:
        """The ordinals of the records in the export."""
        ordinals: list[int] = (self.whole.first + self.indices).tolist()
        return ordinals

    @property
    def origin(self) -> Block:
        """The block that they are from."""
        return self.whole

    def locations(self, ordinals: Iterable[int]) -> Iterator[Location]:
        """Yield the locations of records in the block that they are from."""
        return self.whole.locations(ordinals)

    def truncated(self, records: int, end: int) -> ExtractedBlock:
        """Return the block cut down to its first ``records``, and to its first ``end`` bytes."""
        return replace(self, size=end, spans=self.spans[:records], indices=self.indices[:records])


def extract_records(block: Block, unusual: NDArray[np.int32]) -> ExtractedBlock:
    """Return a block of these records alone, each with what precedes it.

    Args:
        block: the whole block.
        unusual: indices of the records, from 0, ascending.
    """
    begins = np.concatenate([np.zeros(1, np.int32), block.spans[:-1, 1]])[unusual]
    spans = block.spans[unusual]
    pieces = [block.buffer[begin:end] for begin, end in zip(begins.tolist(), spans[:, 1].tolist(), strict=True)]
    moved = begins - np.cumsum([0, *map(len, pieces[:-1])])
    data = b"".join(pieces)
    return ExtractedBlock(
        data,
        len(data),
        first=block.first + int(unusual[0]),
        byte_offset=block.byte_offset,
        line=block.line,
        spans=(spans - moved[:, np.newaxis]).astype(np.int32),
        whole=block,
        indices=unusual,
    )
