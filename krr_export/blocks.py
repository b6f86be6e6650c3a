"""Blocks: the document cut into runs of whole records, and its frame checked.

Each block is later parsed by a real XML parser, so the blocks together are well-formed if each of them is, and whatever
is malformed is left in a block for that parser to find.

Looking for every record costs as much as reading it, so a document is first cut by guess, at any end tag of a record.
Whoever reads such a block proves the guess by the way, or finds it wrong (the tag stood in a comment, say): then the
document is cut again from there, exactly.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.cutter import Cutter, Scan
from krr_export.encoding import as_utf8
from krr_export.errors import TRANSFER_AGAIN, InputError
from krr_export.frame import (
    MAX_PROLOG_BYTES,
    Header,
    another_document,
    fault_in,
    find_frame,
    parse_frame,
    read_header,
)
from krr_export.guesses import GuessesInFile, GuessesInStream
from krr_export.schema import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from krr_export.frame import Frame
    from krr_export.guesses import Guesses
    from krr_export.schema import RecordSchema
    from krr_export.shelf import Shelf

BLOCK_BYTES = 4 << 20
"""What a block aims at. Measured: 4 to 8 MB is best, for the caches and for the workers' balance."""

MAX_RECORD_BYTES = 8 << 20
"""A longer record is refused, and so is as much between two records: the bound on memory. Real ones: some kB."""

_LONG_BYTES = 1 << 19
"""From so much on, what does not end yet is no longer looked at again with every read."""


@dataclass(frozen=True)
class Block:
    """A run of whole records, with what stands between them.

    Attributes:
        data: its bytes, in UTF-8.
        first: the ordinal of its first record in the export, from 1.
        records: how many records it holds.
        byte_offset: where it begins, in bytes of the document.
        line: the line it begins on, from 1.
    """

    data: bytes
    first: int
    records: int
    byte_offset: int
    line: int


class Document:
    """An export as a frame and blocks of records, in one pass.

    Args:
        pieces: the document's bytes, in any of the accepted encodings.
        schema: what the export is to be.

    Attributes:
        header: what the export says of itself.
        transcoded: whether offsets count in UTF-8 instead of delivered bytes.

    Raises:
        InputError: the beginning is not that of an export.
    """

    def __init__(self, pieces: Iterable[bytes], schema: RecordSchema) -> None:
        stream = as_utf8(pieces)
        self._pieces = stream.pieces
        self._broken: InputError | None = None
        self._frame, self._buffer = self._read_frame()
        self.header: Header = read_header(self._frame, schema, stream.encoding)
        self.transcoded = stream.transcoded
        self._offset = stream.offset + len(self._frame.start)
        self._line = 1 + self._frame.start.count(b"\n")
        self._records = 0
        self.cutter = Cutter(schema.record.local_name, self._frame.root_name)
        self._record_tag = schema.record.tag

    @property
    def byte_offset(self) -> int:
        """Where the next block begins, in bytes of the document."""
        return self._offset

    @cached_property
    def envelope(self) -> tuple[bytes, bytes]:
        """A start and an end tag with the root's namespaces: between them, a block is a document."""
        root = parse_frame(self._frame)
        bare = etree.Element(root.tag, nsmap=root.nsmap)
        bare.text = ""  # makes the end tag explicit
        start, slash, end = etree.tostring(bare, encoding="utf-8").rpartition(b"</")
        return start, slash + end

    def guesses(self, file: int | None = None, shelf: Shelf | None = None, size: int | None = None) -> Guesses | None:
        """Cut the document by guess, as far as that goes, instead of `blocks`; ``None`` where nothing can be guessed.

        To be told how each guess turned out (`passed`), and at the end to go on with the rest (`go_on`).

        Args:
            file: descriptor of the document's file, if it is a plain one in UTF-8: then the guesses leave it to whoever
                reads them to take their bytes from there.
            shelf: where to put the bytes of guesses otherwise, if not with them.
            size: bytes of a guess, about.
        """
        uri = namespace(self._record_tag)
        prefix = next((prefix for prefix, known in sorted(self.header.namespaces.items()) if known == uri), None)
        if self._frame.empty or prefix is None:
            return None
        end_tag = f"</{prefix}{':' if prefix else ''}{local_name(self._record_tag)}>".encode()
        size = size or BLOCK_BYTES
        if file is not None:
            return GuessesInFile(file, self._offset, end_tag, size)
        return GuessesInStream(itertools.chain((self._buffer,), self._pieces), self._offset, end_tag, size, shelf)

    def passed(self, length: int, records: int, lines: int) -> tuple[int, int]:
        """Go past a guess that was right: its bytes, records and line ends.

        Returns:
            the ordinal of its first record, and the line it begins on.
        """
        place = self._records + 1, self._line
        self._offset += length
        self._records += records
        self._line += lines
        return place

    def go_on(self, rest: Iterator[bytes]) -> None:
        """Take what lies behind the last guess that was right from ``rest``."""
        self._buffer = b""
        self._pieces = rest

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Cut the document into blocks of about ``size`` bytes, exactly.

        Raises:
            InputError: a record is too long; the document is truncated; something stands after the root.
        """
        if self._frame.empty:
            self._check_tail(self._buffer)
            return
        size = size or BLOCK_BYTES
        # What came along with the frame counts: a pipe may hold no more for now.
        data, more = self._fill(self._buffer, size - len(self._buffer))
        self._buffer = b""
        while True:
            scan = self.cutter.scan(data)
            self._check_lengths(scan, len(data))
            end = scan.spans[-1].end if scan.spans else 0
            if scan.root_end is not None:
                end = scan.stop or 0
            if end:
                yield self._block(data[:end], len(scan.spans))
            if scan.root_end is not None:
                self._line += data.count(b"\n", end, scan.root_end)
                self._check_tail(data[scan.root_end :])
                return
            if scan.stop is not None:
                raise self._unfinished(data[end : scan.stop])
            data = data[end:]
            if not more:
                raise self._unfinished(data)
            # What does not end yet is looked at again from its beginning: not for every small piece, once it is long.
            data, more = self._fill(data, size if len(data) < _LONG_BYTES else max(size, len(data) // 4))

    def _read_frame(self) -> tuple[Frame, bytes]:
        head = b""
        more = True
        while more and len(head) <= MAX_PROLOG_BYTES:
            # At least doubled, so that looking again and again costs no more than reading, however small the pieces.
            head, more = self._fill(head, len(head) or 1)
            if (frame := find_frame(head)) is not None:
                return frame, head[len(frame.start) :]
        if self._broken:
            raise self._broken
        if len(head) > MAX_PROLOG_BYTES:
            raise InputError(f"the root does not begin within the first {MAX_PROLOG_BYTES} bytes", "is it an export?")
        if not head.strip():
            raise InputError("the input is empty", "is it the right file, and was it transferred?")
        raise InputError("the document is truncated or not XML: it ends before its root begins", TRANSFER_AGAIN)

    def _fill(self, data: bytes, size: int) -> tuple[bytes, bool]:
        """Add pieces until there are ``size`` bytes more; also say whether the document goes on."""
        pieces = [data]
        length = 0
        while length < size:
            piece = self._next_piece()
            if piece is None:
                return b"".join(pieces), False
            pieces.append(piece)
            length += len(piece)
        return b"".join(pieces), True

    def _next_piece(self) -> bytes | None:
        """The next piece, or ``None`` where there is no more, be it that the stream is broken off.

        Then what came before is looked at first: of several faults the first is told, whatever the size of blocks.
        """
        try:
            return next(self._pieces, None)
        except InputError as error:
            self._broken = error
            return None

    def _block(self, data: bytes, records: int) -> Block:
        block = Block(data, self._records + 1, records, self._offset, self._line)
        self._records += records
        self._offset += len(data)
        self._line += data.count(b"\n")
        return block

    def _check_lengths(self, scan: Scan, length: int) -> None:
        """Refuse a record, or a gap between two, that is too long.

        What does not end yet counts as far as it goes. Where no record is open, it may still be a gap and the beginning
        of a start tag: with both limits together the verdict does not depend on where blocks are cut.
        """
        at = 0
        for ordinal, span in enumerate(scan.spans, start=self._records + 1):
            if span.end - span.start > MAX_RECORD_BYTES:
                raise self._too_long(f"record {ordinal}")
            if span.start - at > MAX_RECORD_BYTES:
                raise self._too_long(f"what stands before record {ordinal}")
            at = span.end
        ordinal = self._records + len(scan.spans) + 1
        begins, limit = at, MAX_RECORD_BYTES if scan.stop is not None else 2 * MAX_RECORD_BYTES
        if scan.open_at is not None:
            begins, limit = scan.open_at, MAX_RECORD_BYTES
        ends = scan.stop if scan.stop is not None else length
        if begins - at > MAX_RECORD_BYTES or ends - begins > limit:
            raise self._too_long(f"record {ordinal}, or what stands before it,")

    def _too_long(self, what: str) -> InputError:
        return InputError(f"{what} is longer than {MAX_RECORD_BYTES >> 20} MiB", "no real export is so: is it hostile?")

    def _check_tail(self, tail: bytes) -> None:
        """After the root only comments, processing instructions and white space may stand."""
        pieces = [tail]
        length = len(tail)
        while (piece := self._next_piece()) is not None:
            pieces.append(piece)
            length += len(piece)
            if length > MAX_PROLOG_BYTES:
                if another_document(b"".join(pieces)):
                    break
                raise InputError(f"more than {MAX_PROLOG_BYTES} bytes stand after the root's end", "is it hostile?")
        if self._broken:
            raise self._broken
        records = self._line - 1 - self._frame.start.count(b"\n")
        parse_frame(self._frame, b"".join(pieces), line_offset=records)

    def _unfinished(self, data: bytes) -> InputError:
        """The document ends before its root does: because it was cut, or because something in it is malformed."""
        envelope = self.envelope[0]
        fault = fault_in(envelope, data, line_offset=self._line - 1 - envelope.count(b"\n"))
        if fault is not None:
            return fault
        if self._broken:
            return self._broken
        line = self._line + data.count(b"\n")
        return InputError(
            f"the document is truncated: it ends on line {line}, after {self._records} whole records",
            TRANSFER_AGAIN,
        )
