"""Extract the unusual records, which the scanner hands on, from a block, so that the reference reads them together.

One parse for all is cheap: a parse for each would cost more than the record itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from krr_export.parsing.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ExtractedBlock(Block):
    """Some records of a block; they keep their ordinals, and are located in that block.

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
