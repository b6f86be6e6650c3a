"""Where in a block the pattern's tiles are, and the odd ones among them as the reference reads them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from krr_export.blocks import Block
from krr_export.cutter import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from krr_export.characters import Characters
    from krr_export.cutter import Cutter
    from krr_export.readers.base import LexicalBlock, Reader, Reject
    from krr_export.readers.pattern import PatternReader


class Tiling:
    """The tiles of a block, which are looked for only if somebody asks.

    Args:
        block: the block.
        characters: what a look at it showed.
        reader: who read it.
    """

    def __init__(self, block: Block, characters: Characters, reader: PatternReader) -> None:
        self._block = block
        self._characters = characters
        self._reader = reader

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return self._reader.ends(self._block.data)

    def span(self, index: int) -> Span:
        """Where a tile is: a record and what stands before it."""
        return Span(int(self._ends[index - 1]) if index else 0, int(self._ends[index]))

    def are_records(self, odd: Sequence[int], tiles: int, cutter: Cutter) -> bool:
        """Whether each odd tile is one record: it ended at an end tag that may stand in a comment, or in a value.

        Args:
            odd: the odd tiles, as indices.
            tiles: how many there are in all.
            cutter: tells where records are.
        """
        if len(self._ends) != tiles:
            return False
        for index in odd:
            start, end = self.span(index)
            scan = cutter.scan(self._block.data[start:end])
            if len(scan.spans) != 1 or scan.stop is not None or scan.spans[0].end != end - start:
                return False
        return True

    def read_odd(self, odd: Sequence[int], reference: Reader) -> LexicalBlock:
        """The odd records, each in its place; read together, since each reading costs more than a record.

        Args:
            odd: the odd tiles, as indices in order; each is one record.
            reference: who reads them.

        Raises:
            InputError: one is not well-formed, or holds what no export may hold; where that is, is not said rightly.
        """
        spans = [self.span(index) for index in odd]
        pieces = [self._block.data[start:end] for start, end in spans]
        lexical = reference.read(Block(b"".join(pieces), first=1, records=len(odd), byte_offset=0, line=1))
        moved_by = np.array([start for start, _ in spans]) - np.cumsum([0, *map(len, pieces[:-1])])
        return replace(
            lexical,
            ordinals=[self._block.first + odd[ordinal - 1] for ordinal in lexical.ordinals],
            rejects=list(self._placed(lexical.rejects, odd, moved_by)),
        )

    def _placed(self, rejects: Sequence[Reject], odd: Sequence[int], moved_by: NDArray[np.int64]) -> Iterator[Reject]:
        for reject in rejects:
            start = reject.byte_offset + int(moved_by[reject.ordinal - 1])
            yield replace(
                reject,
                ordinal=self._block.first + odd[reject.ordinal - 1],
                line=self._block.line + self._characters.line_ends_before(start, self._block.data),
                byte_offset=self._block.byte_offset + start,
            )
