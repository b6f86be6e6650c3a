"""All pages of the change feed as one export: each person once, in the latest state, in flat memory.

The pages are read twice. The first pass keeps 16 bytes for each person, and some 40 while they are sorted; the second
leaves out a person whom a later page has again.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from krr_export.changes.collect import keys_of, latest_in
from krr_export.changes.continuity import order_pages
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from krr_export.changes.page import PageRange
    from krr_export.changes.page_files import PageFile
    from krr_export.schema.record_schema import RecordSchema

_BUFFER_BYTES = 1 << 20
_DIGEST = np.dtype([("high", np.uint64), ("low", np.uint64)])


@dataclass(frozen=True)
class AllPages:
    """All pages from the first change on.

    Attributes:
        chosen: their ranges, in order.
        skipped: the number of pages that others cover.
        repeated: the number of persons with several different states in one page; the last one counts.
        unused: the number of values in these pages that have no column.
        persons: the number of distinct persons.
    """

    chosen: tuple[PageRange, ...]
    skipped: int
    repeated: int
    unused: int
    persons: int
    _files: tuple[PageFile, ...]
    _order: tuple[int, ...]
    _superseded: dict[PageRange, frozenset[int]]

    def latest(self, schema: RecordSchema) -> Iterator[bytes]:
        """Yield the latest state of each person, in the order of the pages.

        Raises:
            InputError: a page has changed since the first pass, or cannot be read.
        """
        in_order = zip(self._order, self.chosen, strict=True)
        for place, following in groupby(in_order, key=itemgetter(0)):  # a file of several pages is read once
            pages = {page.range: page.persons for page in self._files[place].pages(schema)}
            for _, wanted in following:
                if wanted not in pages:
                    raise InputError(f"{wanted.name} changed while it was read", "run again when nothing writes to it")
                left_out = self._superseded.get(wanted, frozenset())
                yield from (person.xml for number, person in enumerate(pages[wanted]) if number not in left_out)


def survey(files: Sequence[PageFile], schema: RecordSchema, *, rest_is_inclusive: bool = False) -> AllPages:
    """Read all pages, and find the last page of each person.

    Args:
        files: the files of pages, in any order.
        schema: of the records that the persons become.
        rest_is_inclusive: as for `order_pages`.

    Raises:
        InputError: a page is missing or unusable.
    """
    secret = secrets.token_bytes(16)
    ranges: dict[PageRange, int] = {}
    digests: dict[PageRange, NDArray[np.void]] = {}
    counts: dict[PageRange, tuple[int, int]] = {}
    for place, file in enumerate(files):
        for page in file.pages(schema):
            if page.range in ranges:
                continue
            ranges[page.range] = place
            digests[page.range] = _digests(keys_of(page), secret)
            counts[page.range] = page.unused, latest_in(page)[1]
    chosen = order_pages(ranges, 0, rest_is_inclusive=rest_is_inclusive)
    superseded, persons = _superseded([digests.pop(one) for one in chosen])
    return AllPages(
        tuple(chosen),
        len(ranges) - len(chosen),
        sum(counts[one][1] for one in chosen),
        sum(counts[one][0] for one in chosen),
        persons,
        tuple(files),
        tuple(ranges[one] for one in chosen),
        dict(zip(chosen, superseded, strict=True)),
    )


def _digests(keys: Iterable[str], secret: bytes) -> NDArray[np.void]:
    """Return 16 bytes for each key. With a secret, nobody can make two the same, and chance will not."""
    joined = b"".join(hashlib.blake2b(key.encode(), digest_size=16, key=secret).digest() for key in keys)
    return np.frombuffer(joined, _DIGEST)


def _superseded(pages: list[NDArray[np.void]]) -> tuple[list[frozenset[int]], int]:
    """Return which persons of each page occur again later, and the number of distinct persons."""
    counts = [len(page) for page in pages]
    everybody = np.concatenate(pages) if pages else np.empty(0, _DIGEST)
    pages.clear()
    order = np.lexsort((np.arange(len(everybody)), everybody["low"], everybody["high"]))
    in_order = everybody[order]
    again = np.flatnonzero(in_order[:-1] == in_order[1:])
    page_of = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    found: list[set[int]] = [set() for _ in counts]
    for place in order[again].tolist():
        page = int(page_of[place])
        found[page].add(place - int(starts[page]))
    return [frozenset(one) for one in found], len(everybody) - len(again)


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """Return a stream of the pieces that an iterator gives, in order."""
    return BufferedReader(_PieceStream(pieces), _BUFFER_BYTES)


class _PieceStream(RawIOBase):
    """A stream of pieces.

    Args:
        pieces: bytes, in order.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Return true: it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer as far as the next pieces go; return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        part, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(part)] = part
        return len(part)
