"""The rules as a stage of the pipeline: violations in a block become notices, and those of strict rules rejects."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.findings.detail import Detail, mask
from krr_export.findings.finding import Finding, Notice
from krr_export.findings.finding_rows import FindingRows
from krr_export.parsing.lexical import Reject
from krr_export.parsing.notices import NoticeBuilder
from krr_export.rules.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from krr_export.parsing.batch_view import BatchView
    from krr_export.parsing.block import Block
    from krr_export.rules.violations import Violation
    from krr_export.schema.record_schema import RecordSchema


@dataclass(frozen=True)
class RuleSet:
    """The options of the rules.

    Attributes:
        exported_at: when the export was made.
        strict: names of rules; a record that breaks one is rejected.
    """

    exported_at: datetime
    strict: frozenset[str] = frozenset()


@dataclass(frozen=True)
class JudgedBlock:
    """A block's rows after the rules.

    Attributes:
        batch: the rows that are still accepted.
        rejects: the others, in order.
        notices: the violations of all rows.
        found: the rows with violations of rules that are not strict; those of strict rules are the reasons of rejects.
    """

    batch: pa.RecordBatch
    rejects: list[Reject]
    notices: list[Notice]
    found: list[FindingRows]


class RuleStage:
    """Applies the rules to the blocks of one export.

    Args:
        schema: of a record.
        rules: the options of the rules.
    """

    def __init__(self, schema: RecordSchema, rules: RuleSet) -> None:
        self._schema = schema
        self._strict = rules.strict
        self._judge = Judge(rules.exported_at)
        self._columns = {field.name: column for column, field in enumerate(schema.fields)}

    def judge_block(self, view: BatchView, block: Block, shown: Mapping[str, int]) -> JudgedBlock:
        """Apply the rules to a block's accepted records, and return those that are still accepted, and what was found.

        Args:
            view: their rows.
            block: gives their bytes and places.
            shown: by code, how many examples earlier blocks gave.
        """
        batch, found = view.batch, self._judge.find_violations(view)
        if not found:
            return JudgedBlock(batch, [], [], [])
        rows: dict[str, dict[int, NDArray[np.int64]]] = {}
        for violation in found:
            rows.setdefault(violation.code, {})[self._columns[violation.column]] = violation.rows
        details = _MaskedDetails(batch)
        ordinals = batch.column(0).to_numpy()
        observations = NoticeBuilder(rows, ordinals, details.describe)
        notices = list(observations.notices(self._schema, block, shown))
        found_rows = [one for one in observations.found() if one.code not in self._strict]
        strict = [violation for violation in found if violation.code in self._strict]
        if not strict:
            return JudgedBlock(batch, [], notices, found_rows)
        refused = self._find_refused(strict, details)
        kept = np.ones(batch.num_rows, np.bool_)
        kept[list(refused)] = False
        rejects = list(_build_rejects(refused, ordinals[list(refused)].tolist(), block))
        return JudgedBlock(batch.filter(pa.array(kept)), rejects, notices, found_rows)

    def count(self, view: BatchView) -> tuple[list[Notice], list[FindingRows]]:
        """Count the violations of rows that come from no document: without examples, which are places in one.

        Args:
            view: the rows.

        Returns:
            The notices, and the rows with violations.
        """
        ordinals = view.batch.column(0).to_numpy()
        labels = {field.name: field.label for field in self._schema.fields}
        rows: dict[str, dict[str, NDArray[np.int64]]] = {}
        found = self._judge.find_violations(view)
        for violation in found:
            rows.setdefault(violation.code, {})[labels[violation.column]] = violation.rows
        notices = [
            Notice(code, {label: len(one) for label, one in by_label.items()}, _distinct(by_label.values()), ())
            for code, by_label in rows.items()
        ]
        return notices, [FindingRows(one.code, self._columns[one.column], ordinals[one.rows]) for one in found]

    def _find_refused(self, strict: list[Violation], details: _MaskedDetails) -> dict[int, list[Finding]]:
        """Return the findings of each refused row, rows in order."""
        refused: dict[int, list[Finding]] = defaultdict(list)
        for violation in strict:
            column = self._columns[violation.column]
            label = self._schema.fields[column].label
            for row in violation.rows.tolist():
                refused[row].append(Finding(violation.code, label, details.describe(row, column)))
        return dict(sorted(refused.items()))


def _distinct(rows: Iterable[NDArray[np.int64]]) -> int:
    """Return the number of rows that are in any of these."""
    return len(np.unique(np.concatenate([*rows])))


def _build_rejects(refused: Mapping[int, Sequence[Finding]], ordinals: list[int], block: Block) -> Iterator[Reject]:
    for findings, ordinal, place in zip(refused.values(), ordinals, block.locations(ordinals), strict=True):
        record = block.buffer[place.start : place.end]
        yield Reject(ordinal, place.line, block.byte_offset + place.start, tuple(findings), record)


@dataclass(frozen=True)
class _MaskedDetails:
    """Masked descriptions of values that break a rule."""

    batch: pa.RecordBatch

    def describe(self, row: int, column: int) -> Detail:
        """Return kind and length of the value in this row and column of the schema, no part of it."""
        array = self.batch.column(column + 1)  # behind radnummer
        if pa.types.is_timestamp(array.type):
            return Detail("time")
        match array[row].as_py():
            case str(text):
                return mask(text)
            case bytes(octets):
                return Detail("octets", len(octets))
        return Detail("value")  # of a type that no rule reads: its presence or absence broke the rule
