"""Process one block: read it, convert its columns, apply rules, profile, derive columns. Runs in a worker thread."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.errors import InputError
from krr_export.findings.detail import mask
from krr_export.parsing.batch_view import BatchView
from krr_export.parsing.block import extract_records
from krr_export.parsing.columns import to_arrow, to_batch
from krr_export.parsing.notices import NoticeBuilder, reject_notices
from krr_export.parsing.reference import IterparseReader
from krr_export.parsing.scanning import NAME as SCANNER
from krr_export.rules.stage import RuleStage
from krr_export.schema.record_schema import ORDINAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krr_export.domain.identity_numbers import Identities
    from krr_export.findings.finding import Notice
    from krr_export.findings.finding_rows import FindingRows
    from krr_export.parsing.block import Block
    from krr_export.parsing.columns import Observation
    from krr_export.parsing.lexical import Reject
    from krr_export.parsing.scanning import BlockScanner, ScannedBlock
    from krr_export.profiling.profile import Profile
    from krr_export.profiling.profiler import Profiler
    from krr_export.rules.stage import RuleSet
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.transform import Derivation

UNUSUAL_SHARE = 0.25
"""With more unusual records than this, the reference reads the whole block: that is cheaper than extracting them."""

_WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True)
class Plan:
    """All that is needed to process any block of one document; shared by the workers.

    Attributes:
        schema: the structure of a record.
        envelope: a start and an end tag with the root's namespaces.
        scanner: takes records that are certainly valid; ``None`` if the reference reads everything.
        rules: the rules for accepted records; ``None`` to check against the XSD alone.
        profiler: makes profiles of the accepted records; ``None`` for none.
        derivation: the columns to derive from the accepted records; ``None`` for none.
        lock: held while a thread applies rules, profiles and derives, or reads by the reference. Those are hundreds of
            small calls, for which two threads would need twice the time, as they pass the GIL to and fro; scanning goes
            on in parallel.
    """

    schema: RecordSchema
    envelope: tuple[bytes, bytes]
    scanner: BlockScanner | None
    rules: RuleSet | None = None
    profiler: Profiler | None = None
    derivation: Derivation | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class BlockResult:
    """The result of one block.

    Attributes:
        records: the number of records: the batch's rows and the rejects together.
        batch: the accepted records, typed, with the derived columns.
        rejects: the rejected records.
        notices: the findings about all of them.
        read_by: the number of records by the reader that read them.
        profile: the profile of the accepted records; ``None`` if not asked for.
        identities: their identity numbers, to find duplicates; ``None`` without rules, or without such a column.
        xml_bytes: of the block.
        found: the records with warnings and infos; those that a strict rule rejects have some too.
    """

    records: int
    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]
    read_by: dict[str, int]
    profile: Profile | None = None
    identities: Identities | None = None
    found: list[FindingRows] = field(default_factory=list)
    xml_bytes: int = 0


class BlockProcessor:
    """Processes blocks in the order of the document."""

    def __init__(self, plan: Plan) -> None:
        self._schema = plan.schema
        self._lock = plan.lock
        self._reference = IterparseReader(plan.schema, plan.envelope)
        self._scanner = plan.scanner
        self._rules = RuleStage(plan.schema, plan.rules) if plan.rules else None
        self._profiler = plan.profiler
        self._derivation = plan.derivation
        self._shown_examples: Counter[str] = Counter()

    def process(self, block: Block) -> BlockResult:
        """Read one block, apply the rules, profile it, and derive columns.

        Raises:
            InputError: the block is not well-formed, or contains something that no export may contain.
        """
        read = self._read_by_scanner(self._scanner, block) if self._scanner else None
        result = read or self._read_by_reference(block)
        with self._lock:
            view = BatchView(result.batch)
            if self._rules is not None:
                result = self._apply_rules(self._rules, result, view, block)
                view = view if result.batch is view.batch else BatchView(result.batch)
                result = replace(result, identities=view.identities)
            if self._profiler is not None:
                result = replace(result, profile=self._profiler.profile_batch(view))
            if self._derivation is not None:
                result = replace(result, batch=self._derivation.apply(result.batch))
        for notice in result.notices:
            self._shown_examples[notice.code] += len(notice.examples)
        return replace(result, xml_bytes=block.size)

    def _apply_rules(self, rules: RuleStage, result: BlockResult, view: BatchView, block: Block) -> BlockResult:
        """Return the result after applying the rules to its batch."""
        judged = rules.judge_block(view, block, self._shown_examples)
        return replace(
            result,
            batch=judged.batch,
            rejects=sorted([*result.rejects, *judged.rejects], key=lambda reject: reject.ordinal),
            notices=[*result.notices, *judged.notices],
            found=[*result.found, *judged.found],
        )

    def _read_by_reference(self, block: Block, unusual: NDArray[np.int32] | None = None) -> BlockResult:
        """Read a block's ``unusual`` records, or all, by the reference."""
        with self._lock:
            if unusual is None:
                lexical = self._reference.read(block)
            else:
                lexical = self._reference.read(extract_records(block, unusual))
            typed = to_arrow(lexical, self._schema)
        observations = NoticeBuilder(
            self._rows_by_code(typed.observations),
            np.array(lexical.ordinals, np.int64),
            detail=lambda row, column: mask(lexical.columns[column][row] or ""),
        )
        return BlockResult(
            records=len(lexical.ordinals) + len(lexical.rejects),
            batch=typed.batch,
            rejects=lexical.rejects,
            notices=[
                *reject_notices(lexical.rejects),
                *observations.notices(self._schema, block, self._shown_examples),
            ],
            read_by=lexical.read_by,
            found=observations.found(),
        )

    def _read_by_scanner(self, scanner: BlockScanner, block: Block) -> BlockResult | None:
        """Read a block by the scanner, and its unusual records by the reference.

        Return ``None`` if the reference should read the whole block.
        """
        if not block.records:
            return None
        scanned = scanner.scan(block.buffer, block.spans)
        unusual = scanned.unusual
        if len(unusual) > UNUSUAL_SHARE * block.records or block.buffer[int(block.spans[-1, 1]) : block.size].strip(
            _WHITE_SPACE
        ):
            return None
        taken = self._taken_records(scanned, block)
        if not len(unusual):
            return taken
        try:
            others = self._read_by_reference(block, unusual)
        except InputError:
            return None  # reading the whole block, the reference may find another error first
        return _merge_results(taken, others)

    def _taken_records(self, scanned: ScannedBlock, block: Block) -> BlockResult:
        """Return the result of the records that the scanner took."""
        ordinals = np.delete(np.arange(block.first, block.first + block.records), scanned.unusual)
        batch = to_batch(ordinals, scanned.arrays, self._schema)
        observations = NoticeBuilder(
            scanned.observations,
            ordinals,
            detail=lambda row, column: mask(self._written_value(block, int(ordinals[row]), column)),
        )
        notices = list(observations.notices(self._schema, block, self._shown_examples))
        read_by = {SCANNER: batch.num_rows} if batch.num_rows else {}
        return BlockResult(batch.num_rows, batch, [], notices, read_by, found=observations.found())

    def _written_value(self, block: Block, ordinal: int, column: int) -> str:
        """Return a value as written in a record that the scanner took."""
        record = extract_records(block, np.array([ordinal - block.first], np.int32))
        return self._reference.read(record).columns[column][0] or ""

    def _rows_by_code(self, observations: list[Observation]) -> dict[str, dict[int, list[int]]]:
        columns = {field.label: column for column, field in enumerate(self._schema.fields)}
        rows: dict[str, dict[int, list[int]]] = {}
        for observation in observations:
            rows.setdefault(observation.code, {})[columns[observation.field]] = observation.rows
        return rows


def _merge_results(taken: BlockResult, others: BlockResult) -> BlockResult:
    """Merge the results of the two parts of a block, with the records in order."""
    notices = {notice.code: notice for notice in taken.notices}
    for notice in others.notices:
        notices[notice.code] = notices[notice.code] + notice if notice.code in notices else notice
    return BlockResult(
        records=taken.records + others.records,
        batch=_merge_batches(taken.batch, others.batch),
        rejects=others.rejects,
        notices=list(notices.values()),
        read_by=dict(Counter(taken.read_by) + Counter(others.read_by)),
        found=[*taken.found, *others.found],
    )


def _merge_batches(one: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    """Merge the rows of two batches, ordered by ordinal."""
    if not one.num_rows or not other.num_rows:
        return one if one.num_rows else other
    table = pa.Table.from_batches([one, other]).unify_dictionaries().combine_chunks()
    return table.sort_by(ORDINAL.name).to_batches()[0]
