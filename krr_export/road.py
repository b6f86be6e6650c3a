"""The road of one block: reader, columns, rules, profile, derived columns. What a worker does, wherever it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.blocks import MAX_RECORD_BYTES, Block
from krr_export.certain import certain
from krr_export.characters import characters_of
from krr_export.columns import to_arrow, to_batch
from krr_export.errors import InputError
from krr_export.findings import mask
from krr_export.readers.iterparse import IterparseReader
from krr_export.readers.pattern import NAME as PATTERN
from krr_export.readers.pattern import ODD_SHARE, PatternReader
from krr_export.remarks import Places, Remarks, refusals
from krr_export.rules.stage import RuleStage
from krr_export.schema import ORDINAL
from krr_export.tiling import Tiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.certain import Certain
    from krr_export.characters import Characters
    from krr_export.columns import Remark
    from krr_export.cutter import Cutter
    from krr_export.derive import Derivation
    from krr_export.findings import Notice
    from krr_export.guesses import Guess
    from krr_export.profile import Profile, Profiler
    from krr_export.readers.base import LexicalBlock, Reject
    from krr_export.readers.pattern import Tiles
    from krr_export.rules.stage import RuleSet
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
        rules: what the accepted records are judged by; ``None`` for the XSD alone.
        profiler: makes profiles of the accepted records; ``None`` for none.
        derivation: what is derived of the accepted records; ``None`` for nothing.
    """

    schema: RecordSchema
    envelope: tuple[bytes, bytes]
    namespaces: Mapping[str, str]
    cutter: Cutter
    reader: str
    rules: RuleSet | None = None
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


class _Found(NamedTuple):
    """What was read of a block, and where its records are."""

    result: BlockResult
    places: Places


class Road:
    """Travels the road, block by block; the blocks come in the document's order."""

    def __init__(self, road_map: RoadMap) -> None:
        self._schema = road_map.schema
        self._cutter = road_map.cutter
        self._reference = IterparseReader(road_map.schema, road_map.envelope, road_map.cutter)
        self._pattern = _pattern_reader(road_map)
        self._rules = RuleStage(road_map.schema, road_map.rules) if road_map.rules else None
        self._profiler = road_map.profiler
        self._derivation = road_map.derivation
        self._shown: Counter[str] = Counter()

    def travel(self, block: Block) -> BlockResult:
        """Read and type one block.

        Raises:
            InputError: the block is not well-formed, or holds what no export may hold.
        """
        characters = characters_of(block.data)
        found = self._by_pattern(self._pattern, block, characters) if self._pattern else None
        return self._looked_at(found or self._by_reference(block, characters))

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
        found = self._by_pattern(self._pattern, block, characters) if self._pattern else None
        if found is None:
            scan = self._cutter.scan(data)
            if scan.stop is not None or scan.open_at is not None or not scan.spans or scan.spans[-1].end < len(data):
                return None
            try:
                found = self._by_reference(block, characters)
            except InputError:
                return None
        return replace(self._looked_at(found), lines=characters.line_ends)

    def _looked_at(self, found: _Found) -> BlockResult:
        """The result after the stages that look at a whole block's typed records, whoever read them."""
        result = found.result
        if self._rules is not None:
            result = self._judged(self._rules, found)
        if self._profiler is not None:
            result = replace(result, profile=self._profiler.of(result.batch))
        if self._derivation is not None:
            result = replace(result, batch=self._derivation.apply(result.batch))
        for notice in result.notices:
            self._shown[notice.code] += len(notice.examples)
        return result

    def _judged(self, rules: RuleStage, found: _Found) -> BlockResult:
        """The result after the rules."""
        result = found.result
        judged = rules.judge(result.batch, found.places, self._shown)
        return replace(
            result,
            batch=judged.batch,
            rejects=sorted([*result.rejects, *judged.rejects], key=lambda reject: reject.ordinal),
            notices=[*result.notices, *judged.notices],
        )

    def _by_reference(self, block: Block, characters: Characters) -> _Found:
        spans = cache(lambda: self._cutter.scan(block.data).spans)
        places = Places(block, characters, lambda index: spans()[index], self._cutter)
        return _Found(self._typed(self._reference.read(block), places), places)

    def _typed(self, lexical: LexicalBlock, places: Places) -> BlockResult:
        """What became of records of a block that the reference read."""
        typed = to_arrow(lexical, self._schema)
        remarks = Remarks(
            self._by_code(typed.remarks),
            ordinal=lambda row: lexical.ordinals[row],
            detail=lambda row, column: mask(lexical.columns[column][row] or ""),
        )
        return BlockResult(
            records=len(lexical.ordinals) + len(lexical.rejects),
            batch=typed.batch,
            rejects=lexical.rejects,
            notices=[*refusals(lexical.rejects), *remarks.notices(self._schema, places, self._shown)],
            read_by=lexical.read_by,
        )

    def _by_pattern(self, reader: PatternReader, block: Block, characters: Characters) -> _Found | None:
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
        tiling = Tiling(block, characters, reader)
        places = Places(block, characters, tiling.span, self._cutter)
        certain_ones = self._certain(tiles, sure, odd, places)
        if not odd:
            return _Found(certain_ones, places)
        if not tiling.are_records(odd, tiles.records, self._cutter):
            return None
        try:
            lexical = tiling.read_odd(odd, self._reference)
        except InputError:
            return None  # reading on, the reference may have something else to say first
        return _Found(_together(certain_ones, self._typed(lexical, places)), places)

    def _certain(self, tiles: Tiles, columns: list[Certain], odd: list[int], places: Places) -> BlockResult:
        """The records that are certain."""
        block = places.block
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
            detail=lambda row, column: mask(str(tiles.columns[column].cast(pa.string())[row])),
        )
        notices = list(remarks.notices(self._schema, places, self._shown))
        return BlockResult(batch.num_rows, batch, [], notices, {PATTERN: batch.num_rows})

    def _by_code(self, remarks: list[Remark]) -> dict[str, dict[int, list[int]]]:
        columns = {field.label: column for column, field in enumerate(self._schema.fields)}
        rows: dict[str, dict[int, list[int]]] = {}
        for remark in remarks:
            rows.setdefault(remark.code, {})[columns[remark.field]] = remark.rows
        return rows


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
