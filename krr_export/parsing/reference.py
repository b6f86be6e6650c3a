"""The reference reader: parse with lxml, and validate each record on its own against the XSD.

``iterparse(schema=…)`` would be shorter, but it yields every record and raises only at the end, so it cannot tell which
record was refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from krr_export.errors import InputError
from krr_export.parsing.binary import BINARY_DECODERS
from krr_export.parsing.diagnosis import Diagnosis, measure_depth
from krr_export.parsing.header import skip_misc
from krr_export.parsing.lexical import LexicalBlock, Reject
from krr_export.parsing.tokenizing import count_line_ends
from krr_export.parsing.xml.bounds import HOSTILE, find_element_in_gap, find_excess
from krr_export.parsing.xml.well_formed import not_well_formed, parser_options
from krr_export.util.tags import namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from krr_export.findings.finding import Finding
    from krr_export.parsing.block import Block
    from krr_export.schema.record_schema import Element, RecordSchema

NAME = "iterparse"
LIBXML2_VERSION = ".".join(map(str, etree.LIBXML_VERSION))

MAX_DEPTH = 64
"""A deeper record is refused as hostile: it is an attack rather than a mistake."""

REPEATED_BYTES = 256
"""A refused record up to this size is validated once a block, however often the same bytes are repeated there."""


class IterparseReader:
    """Reads blocks with lxml and validates each record with libxml2.

    Args:
        schema: the structure of a record.
        envelope: a start and an end tag with the root's namespaces, to make a document of a block.
    """

    def __init__(self, schema: RecordSchema, envelope: tuple[bytes, bytes]) -> None:
        self._schema = schema
        self._before, self._after = envelope
        self._validator = schema.record_validator()
        self._diagnosis = Diagnosis(schema)
        self._extractor = _Extractor(schema.record)
        uri = namespace(schema.record.tag)
        record, prefix = ({"record": uri}, "record:") if uri else ({}, "")
        other = f"*[not(self::{prefix}{schema.record.local_name})][1]"
        self._count_others = etree.XPath(f"count({other})", namespaces=record)
        self._count_before_other = etree.XPath(f"count({other}/preceding-sibling::*)", namespaces=record)
        # libxml2 accepts some base64 that the XSD does not (junk after a whole group), so decoding decides.
        self._binary_columns = [
            (i, BINARY_DECODERS[f.base]) for i, f in enumerate(schema.fields) if f.base in BINARY_DECODERS
        ]

    def read(self, block: Block) -> LexicalBlock:
        """Read one block.

        Raises:
            InputError: the block is not well-formed, or contains something that no export may contain.
        """
        harmless, refusal = self._within_bounds(block)
        rows: list[list[str | None]] = []
        ordinals: list[int] = []
        refused: dict[int, tuple[Finding, ...]] = {}
        diagnosed: dict[bytes, tuple[Finding, ...]] = {}
        ordinals_read = block.ordinals[: harmless.records]
        for ordinal, record, (start, end) in zip(
            ordinals_read, self._records(harmless), harmless.spans.tolist(), strict=True
        ):
            markup = block.buffer[start:end]
            findings, row = (diagnosed[markup], []) if markup in diagnosed else self._validate(record, ordinal)
            if findings:
                refused[ordinal] = findings
                if len(markup) <= REPEATED_BYTES:
                    diagnosed[markup] = findings
            else:
                rows.append(row)
                ordinals.append(ordinal)
        if refusal is not None:
            raise refusal
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in self._schema.fields]
        read_by = {NAME: len(ordinals) + len(refused)}
        return LexicalBlock(ordinals, columns, self._rejects(block, refused), read_by)

    def _records(self, block: Block) -> Iterator[etree._Element]:
        """Yield the records of a block, one at a time; each is cleared when the next one is asked for."""
        parser = etree.XMLPullParser(events=("end",), tag=self._schema.record.tag, **parser_options())
        root = refusal = None
        try:
            for element in _ended_elements(parser, self._before, block.data, self._after):
                parent = element.getparent()
                if root is None and parent is not None:
                    root = parent.getroottree().getroot()
                if parent is not root:
                    continue  # an element of the record's name within a record: left to the XSD
                stray = self._find_stray(element, block)
                if stray is not None and self._comes_first(block, parser.feed_error_log):
                    raise stray
                yield element
                element.clear(keep_tail=True)
            self._check_between(parser.close(), block)
        except etree.XMLSyntaxError as error:
            refusal = not_well_formed(error, self._lines_before(block), parser.feed_error_log)
        if refusal is not None:
            raise refusal  # raised here, so that the parser's error, which quotes the document, is not its context

    def _within_bounds(self, block: Block) -> tuple[Block, InputError | None]:
        """Return the part of the block that is within bounds, and the error to raise after reading it, if any."""
        at = 0
        for index, (start, end) in enumerate([*block.spans.tolist(), (block.size, block.size)]):
            stray = find_element_in_gap(block.buffer, at, start)
            if stray is not None:
                return block.truncated(index, stray), self._other_element_error(block, index)
            if (too_much := find_excess(block.buffer[start:end])) is not None:
                refusal = InputError(f"record {block.first + index} has {too_much}", HOSTILE)
                return block.truncated(index, start), refusal
            at = end
        return block, None

    def _check_between(self, root: etree._Element, block: Block) -> None:
        """Check that there is only white space between the records, which are cleared by now."""
        if self._count_others(root):
            raise self._other_element_error(block, self._count_before_other(root))
        if etree.tostring(root, method="text", encoding="utf-8").strip(_WHITE_SPACE):
            raise self._text_between_error(block)

    def _find_stray(self, record: etree._Element, block: Block) -> InputError | None:
        """Return the error about anything but white space right before a record, to report it before later faults."""
        previous, root = record.getprevious(), record.getparent()
        if previous is not None and root is not None and previous.tag != record.tag:
            return self._other_element_error(block, self._count_before_other(root))
        text = previous.tail if previous is not None else root.text if root is not None else None
        return self._text_between_error(block) if text and text.strip(_WHITE_SPACE.decode()) else None

    def _comes_first(self, block: Block, log: Iterable[etree._LogEntry]) -> bool:
        """Return whether a stray comes before all errors of the parser, which reads ahead."""
        line = self._line_of_first_stray(block) - self._lines_before(block)
        return all(entry.line > line for entry in log)

    def _lines_before(self, block: Block) -> int:
        """Return what to add to the parser's lines to get the document's."""
        return block.line - 1 - self._before.count(b"\n")

    def _other_element_error(self, block: Block, after: object) -> InputError:
        line = self._line_of_first_stray(block, after)
        return InputError(
            f"line {line}: an element other than {self._schema.record.local_name} stands under the root",
            "is it an export, and --schema the right version?",
        )

    def _text_between_error(self, block: Block) -> InputError:
        return InputError(
            f"line {self._line_of_first_stray(block)}: text stands between the records",
            "ask the sender for a whole export",
        )

    def _line_of_first_stray(self, block: Block, after: object = None) -> int:
        """Return the line of the first thing in a block that may not be between records.

        Args:
            block: the block.
            after: the number of records before it, at most, if known: what looks like the next record may be in another
                namespace.
        """
        data, at = block.data, 0
        for index, (start, end) in enumerate(block.spans.tolist()):
            at = skip_misc(data, at)
            if at < start or index == after:
                break
            at = end
        return block.line + count_line_ends(data, 0, skip_misc(data, at))

    def _validate(self, record: etree._Element, ordinal: int) -> tuple[tuple[Finding, ...], list[str | None]]:
        """Return the reasons to refuse a record, or no reasons and its values."""
        row: list[str | None] = [None] * len(self._schema.fields)
        if not self._validator.validate(record):
            if measure_depth(record, MAX_DEPTH) > MAX_DEPTH:
                raise InputError(f"record {ordinal} is nested more than {MAX_DEPTH} elements deep", "is it hostile?")
            return self._diagnosis.findings(record, self._validator.error_log), row
        self._extractor.extract(record, row)
        findings = tuple(
            self._diagnosis.wrong_type(column, value)
            for column, decode in self._binary_columns
            if (value := row[column]) is not None and decode(value) is None
        )
        return findings, row

    def _rejects(self, block: Block, refused: dict[int, tuple[Finding, ...]]) -> list[Reject]:
        origin = block.origin
        return [
            Reject(
                ordinal, place.line, origin.byte_offset + place.start, findings, origin.buffer[place.start : place.end]
            )
            for (ordinal, findings), place in zip(refused.items(), origin.locations(refused), strict=True)
        ]


_WHITE_SPACE = b" \t\r\n"

_FEED_BYTES = 1 << 15


def _ended_elements(parser: etree.XMLPullParser, *pieces: bytes) -> Iterator[etree._Element]:
    """Yield the elements that end in ``pieces``, up to the first error, which is raised after them.

    lxml.iterparse does the same, but ignores ``collect_ids``: two records with one xml:id would end the run.
    """
    for piece in pieces:
        for at in range(0, len(piece), _FEED_BYTES):
            error = None
            try:
                parser.feed(piece[at : at + _FEED_BYTES])
            except etree.XMLSyntaxError as raised:
                error = raised
            if error is None and parser.feed_error_log.filter_from_errors():
                # An undeclared entity. lxml raises that only at the end, and takes the next piece for a new document.
                error = etree.XMLSyntaxError("", 0, 0, 0)
            yield from (element for _, element in parser.read_events())
            if error is not None:
                raise error


class _Extractor:
    """Extracts the values of an element into columns: built once from the schema, run for each record."""

    def __init__(self, element: Element) -> None:
        self._attributes = [(attribute.name, attribute.column) for attribute in element.attributes]
        self._children = {
            child.tag: (child.column, _Extractor(child) if child.attributes or child.children else None)
            for child in element.children
        }

    def extract(self, element: etree._Element, row: list[str | None]) -> None:
        """Put the values of a valid element into ``row``."""
        for name, column in self._attributes:
            row[column] = element.get(name)
        for child in element if self._children else ():
            text_column, below = self._children[str(child.tag)]
            if text_column is not None:
                row[text_column] = child.text or ""
            if below is not None:
                below.extract(child, row)
