"""Unusual records: those that the scanner hands on, picked out of their block to be read by the reference together.

To read them together is cheap: each parse by itself costs more than a record.
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
    """A block of these records alone, each with what stands before it; its ordinals, lines and offsets are its own.

    Args:
        block: the whole block.
        unusual: which records, from 0, in order.
    """
    begins = np.concatenate([np.zeros(1, np.int32), block.spans[:-1, 1]])[unusual]
    spans = block.spans[unusual]
    pieces = [block.buffer[begin:end] for begin, end in zip(begins.tolist(), spans[:, 1].tolist(), strict=True)]
    moved = begins - np.cumsum([0, *map(len, pieces[:-1])])
    data = b"".join(pieces)
    return Block(data, len(data), first=1, byte_offset=0, line=1, spans=(spans - moved[:, np.newaxis]).astype(np.int32))


def restore_locations(read: LexicalBlock, block: Block, unusual: NDArray[np.int32]) -> LexicalBlock:
    """What was read of a block that was picked out, with the places of its records in the whole one.

    Args:
        read: what was read.
        block: the whole block.
        unusual: which records were picked out, from 0, in order.
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
