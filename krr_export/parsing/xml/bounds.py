"""Limits on the markup of one record, or of the root's start tag, checked on its bytes.

libxml2 builds a tree a hundred times the size of short tags, and its validator writes a message with the full name of
every attribute that it refuses: a document of some kB could take all memory. So large markup is checked before libxml2
sees it, by a tokenizer that keeps nothing and stops at the first excess.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from krr_export.parsing.xml.expressions import possessive

if TYPE_CHECKING:
    from collections.abc import Iterator

FREE_BYTES = 8 << 10
"""Markup up to this size is cheap even if it is nothing but elements. Real records: 1 to 5 kB."""

MAX_ELEMENTS = 10_000
"""Elements of one record. Real records: a dozen."""

MAX_ATTRIBUTES = 100
"""Attributes of one element, namespace declarations included. Real elements: two; the root: five."""

MAX_NAME_BYTES = 256
"""Bytes of a name as written, with its prefix, and of a namespace's name. Real names: up to 60."""

HOSTILE = "no real export is so: is it hostile?"

TOO_MANY_ELEMENTS = f"more than {MAX_ELEMENTS} elements"
TOO_MANY_ATTRIBUTES = f"an element with more than {MAX_ATTRIBUTES} attributes"
TOO_LONG_A_NAME = f"a name, or the name of a namespace, of more than {MAX_NAME_BYTES} bytes"

# In well-formed markup it finds the same tags as an XML parser; the parser decides whether markup is well-formed.
_START_TAG = re.compile(
    rb"<(?:!--(?:.*?-->|.*+)"
    rb"|!\[CDATA\[(?:.*?\]\]>|.*+)"
    rb"|\?(?:.*?\?>|.*+)"
    rb"|(?P<name>[^\s<>/!?=\"']++)(?P<attributes>" + possessive(rb"[^<>\"']++|\"[^\"]*+\"|'[^']*+'") + rb")>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rb"([^\s=\"'/]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")


def find_excess(markup: bytes) -> str | None:
    """Say what there is too much of in a record or a start tag; return ``None`` if all is within the limits."""
    if _is_harmless(markup):
        return None
    if next(islice(_start_tags(markup), MAX_ELEMENTS, None), None) is not None:
        return TOO_MANY_ELEMENTS
    return find_excess_of_tags(markup)


def find_excess_of_tags(markup: bytes) -> str | None:
    """Say what a start tag has too much of, in a document of any number of elements; ``None`` if all are in limits."""
    return next(filter(None, map(_excess_of_tag, _start_tags(markup))), None)


def _is_harmless(markup: bytes) -> bool:
    """Return whether markup is so small, and can have so few attributes, that it needs no check.

    Attributes in namespaces make small records costly as well: 500 of them give 500 messages of 4 kB.
    """
    return len(markup) <= FREE_BYTES and markup.count(b"=") <= MAX_ATTRIBUTES and b"xmlns" not in markup


def find_element_in_gap(data: bytes, start: int, end: int) -> int | None:
    """Return where the first element begins in a large gap; ``None`` if there is none, or the gap is small."""
    if end - start <= FREE_BYTES:
        return None
    return next((tag.start() for tag in _start_tags(data, start, end)), None)


def _start_tags(data: bytes, start: int = 0, end: int | None = None) -> Iterator[re.Match[bytes]]:
    tokens = _START_TAG.finditer(data, start, len(data) if end is None else end)
    return (token for token in tokens if token["name"] is not None)


def _excess_of_tag(tag: re.Match[bytes]) -> str | None:
    if len(tag["name"]) > MAX_NAME_BYTES:
        return TOO_LONG_A_NAME
    for count, attribute in enumerate(_ATTRIBUTE.finditer(tag["attributes"]), start=1):
        if count > MAX_ATTRIBUTES:
            return TOO_MANY_ATTRIBUTES
        name = attribute[1]
        is_declaration = name == b"xmlns" or name.startswith(b"xmlns:")
        if len(name) > MAX_NAME_BYTES or (is_declaration and len(attribute[2] or attribute[3] or b"") > MAX_NAME_BYTES):
            return TOO_LONG_A_NAME
    return None
