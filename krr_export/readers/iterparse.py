"""The reference reader: lxml's iterparse, and the XSD's verdict on each record on its own.

``iterparse(schema=…)`` would be shorter, but it yields every record and raises only at the end, so it cannot tell which
record was refused.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lxml import etree

from krr_export.binary import BINARY_DECODERS
from krr_export.errors import InputError
from krr_export.frame import not_well_formed, parser_options
from krr_export.readers.base import LexicalBlock, Reject
from krr_export.readers.diagnosis import Diagnosis, depth_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.blocks import Block, Cutter
    from krr_export.findings import Finding
    from krr_export.schema import Element, RecordSchema

MAX_DEPTH = 64
"""A deeper record is refused as hostile: it is a bomb rather than a mistake."""


class IterparseReader:
    """Reads blocks with lxml and validates each record with libxml2.

    Args:
        schema: what a record holds.
        envelope: a start and an end tag with the root's namespaces, to make a document of a block.
        cutter: finds a reject's own bytes.
    """

    def __init__(self, schema: RecordSchema, envelope: tuple[bytes, bytes], cutter: Cutter) -> None:
        self._schema = schema
        self._before, self._after = envelope
        self._cutter = cutter
        self._validator = schema.record_validator()
        self._diagnosis = Diagnosis(schema)
        self._plan = _Plan(schema.record)
        # libxml2 lets some base64 pass that the XSD does not (junk after a whole group): decoding it is the judge.
        self._strict = [(i, BINARY_DECODERS[f.base]) for i, f in enumerate(schema.fields) if f.base in BINARY_DECODERS]

    def read(self, block: Block) -> LexicalBlock:
        """Read one block.

        Raises:
            InputError: the block is not well-formed, or holds what no export may hold.
        """
        rows: list[list[str | None]] = []
        ordinals: list[int] = []
        refused: dict[int, tuple[Finding, ...]] = {}
        ordinal = block.first
        for ordinal, record in enumerate(self._records(block), start=block.first):
            findings, row = self._judge(record)
            if findings:
                refused[ordinal] = findings
            else:
                rows.append(row)
                ordinals.append(ordinal)
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in self._schema.fields]
        return LexicalBlock(ordinals, columns, self._rejects(block, refused))

    def _records(self, block: Block) -> Iterator[etree._Element]:
        """The records of a block, one at a time; each is gone when the next one is asked for."""
        record_tag = self._schema.record.tag
        document = io.BytesIO(self._before + block.data + self._after)
        events = etree.iterparse(document, events=("end",), tag=record_tag, **parser_options())
        try:
            for _, element in events:
                root = element.getparent()
                if root is None or root.getparent() is not None:
                    continue  # a record's name within a record: the XSD will say what it thinks of it
                self._check_between(root, element)
                yield element
                element.clear(keep_tail=True)
        except etree.XMLSyntaxError as error:
            raise not_well_formed(error, line_offset=block.line - 1 - self._before.count(b"\n")) from None
        if events.root is not None:
            self._check_between(events.root, None)

    def _check_between(self, root: etree._Element, upto: etree._Element | None) -> None:
        """Between the records there is white space; drop what was read before ``upto`` (before the root's end)."""
        if root.text is not None and root.text.strip(_WHITE_SPACE):
            raise self._text_between()
        while len(root) and (first := root[0]) is not upto:
            if first.tag != self._schema.record.tag:
                raise InputError(
                    f"an element other than {self._schema.record.local_name} stands under the root",
                    "is it an export, and --schema the right version?",
                )
            if first.tail is not None and first.tail.strip(_WHITE_SPACE):
                raise self._text_between()
            del root[0]

    def _text_between(self) -> InputError:
        return InputError("text stands between the records", "ask the sender for a whole export")

    def _judge(self, record: etree._Element) -> tuple[tuple[Finding, ...], list[str | None]]:
        """The reasons to refuse a record, or else its values."""
        row: list[str | None] = [None] * len(self._schema.fields)
        if not self._validator.validate(record):
            if depth_of(record, MAX_DEPTH) > MAX_DEPTH:
                raise InputError(f"a record is nested more than {MAX_DEPTH} elements deep", "is it hostile?")
            return self._diagnosis.findings(record, self._validator.error_log), row
        self._plan.extract(record, row)
        findings = tuple(
            self._diagnosis.wrong_type(column, value)
            for column, decode in self._strict
            if (value := row[column]) is not None and decode(value) is None
        )
        return findings, row

    def _rejects(self, block: Block, refused: dict[int, tuple[Finding, ...]]) -> list[Reject]:
        if not refused:
            return []
        spans = self._cutter.scan(block.data).spans
        rejects = []
        for ordinal, findings in refused.items():
            start, end = spans[ordinal - block.first]
            line = block.line + block.data.count(b"\n", 0, start)
            rejects.append(Reject(ordinal, line, block.byte_offset + start, findings, block.data[start:end]))
        return rejects


_WHITE_SPACE = " \t\r\n"


class _Plan:
    """Where the values of an element go: made once from the schema, walked for each record."""

    def __init__(self, element: Element) -> None:
        self.column = element.column
        self.attributes = [(attribute.name, attribute.column) for attribute in element.attributes]
        self.children = {child.tag: _Plan(child) for child in element.children}

    def extract(self, element: etree._Element, row: list[str | None]) -> None:
        """Put the values of a valid element into ``row``."""
        if self.column is not None:
            row[self.column] = element.text or ""
        for name, column in self.attributes:
            row[column] = element.get(name)
        for child in element if self.children else ():
            self.children[str(child.tag)].extract(child, row)
