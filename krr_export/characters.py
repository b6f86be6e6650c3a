"""What characters a block holds, looked at once for all: then no reader need look at each value's.

Most blocks hold none that XML reads otherwise than they are written. To know that of a whole block costs a tenth of
what it costs to know it of each value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW_BYTES = 1 << 18
"""What is looked at together: it stays in a processor's cache."""

_TAB = 0x09
_LINE_FEED = 0x0A
_SPACE = 0x20

_SPECIAL = (b"&", b"]", b"\xef")
"""References; what may be the beginning of "]]>"; and how UTF-8 begins the two characters at the end of the basic plane
that XML forbids, with others that are as rare."""


@dataclass(frozen=True)
class Characters:
    """What characters some bytes of XML in UTF-8 hold.

    Attributes:
        line_ends: how many line feeds.
        plain: text between two tags is what it seems: no reference, nothing forbidden, no carriage return.
        before: how many line feeds there are before each window.
    """

    line_ends: int
    plain: bool
    before: tuple[int, ...] = ()

    def line_ends_before(self, place: int, data: bytes) -> int:
        """How many line feeds stand before a place of the same bytes; only a window of them is looked at again."""
        window = place // _WINDOW_BYTES
        if window >= len(self.before):
            return self.line_ends
        start = window * _WINDOW_BYTES
        return self.before[window] + _line_ends(np.frombuffer(data, np.uint8, place - start, start))


def characters_of(data: bytes) -> Characters:
    """Look at all characters of ``data``."""
    octets = np.frombuffer(data, np.uint8)
    line_ends = [0]
    plain = True
    for start in range(0, len(data), _WINDOW_BYTES):
        end = start + _WINDOW_BYTES
        window = octets[start:end]
        line_ends.append(line_ends[-1] + _line_ends(window))
        plain = plain and _is_plain(window) and all(data.find(special, start, end) < 0 for special in _SPECIAL)
    return Characters(line_ends[-1], plain, tuple(line_ends[:-1]))


def _line_ends(octets: NDArray[np.uint8]) -> int:
    return int(np.count_nonzero(octets == _LINE_FEED))


def _is_plain(window: NDArray[np.uint8]) -> bool:
    """Whether there are no control characters but tabs and line feeds."""
    # Less a space, in a byte, control characters become the largest values, in their order.
    largest = np.subtract(window, _SPACE, dtype=np.uint8).max()
    return bool(largest <= _LINE_FEED - _SPACE + 0x100 and window.min() >= _TAB)
