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

    from krr_export.shelf import Shelf

_WINDOW_BYTES = 1 << 16
"""How far back from a guess's aimed end to look for an end tag: many records."""

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Guess:
    """A block that was cut by guess; nothing is known of its records.

    Attributes:
        byte_offset: where it begins, in bytes of the document.
        length: in bytes.
        data: its bytes in UTF-8; ``None`` where they lie in a file.
        file_offset: where they lie in that file.
    """

    byte_offset: int
    length: int
    data: bytes | None
    file_offset: int = 0


class Guesses(Protocol):
    """A document cut by guess, as far as that goes; its end is never guessed."""

    def __iter__(self) -> Iterator[Guess]:
        """The guesses, in order, without gaps."""
        ...

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """What lies behind the last guess; with ``wrong``, the last ones that were made, from the first of them on."""
        ...


class GuessesInStream:
    """Guesses that hold their bytes, or have them on a shelf.

    Args:
        pieces: the document in UTF-8 from its first record on.
        byte_offset: where that is.
        end_tag: what ends a record.
        size: bytes of a guess, about.
        shelf: where to put their bytes; no more guesses than it has places may be under way.
    """

    def __init__(
        self, pieces: Iterator[bytes], byte_offset: int, end_tag: bytes, size: int, shelf: Shelf | None = None
    ) -> None:
        self._shelf = shelf
        self._pieces = pieces
        self._byte_offset = byte_offset
        self._end_tag = end_tag
        self._size = size
        self._held: list[bytes] = []

    def __iter__(self) -> Iterator[Guess]:
        while self._fill():
            pieces, rest = self._cut()
            length = sum(map(len, pieces))
            if not length:
                return
            self._held = [rest]
            if self._shelf is None:
                guess = Guess(self._byte_offset, length, b"".join(pieces))
            else:
                guess = Guess(self._byte_offset, length, None, self._shelf.put(pieces))
            self._byte_offset += length
            yield guess

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """See `Guesses`."""
        return itertools.chain(map(self._data, wrong), self._held, self._pieces)

    def _data(self, guess: Guess) -> bytes:
        if guess.data is None and self._shelf is not None:
            return self._shelf.take(guess.file_offset, guess.length)
        return guess.data or b""

    def _fill(self) -> bool:
        """Hold as much as a guess takes; also say whether the document goes on."""
        length = sum(map(len, self._held))
        while length < self._size and (piece := next(self._pieces, None)) is not None:
            self._held.append(piece)
            length += len(piece)
        return length >= self._size

    def _cut(self) -> tuple[list[bytes | memoryview], bytes]:
        """What is held up to the last end tag, if there is one, and what is behind it."""
        *before, last = self._held
        end = last.rfind(self._end_tag)
        if end < 0:  # a tag that lies across two pieces would not be seen
            before, last = [], b"".join(self._held)
            end = last.rfind(self._end_tag)
            if end < 0:
                return [], last
        end += len(self._end_tag)
        return [*before, memoryview(last)[:end]], last[end:]


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
            guess = Guess(self._byte_offset, length, None, self._byte_offset)
            self._byte_offset += length
            yield guess

    def rest(self, wrong: Sequence[Guess] = ()) -> Iterator[bytes]:
        """See `Guesses`."""
        at = wrong[0].byte_offset if wrong else self._byte_offset
        while piece := os.pread(self._file, _PIECE_BYTES, at):
            yield piece
            at += len(piece)
