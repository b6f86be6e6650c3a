"""Find whole records in a document's bytes.

Record boundaries are the tags of the record's name, with any prefix, except in a comment, a CDATA section or a
processing instruction. A record ends with the end tag of its own name as written, and may contain elements of that
name. All other checks are left to the XML parser.

The compiled tokenizer does this; if it could not be built, a regular expression does, a hundred times as slowly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

try:
    from krr_export.parsing.tokenizer import count_line_ends, tokenize_records

    IS_BUILT = True
except ImportError:  # there was no C compiler when this was installed
    IS_BUILT = False

    def count_line_ends(data: bytes, start: int, end: int) -> int:
        """Count the line feeds in a part of ``data``."""
        return data.count(b"\n", start, end)


from krr_export.parsing.xml.expressions import possessive

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IS_BUILT", "RecordTokenizer", "TokenizedRecords", "count_line_ends", "tokenize_with_regex"]


@dataclass(frozen=True)
class TokenizedRecords:
    """The records found in bytes from a record boundary on.

    Attributes:
        spans: start and end of each whole record, in bytes; int32, a row for each record.
        stop: where tokenizing stopped: at the root's end tag, or after an end tag without a start tag.
        root_end: the end of the root's end tag, if it was found.
        open_at: the start of an incomplete record, if there is one.
    """

    spans: NDArray[np.int32]
    stop: int | None = None
    root_end: int | None = None
    open_at: int | None = None

    @property
    def end(self) -> int:
        """The end of the last whole record."""
        return int(self.spans[-1, 1]) if len(self.spans) else 0


class RecordTokenizer:
    """Finds the records in a document's bytes.

    Args:
        record_name: the local name of the record's element.
        root_name: the root's name as written, with its prefix; an end tag of that name ends the document.
    """

    def __init__(self, record_name: str, root_name: bytes) -> None:
        self._record_name = record_name.encode()
        self._root_name = root_name

    def tokenize(self, data: bytes) -> TokenizedRecords:
        """Find the whole records in ``data``, which begins at a record boundary."""
        if not IS_BUILT:
            return tokenize_with_regex(data, self._record_name, self._root_name)
        shortest = len(self._record_name) + len("</>")
        spans = np.empty((len(data) // shortest + 1, 2), np.int32)
        count, *ends = tokenize_records(data, self._record_name, self._root_name, spans.ctypes.data)
        stop, root_end, open_at = (None if end < 0 else end for end in ends)
        return TokenizedRecords(spans[:count].copy(), stop, root_end, open_at)


def tokenize_with_regex(data: bytes, record_name: bytes, root_name: bytes) -> TokenizedRecords:
    """Do the same as `RecordTokenizer.tokenize`, with a regular expression."""
    spans: list[tuple[int, int]] = []
    depth = opened = 0
    name = b""
    for token in _tokens(record_name, root_name).finditer(data):
        kind = token.lastgroup
        if kind in _UNENDED:
            break
        if depth == 0:
            if kind == "end":
                return TokenizedRecords(_as_array(spans), stop=token.end())
            if kind == "root":
                return TokenizedRecords(_as_array(spans), stop=token.start(), root_end=token.end())
            if kind in {"start", "empty"}:
                opened, name = token.start(), token["start"]
        if kind == "start" and token["start"] == name:
            depth += 1
        elif kind == "end" and token["end"] == name:
            depth -= 1
        if depth == 0 and kind in {"end", "empty"}:
            spans.append((opened, token.end()))
    return TokenizedRecords(_as_array(spans), open_at=opened if depth else None)


def _as_array(spans: list[tuple[int, int]]) -> NDArray[np.int32]:
    return np.array(spans, np.int32).reshape(-1, 2)


def _tokens(record_name: bytes, root_name: bytes) -> re.Pattern[bytes]:
    # Possessive, so that a false start of a name or tag costs one pass over it.
    name = rb"(?:[^\s<>/:!?=\"']++:)?" + re.escape(record_name)
    attributes = possessive(rb"[^<>\"'/]++|/(?!>)|\"[^\"<]*\"|'[^'<]*'")
    return re.compile(
        # A common first character lets the engine search with memchr. A construct that does not end here
        # matches only its opening, so that nothing after it is taken for a tag.
        rb"<(?:!--(?:.*?-->|(?P<unended_comment>))"
        rb"|!\[CDATA\[(?:.*?\]\]>|(?P<unended_cdata>))"
        rb"|\?(?:.*?\?>|(?P<unended_instruction>))"
        rb"|/(?P<end>" + name + rb")\s*>"
        rb"|(?P<start>" + name + rb")(?=[\s/>])" + attributes + rb"(?P<empty>/)?>"
        rb"|/(?P<root>" + re.escape(root_name) + rb")\s*>)",
        re.DOTALL,
    )


_UNENDED = {"unended_comment", "unended_cdata", "unended_instruction"}
