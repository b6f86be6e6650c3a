"""What a reader makes of a document, all the way to typed rows and the report's findings: to compare readers by."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.errors import KrrExportError
from krr_export.parsing.blocks import Document
from krr_export.parsing.lexical import Reject
from krr_export.parsing.scanning import make_scanner
from krr_export.pipeline.export import open_with
from krr_export.pipeline.process_block import BlockProcessor, Plan
from krr_export.pipeline.read_options import ReadOptions
from krr_export.pipeline.tally import Tally
from krr_export.rules.stage import RuleSet

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

    from krr_export.findings.finding import Notice
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.schema.record_schema import RecordSchema

WHOLE = 1 << 30
"""A size that no document of the tests reaches: it is one block."""

STRICT = frozenset({"mobile-first-digit"})
"""A rule that refuses records, so that these rejects are compared too."""


@dataclass(frozen=True)
class Outcome:
    """What came out of a document up to the first error, if there was one."""

    table: pa.Table
    rejects: list[Reject]
    notices: list[Notice]
    error: tuple[str, ...] | None
    read_by: Counter[str]

    def differs_from(self, other: Outcome) -> list[str]:
        """In what, if in anything. Which reader took a record makes no difference."""
        parts = ("table", "rejects", "notices", "error")
        return [part for part in parts if getattr(self, part) != getattr(other, part)]


def outcome(pieces: bytes | Iterable[bytes], schema: RecordSchema, reader: str, size: int = WHOLE) -> Outcome:
    """What a reader makes of a document that is cut exactly.

    Args:
        pieces: the document; a block ends at the end of a piece, at the earliest.
        schema: the record schema.
        reader: ``auto`` or ``iterparse``.
        size: bytes of a block, about.
    """
    return _outcome(_results([pieces] if isinstance(pieces, bytes) else pieces, schema, reader, size), schema)


def delivered(source: Path | bytes, schema: RecordSchema, reader: str, workers: int = 0) -> Outcome:
    """What a reader makes of a document by the same path as a conversion."""
    options = ReadOptions(workers, reader, rules=True, profile=True, strict=tuple(STRICT))
    return _outcome(_delivered(source, schema, options), schema)


def _results(pieces: Iterable[bytes], schema: RecordSchema, reader: str, size: int) -> Iterator[BlockResult]:
    document = Document(pieces, schema)
    rules = RuleSet(document.header.exported_at, STRICT)
    scanner = make_scanner(schema, document.header.namespaces) if reader == "auto" else None
    processor = BlockProcessor(Plan(schema, document.envelope, scanner, rules))
    for block in document.blocks(size):
        result = processor.process(block)
        assert result.records == block.records
        yield result


def _delivered(source: Path | bytes, schema: RecordSchema, options: ReadOptions) -> Iterator[BlockResult]:
    with open_with(BytesIO(source) if isinstance(source, bytes) else source, schema, options) as export:
        yield from export.results()


def _outcome(results: Iterator[BlockResult], schema: RecordSchema) -> Outcome:
    batches, rejects, tally, error = [], list[Reject](), Tally(), None
    try:
        for result in results:
            assert result.records == result.batch.num_rows + len(result.rejects) == sum(result.read_by.values())
            batches.append(_logical(result.batch, schema))
            rejects += result.rejects
            tally.add(result)
    except KrrExportError as raised:
        error = (type(raised).__name__, raised.message, raised.hint or "")
    return Outcome(pa.Table.from_batches(batches, schema.arrow), rejects, tally.sorted_notices(), error, tally.read_by)


def _logical(batch: pa.RecordBatch, schema: RecordSchema) -> pa.RecordBatch:
    """A block's rows in the schema's own types: how a dictionary came about is no part of what they say."""
    columns = [
        column if column.type == known.type else column.cast(known.type)
        for column, known in zip(batch.columns, schema.arrow, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema.arrow)


def disagreements(pieces: bytes | list[bytes], schema: RecordSchema, size: int = WHOLE) -> list[str]:
    """In what the fast reader's outcome differs from the reference's; nothing, if all is well."""
    return outcome(pieces, schema, "auto", size).differs_from(outcome(pieces, schema, "iterparse", size))


def pieces_of(document: bytes, length: int) -> list[bytes]:
    """A document in pieces of this length."""
    return [document[at : at + length] for at in range(0, len(document), length)]


def pick_out(patch: pytest.MonkeyPatch, share: float = 1.0) -> None:
    """Have unusual records picked out up to this share of a block, however small it is."""
    patch.setattr("krr_export.pipeline.process_block.UNUSUAL_SHARE", share)
