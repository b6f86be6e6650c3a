"""Cut the document into blocks of whole records, and check its frame.

Each block is parsed later by a real XML parser: the document is well-formed if every block is, and malformed markup is
left in a block for that parser to find.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.errors import TRANSFER_AGAIN, InputError
from krr_export.parsing.block import Block
from krr_export.parsing.header import (
    MAX_PROLOG_BYTES,
    Header,
    begins_another_document,
    find_frame,
    parse_frame,
    read_header,
)
from krr_export.parsing.tokenizing import RecordTokenizer, TokenizedRecords, count_line_ends
from krr_export.parsing.xml.encoding import as_utf8
from krr_export.parsing.xml.well_formed import find_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from krr_export.parsing.header import Frame
    from krr_export.schema.record_schema import RecordSchema

BLOCK_BYTES = 4 << 20
"""Target size of a block. Measured: 4 to 8 MB is best, for the caches and for the workers' balance."""

BLOCK_RECORDS = 1 << 14
"""Maximum of records in a block, however small: a refused one takes many times its size. Real blocks have 4000."""

MAX_RECORD_BYTES = 8 << 20
"""A longer record is refused, and so is a longer gap between two: this bounds memory. Real records: some kB."""

_LONG_BYTES = 1 << 19
"""An incomplete record or gap of at least this size is no longer tokenized again after every read."""


class Document:
    """An export as a frame and blocks of records, in one pass.

    Args:
        pieces: the document's bytes, in any of the accepted encodings.
        schema: the schema that the export must have.

    Attributes:
        header: the export's header.
        transcoded: whether offsets count bytes of UTF-8 instead of delivered bytes.

    Raises:
        InputError: the beginning is not that of an export.
    """

    def __init__(self, pieces: Iterable[bytes], schema: RecordSchema) -> None:
        stream = as_utf8(pieces)
        self._pieces: Iterator[bytes] = stream.pieces
        self._stream_error: InputError | None = None
        self._frame, self._buffer = self._read_frame()
        self.header: Header = read_header(self._frame, schema, stream.encoding)
        self.transcoded = stream.transcoded
        self._offset = stream.offset + len(self._frame.start)
        self._line = 1 + self._frame.start.count(b"\n")
        self._records = 0
        self.tokenizer = RecordTokenizer(schema.record.local_name, self._frame.root_name)

    @cached_property
    def envelope(self) -> tuple[bytes, bytes]:
        """A start and an end tag with the root's namespaces: a block between them is a document."""
        root = parse_frame(self._frame)
        bare = etree.Element(root.tag, nsmap=root.nsmap)
        bare.text = ""  # makes the end tag explicit
        start, slash, end = etree.tostring(bare, encoding="utf-8").rpartition(b"</")
        return start, slash + end

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Cut the document into blocks of about ``size`` bytes, without losing a byte.

        Raises:
            InputError: a record is too long; the document is truncated; something follows the root.
        """
        if self._frame.empty:
            self._check_tail(self._buffer)
            return
        size = size or BLOCK_BYTES
        # Bytes read together with the frame count: a pipe may have no more for now.
        data, more = self._fill(self._buffer, size - len(self._buffer))
        self._buffer = b""
        while True:
            tokenized = self.tokenizer.tokenize(data)
            self._check_lengths(tokenized, len(data))
            end = tokenized.end
            if tokenized.root_end is not None:
                end = tokenized.stop or 0
            if end:
                yield from self._split(data, end, tokenized.spans)
            if tokenized.root_end is not None:
                self._line += data.count(b"\n", end, tokenized.root_end)
                self._check_tail(data[tokenized.root_end :])
                return
            if tokenized.stop is not None:
                # With what follows: about an open quote where the tokenizer stopped, the parser would report nothing.
                raise self._unfinished_error(data[end:])
            data = data[end:]
            if not more:
                raise self._unfinished_error(data)
            # An incomplete record is tokenized again from its start: once it is long, not for every small piece.
            data, more = self._fill(data, size if len(data) < _LONG_BYTES else max(size, len(data) // 4))

    def _read_frame(self) -> tuple[Frame, bytes]:
        head = b""
        more = True
        while more and len(head) <= MAX_PROLOG_BYTES:
            # At least doubled, so that repeated searching costs no more than reading, however small the pieces.
            head, more = self._fill(head, len(head) or 1)
            frame = find_frame(head)
            if frame is not None and len(frame.start) <= MAX_PROLOG_BYTES:
                return frame, head[len(frame.start) :]
        if len(head) > MAX_PROLOG_BYTES:
            raise InputError(f"the root does not begin within the first {MAX_PROLOG_BYTES} bytes", "is it an export?")
        if self._stream_error:
            raise self._stream_error
        if not head.strip():
            raise InputError("the input is empty", "is it the right file, and was it transferred?")
        raise InputError("the document is truncated or not XML: it ends before its root begins", TRANSFER_AGAIN)

    def _fill(self, data: bytes, size: int) -> tuple[bytes, bool]:
        """Add pieces until there are ``size`` bytes more; also return whether the document goes on."""
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
        """Return the next piece; ``None`` at the end, also if the stream broke off.

        The stream's error is raised later, after the bytes before it were checked: the first of several faults is
        reported, whatever the size of blocks.
        """
        try:
            return next(self._pieces, None)
        except InputError as error:
            self._stream_error = error
            return None

    def _split(self, data: bytes, size: int, spans: NDArray[np.int32]) -> Iterator[Block]:
        """Yield one block; several if the records are too many for one."""
        begins = 0
        for last in range(BLOCK_RECORDS, len(spans), BLOCK_RECORDS):
            ends = int(spans[last - 1, 1])
            yield self._block(data[begins:ends], ends - begins, spans[last - BLOCK_RECORDS : last] - begins)
            begins = ends
        rest = spans[(len(spans) - 1) // BLOCK_RECORDS * BLOCK_RECORDS :] if len(spans) else spans
        yield self._block(data[begins:] if begins else data, size - begins, rest - begins)

    def _block(self, data: bytes, size: int, spans: NDArray[np.int32]) -> Block:
        block = Block(data, size, self._records + 1, self._offset, self._line, spans)
        self._records += len(spans)
        self._offset += size
        self._line += count_line_ends(data, 0, size)
        return block

    def _check_lengths(self, tokenized: TokenizedRecords, length: int) -> None:
        """Refuse a record, or a gap between two, that is too long.

        An incomplete one counts as far as it goes. If no record is open, it may be a gap and the beginning of a start
        tag: then the sum of both limits applies, so that the verdict does not depend on where blocks are cut.
        """
        if length > MAX_RECORD_BYTES:  # else nothing in it can be too long
            before = 0
            for ordinal, (start, end) in enumerate(tokenized.spans.tolist(), start=self._records + 1):
                if end - start > MAX_RECORD_BYTES:
                    raise self._too_long_error(f"record {ordinal}")
                if start - before > MAX_RECORD_BYTES:
                    raise self._too_long_error(f"what stands before record {ordinal}")
                before = end
        at = tokenized.end
        ordinal = self._records + len(tokenized.spans) + 1
        begins, limit = at, MAX_RECORD_BYTES if tokenized.stop is not None else 2 * MAX_RECORD_BYTES
        if tokenized.open_at is not None:
            begins, limit = tokenized.open_at, MAX_RECORD_BYTES
        ends = tokenized.stop if tokenized.stop is not None else length
        if begins - at > MAX_RECORD_BYTES or ends - begins > limit:
            raise self._too_long_error(f"record {ordinal}, or what stands before it,")

    def _too_long_error(self, what: str) -> InputError:
        return InputError(f"{what} is longer than {MAX_RECORD_BYTES >> 20} MiB", "no real export is so: is it hostile?")

    def _check_tail(self, tail: bytes) -> None:
        """Check that only comments, processing instructions and white space follow the root."""
        more = True
        while more and len(tail) <= MAX_PROLOG_BYTES:
            tail, more = self._fill(tail, len(tail) or 1)  # at least doubled, as in `_read_frame`
        if len(tail) > MAX_PROLOG_BYTES and not begins_another_document(tail):
            raise InputError(f"more than {MAX_PROLOG_BYTES} bytes stand after the root's end", "is it hostile?")
        if self._stream_error:
            raise self._stream_error
        records = self._line - 1 - self._frame.start.count(b"\n")
        parse_frame(self._frame, tail, line_offset=records)

    def _unfinished_error(self, data: bytes) -> InputError:
        """Return the error for a document that ends before its root does: truncated, or malformed somewhere."""
        envelope = self.envelope[0]
        fault = find_fault(envelope, data, line_offset=self._line - 1 - envelope.count(b"\n"))
        if fault is not None:
            return fault
        if self._stream_error:
            return self._stream_error
        line = self._line + data.count(b"\n")
        return InputError(
            f"the document is truncated: it ends on line {line}, after {self._records} whole records",
            TRANSFER_AGAIN,
        )
