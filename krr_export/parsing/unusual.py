"""Extract the unusual records, which the scanner hands on, from a block, so that the reference reads them together.

One parse for all is cheap: a parse for each would cost more than the record itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from krr_export.parsing.blocks import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.parsing.lexical import LexicalBlock


def extract_records(block: Block, unusual: NDArray[np.int32]) -> Block:
    """Return a block of these records alone, each with what precedes it; ordinals, lines and offsets begin anew.

    Args:
        block: the whole block.
        unusual: indices of the records, from 0, ascending.
    """
    begins = np.concatenate([np.zeros(1, np.int32), block.spans[:-1, 1]])[unusual]
    spans = block.spans[unusual]
    pieces = [block.buffer[begin:end] for begin, end in zip(begins.tolist(), spans[:, 1].tolist(), strict=True)]
    moved = begins - np.cumsum([0, *map(len, pieces[:-1])])
    data = b"".join(pieces)
    return Block(data, len(data), first=1, byte_offset=0, line=1, spans=(spans - moved[:, np.newaxis]).astype(np.int32))


def restore_locations(read: LexicalBlock, block: Block, unusual: NDArray[np.int32]) -> LexicalBlock:
    """Replace ordinals, lines and offsets in an extracted block by those in the whole block.

    Args:
        read: what was read from the extracted block.
        block: the whole block.
        unusual: indices of the extracted records, from 0, ascending.
    """
    ordinals = (block.first + unusual).tolist()
    refused = [ordinals[reject.ordinal - 1] for reject in read.rejects]
    return replace(
        read,
        ordinals=[ordinals[ordinal - 1] for ordinal in read.ordinals],
        rejects=[
            replace(reject, ordinal=ordinal, line=place.line, byte_offset=block.byte_offset + place.start)
            for reject, ordinal, place in zip(read.rejects, refused, block.locations(refused), strict=True)
        ],
    )
