"""Inspection of the beginning of an export: its header, the schemas that accept it, its first records masked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack

import msgspec
import pyarrow as pa

from krr_export.errors import InputError
from krr_export.findings.detail import mask
from krr_export.input.delivery import provenance
from krr_export.input.delivery.opening import DeliveryKeywords, with_keywords
from krr_export.input.open_source import open_source, source_name
from krr_export.parsing.blocks import Document
from krr_export.parsing.reference import IterparseReader
from krr_export.pipeline.export import attribute_errors, name_source_in_errors
from krr_export.schema.record_schema import BUILT_IN
from krr_export.schema.registry import load_schema
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import number, short_repr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.input.delivery.provenance import Provenance
    from krr_export.parsing.block import Block
    from krr_export.parsing.lexical import LexicalBlock, Reject
    from krr_export.schema.record_schema import Field, RecordSchema

SHOWN_RECORDS = 5
"""The number of records shown."""

_MAX_VALIDATED = 100
"""The most records validated with each schema: as many as came in the blocks of the first few."""

ABSENT = "absent"
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:\d\d)\s*$")


@dataclass(frozen=True)
class InspectedFinding:
    """A reason for a reject.

    Attributes:
        code: its stable name.
        field: the element or attribute; ``None`` for the record as a whole or an unknown element.
        detail: what is wrong, masked.
    """

    code: str
    field: str | None
    detail: str


@dataclass(frozen=True)
class InspectedRecord:
    """One record, masked.

    Attributes:
        number: its ordinal in the export, from 1.
        accepted: whether the schema accepts it.
        findings: the reasons for a reject.
        values: the masked values of an accepted record, by column: enumerated ones as they are; of others the kind and
            length; of times and binary values the kind alone; or ``absent``.
    """

    number: int
    accepted: bool
    findings: tuple[InspectedFinding, ...]
    values: dict[str, str]


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting the beginning of an export. It contains no personal value.

    Attributes:
        source: the export's name.
        compression: ``gzip`` or ``none``.
        encoding: of the delivered bytes.
        delivery: the recipient and the signature of an encrypted delivery; see
            `krr_export.input.delivery.provenance`. ``None`` for any other source.
        eksport_tidspunkt: the export's time, as written.
        seneste_endringsnummer: the register's last change number in the export.
        schema: the name of the requested schema.
        judged: the number of records, from the first, that were validated with each schema.
        accepted_by: the number of them that each schema accepts: the requested one, and the built-in ones.
        records: the first few records, masked.
    """

    source: str
    compression: str
    encoding: str
    delivery: Provenance | None
    eksport_tidspunkt: str
    seneste_endringsnummer: int
    schema: str
    judged: int
    accepted_by: dict[str, int]
    records: tuple[InspectedRecord, ...]

    def __repr__(self) -> str:
        accepted = self.accepted_by[self.schema]
        return short_repr(self, source=self.source, schema=self.schema, judged=self.judged, accepted=accepted)

    def to_dict(self) -> dict[str, Any]:
        """Return the inspection for JSON; every key is always present."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document

    def verdict(self) -> str:
        """Return the result in one line."""
        accepted = f"{self.accepted_by[self.schema]} of the first {self.judged} records are valid by {self.schema}"
        return f"{accepted}; convert or validate reads them all{provenance.describe_warnings(self.delivery)}"

    def lines(self) -> Iterator[str]:
        """Yield the result as lines of text for people."""
        compression = ", gzip" if self.compression == "gzip" else ""
        yield f"export    {self.source}: {self.encoding}{compression}"
        yield from provenance.describe(self.delivery, datetime.now(UTC))
        yield f"made      {self.eksport_tidspunkt}, change number {self.seneste_endringsnummer}"
        for name, accepted in self.accepted_by.items():
            hint = f": try --schema {name}" if accepted > self.accepted_by[self.schema] else ""
            yield f"schema    {name} accepts {number(accepted)} of the first {number(self.judged)} records{hint}"
        for record in self.records:
            yield from _record_lines(record)


@refuse_wrong_options(DeliveryKeywords.__annotations__, schema=StrPath)
def inspect(
    source: StrPath | BinaryIO,
    schema: str | Path = "14-05",
    delivery: DeliveryOptions | None = None,
    **keys: Unpack[DeliveryKeywords],
) -> Inspection:
    """Inspect the beginning of an export; the rest is not read.

    >>> inspection = krr_export.inspect("export.xml.gz")
    >>> inspection.schema, inspection.records[0].accepted
    ('14-05', True)

    Args:
        source: a path (plain or gzip), ``-`` for standard input, or a binary stream.
        schema: ``14-05``, ``16-02``, or the path of an XSD.
        delivery: how a delivery is verified, which reads all of it, and decrypted.
        keys: options of ``delivery`` by name, such as ``private_key="receiver.p12"``; they override it.

    Raises:
        UsageError: there is no such schema.
        InputError: there is no export, or its beginning is not an export's.
    """
    requested = load_schema(schema)
    with (
        name_source_in_errors(source_name(source)),
        open_source(source, delivery=with_keywords(delivery, keys)) as stream,
        attribute_errors(stream, whole=False),
    ):
        document = Document(stream, requested)
        blocks = _first_blocks(document)
        lexical = [_read_block(block, requested, document) for block in blocks]
        others = [load_schema(name) for name in BUILT_IN if name != requested.name]
        stream.prove()
        accepted = {requested.name: sum(len(block.ordinals) for block in lexical)}
        return Inspection(
            source=stream.name,
            compression=stream.compression,
            encoding=document.header.encoding,
            delivery=stream.provenance,
            eksport_tidspunkt=document.header.eksport_tidspunkt,
            seneste_endringsnummer=document.header.seneste_endringsnummer,
            schema=requested.name,
            judged=sum(block.records for block in blocks),
            accepted_by=accepted | {other.name: _count_accepted(blocks, other, document) for other in others},
            records=tuple(_mask_records(lexical, requested))[:SHOWN_RECORDS],
        )


def _first_blocks(document: Document) -> list[Block]:
    """Return the first blocks, each from a single read, until there are enough records to show."""
    found: list[Block] = []
    remaining = _MAX_VALIDATED
    for block in document.blocks(1):
        found.append(block.first_records(remaining))
        remaining -= found[-1].records
        if _MAX_VALIDATED - remaining >= SHOWN_RECORDS:
            break
    return found


def _read_block(block: Block, schema: RecordSchema, document: Document) -> LexicalBlock:
    return IterparseReader(schema, document.envelope).read(block)


def _count_accepted(blocks: list[Block], schema: RecordSchema, document: Document) -> int:
    """Return how many records another schema accepts; 0 also if its record element has another name."""
    try:
        return sum(len(_read_block(block, schema, document).ordinals) for block in blocks)
    except InputError:
        return 0


def _mask_records(blocks: list[LexicalBlock], schema: RecordSchema) -> Iterator[InspectedRecord]:
    """Yield the records in order, accepted or not, masked."""
    for block in blocks:
        records = [_accepted_record(block, row, schema) for row in range(len(block.ordinals))]
        records += [_rejected_record(reject) for reject in block.rejects]
        yield from sorted(records, key=lambda record: record.number)


def _accepted_record(block: LexicalBlock, row: int, schema: RecordSchema) -> InspectedRecord:
    values = {
        field.name: _mask_value(column[row], field) for field, column in zip(schema.fields, block.columns, strict=True)
    }
    return InspectedRecord(block.ordinals[row], accepted=True, findings=(), values=values)


def _rejected_record(reject: Reject) -> InspectedRecord:
    findings = tuple(InspectedFinding(one.code, one.field, str(one.detail)) for one in reject.findings)
    return InspectedRecord(reject.ordinal, accepted=False, findings=findings, values={})


def _mask_value(value: str | None, field: Field) -> str:
    """Return a value of an accepted record, masked for display."""
    if value is None:
        return ABSENT
    if pa.types.is_dictionary(field.arrow_type):
        return value  # a value listed in the XSD
    if pa.types.is_timestamp(field.arrow_type):
        return "time with offset" if _OFFSET.search(value) else "time without offset"
    return str(mask(value)) if pa.types.is_string(field.arrow_type) else str(field.arrow_type)


def _record_lines(record: InspectedRecord) -> Iterator[str]:
    yield f"record {record.number}  {'accepted' if record.accepted else 'rejected'}"
    for finding in record.findings:
        yield f"  {finding.code}: {': '.join(filter(None, (finding.field, finding.detail)))}"
    width = max(map(len, record.values), default=0)
    yield from (f"  {name:{width}}  {shown}" for name, shown in record.values.items())
