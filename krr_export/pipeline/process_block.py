"""One block: reader, columns, rules, profile, derived columns. What a worker does, wherever it runs."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.errors import InputError
from krr_export.findings.finding import mask
from krr_export.parsing.batch_view import BatchView
from krr_export.parsing.columns import to_arrow, to_batch
from krr_export.parsing.notices import NoticeBuilder, refusals
from krr_export.parsing.reference import IterparseReader
from krr_export.parsing.scanning import NAME as SCANNER
from krr_export.parsing.unusual import pick_out, put_back
from krr_export.rules.stage import RuleStage
from krr_export.schema.record_schema import ORDINAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.domain.identity_numbers import Identities
    from krr_export.findings.finding import Notice
    from krr_export.parsing.blocks import Block
    from krr_export.parsing.columns import Observation
    from krr_export.parsing.lexical import Reject
    from krr_export.parsing.scanning import BlockScanner, ScannedBlock
    from krr_export.profiling import Profile, Profiler
    from krr_export.rules.stage import RuleSet
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.transform import Derivation

UNUSUAL_SHARE = 0.25
"""With more unusual records than this, the reference takes the whole block: it is cheaper than to pick them out."""

_WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True)
class Plan:
    """All that is needed to process any block of one document; shared by the workers.

    Attributes:
        schema: what a record holds.
        envelope: a start and an end tag with the root's namespaces.
        scanner: takes what is certain; ``None`` where the reference reads everything.
        rules: what the accepted records are judged by; ``None`` for the XSD alone.
        profiler: makes profiles of the accepted records; ``None`` for none.
        derivation: what is derived of the accepted records; ``None`` for nothing.
        turn: held by the thread that looks at what a block holds, or reads records by the reference. That is hundreds
            of small calls, which two threads would make in twice the time, handing the interpreter's lock to and fro;
            scanning goes on beside it.
    """

    schema: RecordSchema
    envelope: tuple[bytes, bytes]
    scanner: BlockScanner | None
    rules: RuleSet | None = None
    profiler: Profiler | None = None
    derivation: Derivation | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class BlockResult:
    """What became of one block.

    Attributes:
        records: how many it held: the batch's rows and the rejects together.
        batch: the accepted records, typed, and what is derived of them.
        rejects: the others.
        notices: what there is to say of them all.
        read_by: records by the reader that took them.
        profile: what the accepted records hold; ``None`` where nobody asked.
        identities: their identity numbers, to look for duplicates; likewise.
    """

    records: int
    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]
    read_by: dict[str, int]
    profile: Profile | None = None
    identities: Identities | None = None


class BlockProcessor:
    """Processes blocks, which come in the document's order."""

    def __init__(self, plan: Plan) -> None:
        self._schema = plan.schema
        self._turn = plan.turn
        self._reference = IterparseReader(plan.schema, plan.envelope)
        self._scanner = plan.scanner
        self._rules = RuleStage(plan.schema, plan.rules) if plan.rules else None
        self._profiler = plan.profiler
        self._derivation = plan.derivation
        self._shown: Counter[str] = Counter()

    def process(self, block: Block) -> BlockResult:
        """Read and type one block, and look at what it holds.

        Raises:
            InputError: the block is not well-formed, or holds what no export may hold.
        """
        read = self._by_scanner(self._scanner, block) if self._scanner else None
        result = read or self._by_reference(block)
        with self._turn:
            view = BatchView(result.batch)
            if self._rules is not None:
                result = self._judged(self._rules, result, view, block)
                view = view if result.batch is view.batch else BatchView(result.batch)
                result = replace(result, identities=view.identities)
            if self._profiler is not None:
                result = replace(result, profile=self._profiler.profile(view))
            if self._derivation is not None:
                result = replace(result, batch=self._derivation.apply(result.batch))
        for notice in result.notices:
            self._shown[notice.code] += len(notice.examples)
        return result

    def _judged(self, rules: RuleStage, result: BlockResult, view: BatchView, block: Block) -> BlockResult:
        """The result after the rules."""
        judged = rules.judge(view, block, self._shown)
        return replace(
            result,
            batch=judged.batch,
            rejects=sorted([*result.rejects, *judged.rejects], key=lambda reject: reject.ordinal),
            notices=[*result.notices, *judged.notices],
        )

    def _by_reference(self, block: Block, unusual: NDArray[np.int32] | None = None) -> BlockResult:
        """What became of a block's records that the reference reads: the ``unusual`` ones, or all."""
        with self._turn:
            if unusual is None:
                lexical = self._reference.read(block)
            else:
                lexical = put_back(self._reference.read(pick_out(block, unusual)), block, unusual)
            typed = to_arrow(lexical, self._schema)
        observations = NoticeBuilder(
            self._by_code(typed.observations),
            ordinal=lambda row: lexical.ordinals[row],
            detail=lambda row, column: mask(lexical.columns[column][row] or ""),
        )
        return BlockResult(
            records=len(lexical.ordinals) + len(lexical.rejects),
            batch=typed.batch,
            rejects=lexical.rejects,
            notices=[*refusals(lexical.rejects), *observations.notices(self._schema, block, self._shown)],
            read_by=lexical.read_by,
        )

    def _by_scanner(self, scanner: BlockScanner, block: Block) -> BlockResult | None:
        """What the scanner takes, and the reference's word on the rest.

        ``None`` where the reference is better asked for the whole block.
        """
        if not block.records:
            return None
        scanned = scanner.scan(block.buffer, block.spans)
        unusual = scanned.unusual
        if len(unusual) > UNUSUAL_SHARE * block.records or block.buffer[int(block.spans[-1, 1]) : block.size].strip(
            _WHITE_SPACE
        ):
            return None
        taken = self._taken(scanned, block)
        if not len(unusual):
            return taken
        try:
            others = self._by_reference(block, unusual)
        except InputError:
            return None  # reading on, the reference may have something else to say first
        return _together(taken, others)

    def _taken(self, scanned: ScannedBlock, block: Block) -> BlockResult:
        """The records that the scanner took."""
        ordinals = np.delete(np.arange(block.first, block.first + block.records), scanned.unusual)
        batch = to_batch(ordinals, scanned.arrays, self._schema)
        observations = NoticeBuilder(
            scanned.observations,
            ordinal=lambda row: int(ordinals[row]),
            detail=lambda row, column: mask(self._text(block, int(ordinals[row]), column)),
        )
        notices = list(observations.notices(self._schema, block, self._shown))
        return BlockResult(batch.num_rows, batch, [], notices, {SCANNER: batch.num_rows} if batch.num_rows else {})

    def _text(self, block: Block, ordinal: int, column: int) -> str:
        """A value as it is written in a record that the scanner took."""
        record = pick_out(block, np.array([ordinal - block.first], np.int32))
        return self._reference.read(record).columns[column][0] or ""

    def _by_code(self, observations: list[Observation]) -> dict[str, dict[int, list[int]]]:
        columns = {field.label: column for column, field in enumerate(self._schema.fields)}
        rows: dict[str, dict[int, list[int]]] = {}
        for remark in observations:
            rows.setdefault(remark.code, {})[columns[remark.field]] = remark.rows
        return rows


def _together(taken: BlockResult, others: BlockResult) -> BlockResult:
    """The two parts of a block as one, records in order."""
    notices = {notice.code: notice for notice in taken.notices}
    for notice in others.notices:
        notices[notice.code] = notices[notice.code] + notice if notice.code in notices else notice
    return BlockResult(
        records=taken.records + others.records,
        batch=_in_order(taken.batch, others.batch),
        rejects=others.rejects,
        notices=list(notices.values()),
        read_by=dict(Counter(taken.read_by) + Counter(others.read_by)),
    )


def _in_order(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of both as one batch, by ordinal."""
    if not one.num_rows or not other.num_rows:
        return one if one.num_rows else other
    table = pa.Table.from_batches([one, other]).unify_dictionaries().combine_chunks()
    return table.sort_by(ORDINAL.name).to_batches()[0]
