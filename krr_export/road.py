"""The road of one block: reader, then columns. What a worker does, wherever it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.blocks import MAX_RECORD_BYTES, Block
from krr_export.certain import certain
from krr_export.characters import characters_of
from krr_export.columns import to_arrow, to_batch
from krr_export.errors import InputError
from krr_export.findings import MAX_EXAMPLES, Example, Notice, mask
from krr_export.readers.iterparse import IterparseReader
from krr_export.readers.pattern import NAME as PATTERN
from krr_export.readers.pattern import ODD_SHARE, PatternReader
from krr_export.schema import ORDINAL
from krr_export.tiling import Tiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from krr_export.certain import Certain
    from krr_export.characters import Characters
    from krr_export.columns import Remark
    from krr_export.cutter import Cutter, Span
    from krr_export.derive import Derivation
    from krr_export.guesses import Guess
    from krr_export.profile import Profile, Profiler
    from krr_export.readers.base import LexicalBlock, Reject
    from krr_export.readers.pattern import Tiles
    from krr_export.schema import RecordSchema


@dataclass(frozen=True)
class RoadMap:
    """All that is needed to travel the road of any block of one document; goes to each worker once.

    Attributes:
        schema: what a record holds.
        envelope: a start and an end tag with the root's namespaces.
        namespaces: the root's prefixes.
        cutter: finds single records in a block.
        reader: ``auto`` or a reader's name.
        profiler: makes profiles of the accepted records; ``None`` for none.
        derivation: what is derived of the accepted records; ``None`` for nothing.
    """

    schema: RecordSchema
    envelope: tuple[bytes, bytes]
    namespaces: Mapping[str, str]
    cutter: Cutter
    reader: str
    profiler: Profiler | None = None
    derivation: Derivation | None = None


@dataclass(frozen=True)
class BlockResult:
    """What became of one block.

    Attributes:
        records: how many it held: the batch's rows and the rejects together.
        batch: the accepted records, typed, and what is derived of them.
        rejects: the others.
        notices: what there is to say of them all.
        read_by: records by the reader that took them.
        lines: how many line ends it held.
        profile: what the accepted records hold; ``None`` where nobody asked.
    """

    records: int
    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]
    read_by: dict[str, int]
    lines: int = 0
    profile: Profile | None = None

    def placed(self, first: int, line: int) -> BlockResult:
        """The result of a block that was read as if it were the first, in its place.

        Args:
            first: the ordinal of its first record in the export.
            line: the line it begins on.
        """
        ordinals = pc.add(self.batch.column(0), first - 1)
        return replace(
            self,
            batch=self.batch.set_column(0, self.batch.schema.field(0), ordinals),
            rejects=[replace(r, ordinal=r.ordinal + first - 1, line=r.line + line - 1) for r in self.rejects],
            notices=[notice.placed(first - 1, line - 1) for notice in self.notices],
        )


@dataclass(frozen=True)
class Remarks:
    """Values of a block with something to say of them, before it is known where in the document they are.

    Attributes:
        rows: the rows concerned, by code and column.
        ordinal: a row's ordinal in the export.
        value: what a row holds in a column.
        span: where a record of the block is, by its index, with what stands before it or without; asked for only if an
            example is shown.
    """

    rows: dict[str, dict[int, list[int]]]
    ordinal: Callable[[int], int]
    value: Callable[[int, int], str]
    span: Callable[[int], Span]


class Road:
    """Travels the road, block by block; the blocks come in the document's order."""

    def __init__(self, road_map: RoadMap) -> None:
        self._schema = road_map.schema
        self._cutter = road_map.cutter
        self._reference = IterparseReader(road_map.schema, road_map.envelope, road_map.cutter)
        self._pattern = _pattern_reader(road_map)
        self._profiler = road_map.profiler
        self._derivation = road_map.derivation
        self._shown: Counter[str] = Counter()

    def travel(self, block: Block) -> BlockResult:
        """Read and type one block.

        Raises:
            InputError: the block is not well-formed, or holds what no export may hold.
        """
        characters = characters_of(block.data)
        result = self._by_pattern(self._pattern, block, characters) if self._pattern else None
        result = self._looked_at(result or self._by_reference(block))
        self._count_examples(result)
        return result

    def travel_guess(self, guess: Guess, data: bytes) -> BlockResult | None:
        """Read and type a block that was cut by guess, as if it were the document's first.

        ``None`` where the guess was wrong, or the block holds what ends the run: both want it cut exactly.

        Args:
            guess: where the block is.
            data: its bytes.
        """
        if len(data) > MAX_RECORD_BYTES:
            return None  # it may be one record
        block = Block(data, first=1, records=0, byte_offset=guess.byte_offset, line=1)
        characters = characters_of(data)
        result = self._by_pattern(self._pattern, block, characters) if self._pattern else None
        if result is None:
            scan = self._cutter.scan(data)
            if scan.stop is not None or scan.open_at is not None or not scan.spans or scan.spans[-1].end < len(data):
                return None
            try:
                result = self._by_reference(block)
            except InputError:
                return None
        result = self._looked_at(result)
        self._count_examples(result)
        return replace(result, lines=characters.line_ends)

    def _looked_at(self, result: BlockResult) -> BlockResult:
        """The result after the stages that look at a whole block's typed records, whoever read them."""
        if self._profiler is not None:
            result = replace(result, profile=self._profiler.of(result.batch))
        if self._derivation is not None:
            result = replace(result, batch=self._derivation.apply(result.batch))
        return result

    def _count_examples(self, result: BlockResult) -> None:
        for notice in result.notices:
            self._shown[notice.code] += len(notice.examples)

    def _by_reference(self, block: Block) -> BlockResult:
        spans = cache(lambda: self._cutter.scan(block.data).spans)
        return self._typed(self._reference.read(block), block, lambda index: spans()[index])

    def _typed(self, lexical: LexicalBlock, block: Block, span: Callable[[int], Span]) -> BlockResult:
        """What became of records of a block that the reference read; ``span`` tells where any of the block's is."""
        typed = to_arrow(lexical, self._schema)
        remarks = Remarks(
            self._by_code(typed.remarks),
            ordinal=lambda row: lexical.ordinals[row],
            value=lambda row, column: lexical.columns[column][row] or "",
            span=span,
        )
        return BlockResult(
            records=len(lexical.ordinals) + len(lexical.rejects),
            batch=typed.batch,
            rejects=lexical.rejects,
            notices=[*_refusals(lexical.rejects), *self._notices(remarks, block)],
            read_by=lexical.read_by,
        )

    def _by_pattern(self, reader: PatternReader, block: Block, characters: Characters) -> BlockResult | None:
        """What the pattern takes for certain, and the reference's word on the rest.

        ``None`` where the reference is better asked for the whole block.
        """
        tiles = reader.read(block.data, characters)
        if tiles is None:
            return None
        columns = [certain(*pair) for pair in zip(self._schema.fields, tiles.columns, strict=True)]
        sure = [column for column in columns if column is not None]
        odd = sorted({*tiles.odd, *(row for column in sure for row in column.doubtful)})
        if len(sure) < len(columns) or len(odd) > ODD_SHARE * tiles.records:
            return None
        tiling = Tiling(block, reader)
        certain_ones = self._certain(block, tiles, sure, odd, tiling)
        if not odd:
            return certain_ones
        if not tiling.are_records(odd, tiles.records, self._cutter):
            return None
        try:
            lexical = tiling.read_odd(odd, self._reference)
        except InputError:
            return None  # reading on, the reference may have something else to say first
        return _together(certain_ones, self._typed(lexical, block, tiling.span))

    def _certain(
        self, block: Block, tiles: Tiles, columns: list[Certain], odd: list[int], tiling: Tiling
    ) -> BlockResult:
        """The records that are certain."""
        ordinals = np.arange(block.first, block.first + tiles.records)
        batch = to_batch(ordinals, [column.array for column in columns], self._schema)
        if odd:
            kept = [True] * tiles.records
            for row in odd:
                kept[row] = False
            batch = batch.filter(pa.array(kept))
        said: dict[str, dict[int, list[int]]] = {}
        left_out = set(odd)
        for index, column in enumerate(columns):
            for code, rows in column.odd.items():
                said.setdefault(code, {})[index] = [row for row in rows if row not in left_out]
        remarks = Remarks(
            said,
            ordinal=lambda row: block.first + row,
            value=lambda row, column: str(tiles.columns[column].cast(pa.string())[row]),
            span=tiling.span,
        )
        return BlockResult(batch.num_rows, batch, [], self._notices(remarks, block), {PATTERN: batch.num_rows})

    def _by_code(self, remarks: list[Remark]) -> dict[str, dict[int, list[int]]]:
        columns = {field.label: column for column, field in enumerate(self._schema.fields)}
        rows: dict[str, dict[int, list[int]]] = {}
        for remark in remarks:
            rows.setdefault(remark.code, {})[columns[remark.field]] = remark.rows
        return rows

    def _notices(self, remarks: Remarks, block: Block) -> list[Notice]:
        """Remarks as notices by code, with places for as many as a report may show."""
        notices = []
        for code, by_column in remarks.rows.items():
            rows = {row for found in by_column.values() for row in found}
            if not rows:
                continue
            examples: tuple[Example, ...] = ()
            # What earlier blocks showed comes first in the report as well.
            if self._shown[code] < MAX_EXAMPLES:
                places = sorted((row, column) for column, found in by_column.items() for row in found[:MAX_EXAMPLES])
                examples = tuple(self._examples(remarks, block, places[:MAX_EXAMPLES]))
            fields = {self._schema.fields[column].label: len(found) for column, found in by_column.items() if found}
            notices.append(Notice(code, fields, len(rows), examples))
        return notices

    def _examples(self, remarks: Remarks, block: Block, places: list[tuple[int, int]]) -> Iterator[Example]:
        for row, column in places:
            ordinal = remarks.ordinal(row)
            start, end = remarks.span(ordinal - block.first)
            start += self._cutter.scan(block.data[start:end]).spans[0].start
            line = block.line + characters_of(block.data[:start]).line_ends
            label, detail = self._schema.fields[column].label, mask(remarks.value(row, column))
            yield Example(ordinal, line, block.byte_offset + start, label, detail)


def _pattern_reader(road_map: RoadMap) -> PatternReader | None:
    if road_map.reader == "iterparse":
        return None
    try:
        return PatternReader(road_map.schema, road_map.namespaces)
    except ValueError:
        return None  # no pattern for such a schema or document: the reference reads it all


def _together(certain_ones: BlockResult, others: BlockResult) -> BlockResult:
    """The two parts of a block as one, records in order."""
    notices = {notice.code: notice for notice in certain_ones.notices}
    for notice in others.notices:
        notices[notice.code] = notices[notice.code] + notice if notice.code in notices else notice
    return BlockResult(
        records=certain_ones.records + others.records,
        batch=_in_order(certain_ones.batch, others.batch),
        rejects=others.rejects,
        notices=list(notices.values()),
        read_by={**certain_ones.read_by, **others.read_by},
    )


def _in_order(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of both as one batch, by ordinal."""
    if not one.num_rows or not other.num_rows:
        return one if one.num_rows else other
    table = pa.Table.from_batches([one, other]).unify_dictionaries().combine_chunks()
    return table.sort_by(ORDINAL.name).to_batches()[0]


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
