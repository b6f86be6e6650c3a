"""The road of one block: reader, then columns. What a worker does, wherever it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.columns import to_arrow
from krr_export.findings import MAX_EXAMPLES, Example, Notice, mask
from krr_export.readers import make_reader

if TYPE_CHECKING:
    import pyarrow as pa

    from krr_export.blocks import Block, Cutter, Span
    from krr_export.columns import Remark
    from krr_export.readers.base import LexicalBlock, Reject
    from krr_export.schema import RecordSchema


@dataclass(frozen=True)
class RoadMap:
    """All that is needed to travel the road of any block of one document; goes to each worker once.

    Attributes:
        schema: what a record holds.
        envelope: a start and an end tag with the root's namespaces.
        cutter: finds single records in a block.
        reader: ``auto`` or a reader's name.
    """

    schema: RecordSchema
    envelope: tuple[bytes, bytes]
    cutter: Cutter
    reader: str


@dataclass(frozen=True)
class BlockResult:
    """What became of one block.

    Attributes:
        records: how many it held: the batch's rows and the rejects together.
        batch: the accepted records, typed.
        rejects: the others.
        notices: what there is to say of them all.
        read_by: records by the reader that took them.
    """

    records: int
    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]
    read_by: dict[str, int]


class Road:
    """Travels the road, block by block."""

    def __init__(self, road_map: RoadMap) -> None:
        self._map = road_map
        self._reader = make_reader(road_map.reader, road_map.schema, road_map.envelope, road_map.cutter)
        self._shown: Counter[str] = Counter()

    def travel(self, block: Block) -> BlockResult:
        """Read and type one block.

        Raises:
            InputError: the block is not well-formed, or holds what no export may hold.
        """
        lexical = self._reader.read(block)
        typed = to_arrow(lexical, self._map.schema)
        notices = [*_refusals(lexical.rejects), *self._notices(typed.remarks, lexical, block)]
        records = len(lexical.ordinals) + len(lexical.rejects)
        return BlockResult(records, typed.batch, lexical.rejects, notices, lexical.read_by)

    def _notices(self, remarks: list[Remark], lexical: LexicalBlock, block: Block) -> list[Notice]:
        """Remarks on columns as notices by code, with places for as many as a report may show."""
        spans: list[Span] = []
        columns = {field.label: column for column, field in enumerate(self._map.schema.fields)}
        by_code: dict[str, list[Remark]] = {}
        for remark in remarks:
            by_code.setdefault(remark.code, []).append(remark)
        notices = []
        for code, alike in by_code.items():
            examples = []
            # Blocks reach a worker in order, so what it showed before comes before this in the report as well.
            if self._shown[code] < MAX_EXAMPLES:
                spans = spans or self._map.cutter.scan(block.data).spans
                places = sorted((row, columns[remark.field]) for remark in alike for row in remark.rows[:MAX_EXAMPLES])
                examples = [self._example(*place, lexical, block, spans) for place in places[:MAX_EXAMPLES]]
                self._shown[code] += len(examples)
            rows = {row for remark in alike for row in remark.rows}
            notices.append(Notice(code, {r.field: len(r.rows) for r in alike}, len(rows), tuple(examples)))
        return notices

    def _example(self, row: int, column: int, lexical: LexicalBlock, block: Block, spans: list[Span]) -> Example:
        ordinal = lexical.ordinals[row]
        start = spans[ordinal - block.first].start
        return Example(
            record=ordinal,
            line=block.line + block.data.count(b"\n", 0, start),
            byte_offset=block.byte_offset + start,
            field=self._map.schema.fields[column].label,
            detail=mask(lexical.columns[column][row] or ""),
        )


def _refusals(rejects: list[Reject]) -> list[Notice]:
    """The rejects' findings as notices by code."""
    notices: dict[str, tuple[Counter[str], set[int], list[Example]]] = {}
    for reject in rejects:
        for finding in reject.findings:
            fields, records, examples = notices.setdefault(finding.code, (Counter(), set(), []))
            fields[finding.field or ""] += 1
            records.add(reject.ordinal)
            if len(examples) < MAX_EXAMPLES:
                place = (reject.ordinal, reject.line, reject.byte_offset)
                examples.append(Example(*place, finding.field, finding.detail))
    return [
        Notice(code, dict(fields), len(records), tuple(examples))
        for code, (fields, records, examples) in notices.items()
    ]
