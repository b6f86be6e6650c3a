"""The rules as a stage of the pipeline: what they find in a block becomes notices, and where asked, rejects."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.findings.finding import Finding, mask
from krr_export.parsing.lexical import Reject
from krr_export.parsing.notices import NoticeBuilder
from krr_export.rules.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from krr_export.findings.finding import Notice
    from krr_export.parsing.batch_view import BatchView
    from krr_export.parsing.blocks import Block
    from krr_export.rules.violations import Violation
    from krr_export.schema.record_schema import RecordSchema


@dataclass(frozen=True)
class RuleSet:
    """What a worker needs to judge by the rules.

    Attributes:
        exported_at: when the export was made.
        strict: names of rules whose breach keeps a record out of the table.
    """

    exported_at: datetime
    strict: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Judged:
    """A block's rows after the rules.

    Attributes:
        batch: those that are still accepted.
        rejects: the others, in order.
        notices: what the rules say of them all.
    """

    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]


class RuleStage:
    """Judges blocks of one export.

    Args:
        schema: what a record holds.
        rules: what to judge by.
    """

    def __init__(self, schema: RecordSchema, rules: RuleSet) -> None:
        self._schema = schema
        self._strict = rules.strict
        self._judge = Judge(rules.exported_at)
        self._columns = {field.name: column for column, field in enumerate(schema.fields)}

    def judge(self, view: BatchView, block: Block, shown: Mapping[str, int]) -> Judged:
        """Judge a block's accepted records.

        Args:
            view: their rows.
            block: where they are.
            shown: by code, how many examples earlier blocks gave.
        """
        batch, found = view.batch, self._judge.judge(view)
        if not found:
            return Judged(batch, [], [])
        rows: dict[str, dict[int, NDArray[np.int64]]] = {}
        for violation in found:
            rows.setdefault(violation.code, {})[self._columns[violation.column]] = violation.rows
        details = _Details(batch)
        ordinals = batch.column(0)
        observations = NoticeBuilder(rows, ordinal=lambda row: int(ordinals[row].as_py()), detail=details.of)
        notices = list(observations.notices(self._schema, block, shown))
        strict = [violation for violation in found if violation.code in self._strict]
        if not strict:
            return Judged(batch, [], notices)
        refused = self._refused(strict, details)
        kept = np.ones(batch.num_rows, np.bool_)
        kept[list(refused)] = False
        rejects = list(_rejects(refused, ordinals.take(pa.array(list(refused))).to_pylist(), block))
        return Judged(batch.filter(pa.array(kept)), rejects, notices)

    def _refused(self, strict: list[Violation], details: _Details) -> dict[int, list[Finding]]:
        """The findings of each row that is refused, rows in order."""
        refused: dict[int, list[Finding]] = defaultdict(list)
        for violation in strict:
            column = self._columns[violation.column]
            label = self._schema.fields[column].label
            for row in violation.rows.tolist():
                refused[row].append(Finding(violation.code, label, details.of(row, column)))
        return dict(sorted(refused.items()))


def _rejects(refused: Mapping[int, Sequence[Finding]], ordinals: list[int], block: Block) -> Iterator[Reject]:
    for findings, ordinal, place in zip(refused.values(), ordinals, block.locations(ordinals), strict=True):
        record = block.buffer[place.start : place.end]
        yield Reject(ordinal, place.line, block.byte_offset + place.start, tuple(findings), record)


@dataclass(frozen=True)
class _Details:
    """What is said of values that break a rule, masked."""

    batch: pa.RecordBatch

    def of(self, row: int, column: int) -> str:
        """Of the value in this row and column of the schema: its kind and length, nothing of it."""
        array = self.batch.column(column + 1)  # behind radnummer
        if pa.types.is_timestamp(array.type):
            return "a time"
        match array[row].as_py():
            case str(text):
                return mask(text)
            case bytes(octets):
                return f"{len(octets)} octets"
        return "a value"  # of a type that no rule reads: that it is there, or is not, broke the rule
