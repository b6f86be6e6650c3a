"""The fast reader: one regular expression, built from the schema, that recognises a whole record as usually written.

It only ever accepts. A record that the pattern does not take for certain (an entity, a comment, CDATA, another order of
attributes, a control character, anything unknown) is called odd and left to the reference reader, and so is one whose
values a column's check doubts (see `columns.certain`). So the result is the reference's by construction.

The pattern's last alternatives match whatever it does not recognise, so what it gives tiles the block: nothing was
skipped, and each tile is exactly one record with the white space before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.cutter import Span
from krr_export.schema import local_name, namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.cutter import Cutter
    from krr_export.schema import Element, Field, RecordSchema

NAME = "pattern"

_SPACES = b" \t\r\n"
_WHITE_SPACE = rb"[ \t\r\n]*+"
ODD_SHARE = 0.25
"""With more odd records than this, the reference takes the whole block: it is cheaper than to pick them out."""
_PROBE_BYTES = 1 << 15
"""So much of a block is tried first: a block of odd records costs no more than that."""

# What a value may hold to be taken for certain. XML forbids control characters and two characters that UTF-8 begins
# with 0xEF; a carriage return is not what it seems; ">" may end a "]]>".
_ANY_TEXT = rb"[^<>&\x00-\x08\x0b-\x1f\xef]++"
_ASCII_TEXT = rb"[^<>&\x00-\x08\x0b-\x1f\x80-\xff]++"
_ANY_VALUE = rb"[^<>&\"\x00-\x1f\xef]++"
_ASCII_VALUE = rb"[^<>&\"\x00-\x1f\x80-\xff]++"
# Arrow's strict parser judges the rest of a time; it knows more offsets than the XSD, and would do without seconds.
_DATE_TIME = rb"[12][0-9-]{9}T[0-9:]{8}(?:\.[0-9]{1,6}+)?+(?:Z|[+-]0[0-9:]{4})?+"
_BASE64 = rb"[A-Za-z0-9+/=]++"


@dataclass(frozen=True)
class Tiles:
    """A block's records as the pattern reads them.

    Attributes:
        columns: for each field of the schema its values as binary (UTF-8), one a record; null where absent or odd.
        odd: the records that the pattern did not take, as indices, in order.
        records: how many records there are.
    """

    columns: list[pa.BinaryArray]
    odd: list[int]
    records: int


class PatternReader:
    """Reads blocks with one regular expression.

    Args:
        schema: what a record holds.
        namespaces: the document's prefixes, as its root declares them; ``""`` is the default namespace.
        cutter: tells where the records of an unusual block are.

    Raises:
        ValueError: the schema's records cannot be recognised by a pattern, or the root declares no prefix for them.
    """

    def __init__(self, schema: RecordSchema, namespaces: Mapping[str, str], cutter: Cutter) -> None:
        self._schema = schema
        self._cutter = cutter
        if sum(element.local_name == schema.record.local_name for element in schema.record.walk()) > 1:
            raise ValueError("an element in a record has the record's name")
        self._prefixes = _prefixes(schema, namespaces)
        name = self._name(schema.record)
        end = b"</" + re.escape(name) + b">"
        odd = rb"([\s\S])(?:[^<]++|<(?!" + end[1:] + rb"))*+" + end
        self._columns: list[int] = []
        record = _WHITE_SPACE + self._element(schema.record)
        self._pattern = re.compile(record + b"|" + odd + rb"|([\s\S]++)")
        self._ends = re.compile(end)

    def read(self, data: bytes) -> Tiles | None:
        """Read a block; ``None`` where the reference should take it whole."""
        if len(data) > _PROBE_BYTES and self._is_odd(self._pattern.findall(data, 0, _PROBE_BYTES)):
            return None
        tiles = self._pattern.findall(data)
        rest = tiles.pop()[-1] if tiles and tiles[-1][-1] else b""
        if rest.strip(_SPACES) or self._is_odd(tiles):
            return None
        values = list(zip(*tiles, strict=True)) or [()] * (len(self._columns) + 2)
        odd = [index for index, first in enumerate(values[-2]) if first] if any(values[-2]) else []
        if odd and not self._are_records(data, odd):
            return None
        columns: list[pa.BinaryArray] = [pa.nulls(len(tiles), pa.binary())] * len(self._schema.fields)
        for column, captured in zip(self._columns, values, strict=False):
            columns[column] = _nullable(captured)
        return Tiles(columns, odd, len(tiles))

    def tiles(self, data: bytes) -> list[Span]:
        """Where the tiles are of a block that ``read`` took: each is a record and what stands before it."""
        ends = [end.end() for end in self._ends.finditer(data)]
        return [Span(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def records(self, data: bytes) -> list[Span]:
        """The same without what stands before; right for all but odd tiles, which may have a comment there."""
        return [Span(data.index(b"<", start, end), end) for start, end in self.tiles(data)]

    def _is_odd(self, tiles: list[tuple[bytes, ...]]) -> bool:
        return sum(1 for tile in tiles if tile[-2]) > ODD_SHARE * len(tiles)

    def _are_records(self, data: bytes, odd: list[int]) -> bool:
        """Whether each odd tile is one record: it ended at an end tag that may stand in a comment, say."""
        tiles = self.tiles(data)
        for index in odd:
            start, end = tiles[index]
            scan = self._cutter.scan(data[start:end])
            if len(scan.spans) != 1 or scan.stop is not None or scan.spans[0].end != end - start:
                return False
        return True

    def _name(self, element: Element) -> bytes:
        return self._prefixes[namespace(element.tag)] + element.local_name.encode()

    def _element(self, element: Element) -> bytes:
        """The pattern of an element; a group captures each value."""
        if not element.in_sequence:
            raise ValueError("a choice has no fixed order")
        name = re.escape(self._name(element))
        pattern = b"<" + name
        for attribute in element.attributes:
            if namespace(attribute.name):
                raise ValueError("an attribute in a namespace")
            value = b"(" + _value(self._schema.fields[attribute.column], _ANY_VALUE, _ASCII_VALUE) + b")"
            self._columns.append(attribute.column)
            written = rb"[ \t\r\n]++" + re.escape(local_name(attribute.name).encode()) + b'="' + value + b'"'
            pattern += written if attribute.required else b"(?:" + written + b")?+"
        pattern += b">"  # white space before it is possible, but nobody writes it, and looking for it costs time
        if element.column is not None:
            self._columns.append(element.column)
            pattern += b"(" + _value(self._schema.fields[element.column], _ANY_TEXT, _ASCII_TEXT) + b")"
        else:
            pattern += _WHITE_SPACE
            for child in element.children:
                written = self._element(child) + _WHITE_SPACE
                pattern += written if child.required else b"(?:" + written + b")?+"
        return pattern + b"</" + name + b">"


def _prefixes(schema: RecordSchema, namespaces: Mapping[str, str]) -> dict[str, bytes]:
    """How names in each of the schema's namespaces begin in this document."""
    by_uri = {uri: f"{prefix}:".encode() if prefix else b"" for prefix, uri in sorted(namespaces.items(), reverse=True)}
    needed = {namespace(element.tag) for element in schema.record.walk()}
    if "" in needed or not needed <= by_uri.keys():
        raise ValueError("the root declares no prefix")
    return {uri: by_uri[uri] for uri in needed}


def _value(field: Field, any_characters: bytes, ascii_characters: bytes) -> bytes:
    """The pattern of a field's value: what is certain by its characters alone."""
    if field.base == "dateTime":
        return _DATE_TIME
    if field.base == "base64Binary":
        return _BASE64
    counted = field.facets.min_length is not None or field.facets.max_length is not None
    return ascii_characters if counted or field.base != "string" else any_characters


def _nullable(captured: tuple[bytes, ...]) -> pa.BinaryArray:
    """Captured values, null where nothing was captured: the pattern captures no empty value."""
    values = pa.array(captured, pa.binary())
    lengths = pc.binary_length(values)
    present = pc.not_equal(lengths, 0)
    _, offsets, data = values.buffers()
    return pa.Array.from_buffers(pa.binary(), len(values), [present.buffers()[1], offsets, data])
