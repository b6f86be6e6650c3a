"""The cutter: a tokenizer that finds whole records in a document's bytes.

It finds record boundaries by the tags of the record's name at depth zero, whatever their prefix, and knows where such
a tag is none: in a comment, a CDATA section or a processing instruction. All other judgement is the XML parser's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """One record's place in a block, in bytes."""

    start: int
    end: int


@dataclass(frozen=True)
class Scan:
    """What a scan of bytes from a record boundary found.

    Attributes:
        spans: the whole records.
        stop: where the scan could not go on: the root's end tag, or behind an end tag that ends nothing.
        root_end: where the root's end tag ends, if it was met.
        open_at: where a record that does not end begins, if there is one.
    """

    spans: list[Span]
    stop: int | None = None
    root_end: int | None = None
    open_at: int | None = None


class Cutter:
    """Finds the records in a document's bytes.

    Args:
        record_name: local name of the record's element.
        root_name: the root's name as written, with its prefix; bytes of an end tag of that name end the document.
    """

    def __init__(self, record_name: str, root_name: bytes) -> None:
        name = re.escape(record_name.encode())
        # Possessive, so that a name or tag that turns out to be none costs one pass over it.
        prefix = rb"(?:[^\s<>/:!?=\"']++:)?"
        attributes = rb"(?:[^<>\"'/]++|/(?!>)|\"[^\"<]*\"|'[^'<]*')*+"
        self._tokens = re.compile(
            # A common first character lets the engine search with memchr. A construct that does not end here
            # matches only its opening, so that nothing behind it is taken for a tag.
            rb"<(?:!--(?:.*?-->|(?P<unended_comment>))"
            rb"|!\[CDATA\[(?:.*?\]\]>|(?P<unended_cdata>))"
            rb"|\?(?:.*?\?>|(?P<unended_instruction>))"
            rb"|/(?P<end>)" + prefix + name + rb"\s*>"
            rb"|(?P<start>)" + prefix + name + rb"(?=[\s/>])" + attributes + rb"(?P<empty>/)?>"
            rb"|/(?P<root>)" + re.escape(root_name) + rb"\s*>)",
            re.DOTALL,
        )

    def scan(self, data: bytes) -> Scan:
        """Find the whole records in ``data``, which begins at a record boundary."""
        spans: list[Span] = []
        depth = opened = 0
        for token in self._tokens.finditer(data):
            kind = token.lastgroup
            if kind in {"start", "empty"} and depth == 0:
                opened = token.start()
            if kind == "start":
                depth += 1
            elif kind == "end":
                depth -= 1
            elif kind in _UNENDED:
                break
            if depth < 0:
                return Scan(spans, stop=token.end())
            if depth == 0 and kind == "root":
                return Scan(spans, stop=token.start(), root_end=token.end())
            if depth == 0 and kind in {"end", "empty"}:
                spans.append(Span(opened, token.end()))
        return Scan(spans, open_at=opened if depth else None)


_UNENDED = {"unended_comment", "unended_cdata", "unended_instruction"}
