"""Blocks cut by guess: at any end tag of a record, without looking at what stands before it.

Finding every record exactly costs about as much as reading them. Whoever reads a guess proves it by the way, or finds
it wrong (the tag stood in a comment, say); then the document is cut exactly from there on.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WINDOW_BYTES = 1 << 16
"""How far back from a guess's aimed end to look for an end tag: many records."""

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Guess:
    """A block that was cut by guess; nothing is known of its records.

    Attributes:
        byte_offset: where it begins, in bytes of the document.
        length: in bytes.
        data: its bytes in UTF-8; ``None`` where they are to be taken from the document's file.
    """

    byte_offset: int
    length: int
    data: bytes | None


class Guesses(Protocol):
    """A document cut by guess, as far as that goes; its end is never guessed."""

    def __iter__(self) -> Iterator[Guess]:
        """The guesses, in order, without gaps."""
        ...

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """What lies behind the last guess; with ``wrong``, the last ones that were made, from the first of them on."""
        ...


class GuessesInStream:
    """Guesses that hold their bytes.

    Args:
        pieces: the document in UTF-8 from its first record on.
        byte_offset: where that is.
        end_tag: what ends a record.
        size: bytes of a guess, about.
    """

    def __init__(self, pieces: Iterator[bytes], byte_offset: int, end_tag: bytes, size: int) -> None:
        self._pieces = pieces
        self._byte_offset = byte_offset
        self._end_tag = end_tag
        self._size = size
        self._data = b""

    def __iter__(self) -> Iterator[Guess]:
        while self._fill():
            end = self._data.rfind(self._end_tag) + len(self._end_tag)
            if end < len(self._end_tag):
                return
            guess = Guess(self._byte_offset, end, self._data[:end])
            self._data = self._data[end:]
            self._byte_offset += end
            yield guess

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """See `Guesses`."""
        return itertools.chain((guess.data or b"" for guess in wrong), (self._data,), self._pieces)

    def _fill(self) -> bool:
        """Add as much as a guess takes; also say whether the document goes on."""
        pieces = [self._data]
        length = 0
        try:
            while length < self._size and (piece := next(self._pieces, None)) is not None:
                pieces.append(piece)
                length += len(piece)
        finally:
            self._data = b"".join(pieces)  # also what came before an error is still to be read
        return length >= self._size


class GuessesInFile:
    """Guesses whose bytes stay in the document's file: only their ends are read here.

    Args:
        file: descriptor of the file, which is plain UTF-8.
        byte_offset: where the first record is.
        end_tag: what ends a record.
        size: bytes of a guess, about.
    """

    def __init__(self, file: int, byte_offset: int, end_tag: bytes, size: int) -> None:
        self._file = file
        self._byte_offset = byte_offset
        self._end_tag = end_tag
        self._size = size

    def __iter__(self) -> Iterator[Guess]:
        window_bytes = min(_WINDOW_BYTES, self._size)
        while True:
            window_at = self._byte_offset + self._size - window_bytes
            window = os.pread(self._file, window_bytes, window_at)
            end = window.rfind(self._end_tag)
            if end < 0 or len(window) < window_bytes:
                return
            length = window_at + end + len(self._end_tag) - self._byte_offset
            guess = Guess(self._byte_offset, length, None)
            self._byte_offset += length
            yield guess

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """See `Guesses`."""
        at = wrong[0].byte_offset if wrong else self._byte_offset
        while piece := os.pread(self._file, _PIECE_BYTES, at):
            yield piece
            at += len(piece)
