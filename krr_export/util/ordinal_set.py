"""A set of records, in one bit for each record of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BIT = np.uint8(1) << np.arange(8, dtype=np.uint8)
_OCTETS_AT_ONCE = 1 << 13


class OrdinalSet:
    """A set of ordinals of records: it takes as many bits as the largest of them says."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def add(self, ordinals: NDArray[np.int64]) -> None:
        """Add ordinals, in any order and more than once if need be."""
        if not ordinals.size:
            return
        missing = (int(ordinals.max()) >> 3) + 1 - len(self._octets)
        if missing > 0:
            self._octets.extend(bytes(missing))
        np.bitwise_or.at(np.frombuffer(self._octets, np.uint8), ordinals >> 3, _BIT[ordinals & 7])

    def __len__(self) -> int:
        return int.from_bytes(self._octets, "little").bit_count()

    def pieces(self) -> Iterator[NDArray[np.int64]]:
        """Yield the ordinals in order, some at a time; nothing may be added meanwhile."""
        octets = np.frombuffer(self._octets, np.uint8)
        for start in range(0, len(octets), _OCTETS_AT_ONCE):
            bits = np.unpackbits(octets[start : start + _OCTETS_AT_ONCE], bitorder="little")
            if (found := np.flatnonzero(bits)).size:
                yield found + start * 8
