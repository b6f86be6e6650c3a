"""A look at the beginning of an export: what it says of itself, which schema it fits, its first records masked."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from krr_export.errors import InputError
from krr_export.findings.finding import mask
from krr_export.input.delivery import provenance
from krr_export.input.source import open_source, source_name
from krr_export.parsing.blocks import Document
from krr_export.parsing.reference import IterparseReader
from krr_export.pipeline.export import blaming, naming
from krr_export.schema.record_schema import BUILT_IN, load_schema
from krr_export.util.formatting import number

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.parsing.blocks import Block
    from krr_export.parsing.lexical import LexicalBlock, Reject
    from krr_export.schema.record_schema import Field, RecordSchema

SHOWN_RECORDS = 5
"""How many records are shown."""

_JUDGED_RECORDS = 100
"""How many are shown to each schema, at most: as many as came with the first few."""

ABSENT = "absent"
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:\d\d)\s*$")


@dataclass(frozen=True)
class InspectedRecord:
    """One record, masked.

    Attributes:
        number: its ordinal in the export, from 1.
        accepted: whether the schema accepts it.
        findings: why not, as code, field and masked detail.
        values: of an accepted record, each column's value, masked: enumerated ones as they are, of others the kind and
            length, of times and binary values the kind alone; ``absent``.
    """

    number: int
    accepted: bool
    findings: tuple[dict[str, str | None], ...]
    values: dict[str, str]


@dataclass(frozen=True)
class Inspection:
    """What the beginning of an export tells. Nothing in it is a personal value.

    Attributes:
        source: the export's name.
        compression: ``gzip`` or ``none``.
        encoding: the encoding it was delivered in.
        delivery: of an encrypted delivery: for whom, and how it is known from whom; see
            `krr_export.input.delivery.provenance`. ``None`` of any other source.
        eksport_tidspunkt: when it was made, as written.
        seneste_endringsnummer: the register's last change number in it.
        schema: the name of the schema that was asked for.
        judged: how many records, the first ones, were shown to each schema.
        accepted_by: how many of them each schema accepts: the one asked for, and the built-in ones.
        records: the first few.
    """

    source: str
    compression: str
    encoding: str
    delivery: dict[str, Any] | None
    eksport_tidspunkt: str
    seneste_endringsnummer: int
    schema: str
    judged: int
    accepted_by: dict[str, int]
    records: tuple[InspectedRecord, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it; keys are always there."""
        return asdict(self)

    def verdict(self) -> str:
        """The same in one line."""
        accepted = f"{self.accepted_by[self.schema]} of the first {self.judged} records are valid by {self.schema}"
        return f"{accepted}; convert or validate reads them all{provenance.describe_warnings(self.delivery)}"

    def lines(self) -> Iterator[str]:
        """The same for people."""
        packed = ", gzip" if self.compression == "gzip" else ""
        yield f"export    {self.source}: {self.encoding}{packed}"
        yield from provenance.describe(self.delivery, datetime.now(UTC))
        yield f"made      {self.eksport_tidspunkt}, change number {self.seneste_endringsnummer}"
        for name, accepted in self.accepted_by.items():
            better = f": try --schema {name}" if accepted > self.accepted_by[self.schema] else ""
            yield f"schema    {name} accepts {number(accepted)} of the first {number(self.judged)} records{better}"
        for record in self.records:
            yield from _record_lines(record)


def inspect(
    source: str | os.PathLike[str] | BinaryIO, schema: str | Path = "14-05", delivery: DeliveryOptions | None = None
) -> Inspection:
    """Look at the beginning of an export; the rest is not read, so nothing is said of it.

    Args:
        source: a path (plain or gzip), ``-`` for standard input, or a binary stream.
        schema: ``14-05``, ``16-02``, or the path of an XSD.
        delivery: how a delivery is verified, which reads it whole, and decrypted.

    Raises:
        UsageError: there is no such schema.
        InputError: there is no export, or its beginning is not an export's.
    """
    asked = load_schema(schema)
    with naming(source_name(source)), open_source(source, delivery=delivery) as stream, blaming(stream, whole=False):
        document = Document(stream, asked)
        blocks = _beginning(document)
        lexical = [_read(block, asked, document) for block in blocks]
        others = [load_schema(name) for name in BUILT_IN if name != asked.name]
        stream.prove()
        accepted = {asked.name: sum(len(block.ordinals) for block in lexical)}
        return Inspection(
            source=stream.name,
            compression=stream.compression,
            encoding=document.header.encoding,
            delivery=stream.provenance,
            eksport_tidspunkt=document.header.eksport_tidspunkt,
            seneste_endringsnummer=document.header.seneste_endringsnummer,
            schema=asked.name,
            judged=sum(block.records for block in blocks),
            accepted_by=accepted | {other.name: _accepted(blocks, other, document) for other in others},
            records=tuple(_masked(lexical, asked))[:SHOWN_RECORDS],
        )


def _beginning(document: Document) -> list[Block]:
    """The first blocks, each of what a single read gives, until there are enough records to show."""
    found: list[Block] = []
    room = _JUDGED_RECORDS
    for block in document.blocks(1):
        found.append(block.first_records(room))
        room -= found[-1].records
        if _JUDGED_RECORDS - room >= SHOWN_RECORDS:
            break
    return found


def _read(block: Block, schema: RecordSchema, document: Document) -> LexicalBlock:
    return IterparseReader(schema, document.envelope).read(block)


def _accepted(blocks: list[Block], schema: RecordSchema, document: Document) -> int:
    """How many records a schema accepts that was not asked for: its record may even have another name."""
    try:
        return sum(len(_read(block, schema, document).ordinals) for block in blocks)
    except InputError:
        return 0


def _masked(blocks: list[LexicalBlock], schema: RecordSchema) -> Iterator[InspectedRecord]:
    """The records in order, accepted or not."""
    for block in blocks:
        records = [_accepted_record(block, row, schema) for row in range(len(block.ordinals))]
        records += [_rejected_record(reject) for reject in block.rejects]
        yield from sorted(records, key=lambda record: record.number)


def _accepted_record(block: LexicalBlock, row: int, schema: RecordSchema) -> InspectedRecord:
    values = {
        field.name: _display(column[row], field) for field, column in zip(schema.fields, block.columns, strict=True)
    }
    return InspectedRecord(block.ordinals[row], accepted=True, findings=(), values=values)


def _rejected_record(reject: Reject) -> InspectedRecord:
    findings = tuple(asdict(finding) for finding in reject.findings)
    return InspectedRecord(reject.ordinal, accepted=False, findings=findings, values={})


def _display(value: str | None, field: Field) -> str:
    """A value of an accepted record as it may be shown."""
    if value is None:
        return ABSENT
    if pa.types.is_dictionary(field.arrow_type):
        return value  # one of those that the XSD lists
    if pa.types.is_timestamp(field.arrow_type):
        return "time with offset" if _OFFSET.search(value) else "time without offset"
    return mask(value) if pa.types.is_string(field.arrow_type) else str(field.arrow_type)


def _record_lines(record: InspectedRecord) -> Iterator[str]:
    yield f"record {record.number}  {'accepted' if record.accepted else 'rejected'}"
    for finding in record.findings:
        where = f"{finding['field']}: " if finding["field"] else ""
        yield f"  {finding['code']}: {where}{finding['detail']}"
    width = max(map(len, record.values), default=0)
    yield from (f"  {name:{width}}  {shown}" for name, shown in record.values.items())
