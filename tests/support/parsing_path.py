"""Parsing as one function: blocks, the reference reader, and the conversion to typed columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from krr_export.parsing.blocks import BLOCK_BYTES, Document
from krr_export.parsing.columns import to_arrow
from krr_export.parsing.reference import IterparseReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.parsing.block import Block
    from krr_export.parsing.header import Header
    from krr_export.parsing.lexical import Reject
    from krr_export.schema.record_schema import RecordSchema


@dataclass(frozen=True)
class Remark:
    """An observation about one value."""

    code: str
    field: str
    radnummer: int


@dataclass(frozen=True)
class ParsedExport:
    """What the reference reader made of an export."""

    header: Header
    texts: list[tuple[str | None, ...]]
    """The accepted records' values as they were written, a record at a time."""
    rows: list[dict[str, Any]]
    rejects: list[Reject]
    observations: list[Remark]

    @property
    def codes(self) -> list[tuple[str, str | None]]:
        """Code and field of every reason for a reject."""
        return [(finding.code, finding.field) for reject in self.rejects for finding in reject.findings]

    @property
    def accepted(self) -> list[bool]:
        """Whether each record was accepted, in order."""
        accepted = {row["radnummer"]: True for row in self.rows}
        return [accepted.get(ordinal, False) for ordinal in range(1, len(self.rows) + len(self.rejects) + 1)]


def cut_blocks(
    data: bytes | Iterable[bytes], schema: RecordSchema, size: int = BLOCK_BYTES
) -> tuple[Document, list[Block]]:
    """A document and its blocks."""
    document = Document([data] if isinstance(data, bytes) else data, schema)
    return document, list(document.blocks(size))


@lru_cache(maxsize=16)
def reader_of(schema: RecordSchema, envelope: tuple[bytes, bytes]) -> IterparseReader:
    """A reader, which remembers nothing from block to block: making one takes longer than reading a tiny export."""
    return IterparseReader(schema, envelope)


def parse(data: bytes | Iterable[bytes], schema: RecordSchema, size: int = BLOCK_BYTES) -> ParsedExport:
    """Read an export with the reference reader alone, in blocks of about this size, and type its values."""
    document = Document([data] if isinstance(data, bytes) else data, schema)
    reader = reader_of(schema, document.envelope)
    texts: list[tuple[str | None, ...]] = []
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    observations: list[Remark] = []
    for block in document.blocks(size):
        lexical = reader.read(block)
        typed = to_arrow(lexical, schema)
        texts += zip(*lexical.columns, strict=True)
        rows += typed.batch.to_pylist()
        rejects += lexical.rejects
        observations += [
            Remark(remark.code, remark.field, lexical.ordinals[row])
            for remark in typed.observations
            for row in remark.rows
        ]
    return ParsedExport(document.header, texts, rows, rejects, observations)
