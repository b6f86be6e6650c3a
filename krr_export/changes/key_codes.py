"""Keys of records as numbers that can be sorted and searched: 8 bytes a record, whatever the keys are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITS = 16
"""Hexadecimal digits in a code: 4 bits each."""


def key_codes(keys: pa.Array) -> NDArray[np.uint64]:
    """Return a code for each key.

    Equal keys have equal codes. The codes of identity numbers are distinct and sort like the numbers; those of other
    keys of hexadecimal digits, such as pseudonyms, are distinct by the first 16 digits. Other texts may share a code:
    a caller that looks for equal keys has to compare the keys themselves in the end.

    Args:
        keys: text, without nulls.
    """
    keys = keys.cast(pa.binary())
    lengths = pc.binary_length(keys).to_numpy()
    codes = np.zeros(len(keys), np.uint64)
    if not lengths.any():
        return codes
    _, offsets, data = keys.buffers()
    starts = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + len(keys)]
    text = np.frombuffer(data, np.uint8)
    for position in range(min(_DIGITS, int(lengths.max()))):
        # A key that ends before this position adds nothing: the buffer's first byte is read instead, and not used.
        has_digit = lengths > position
        character = text[np.where(has_digit, starts + position, 0)]
        # The low 4 bits of 0 to 9 are their value; letters, from 0x40 on, begin with 1, and A stands for 10.
        digit = (character & 0x0F) + 9 * (character >> 6)
        codes |= np.where(has_digit, digit & 0x0F, 0).astype(np.uint64) << np.uint64(4 * (_DIGITS - 1 - position))
    return codes
