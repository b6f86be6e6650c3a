"""Build notices from the findings of a block: counts by code and field, and the first ones as examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from krr_export.findings.finding import MAX_EXAMPLES, Example, Notice
from krr_export.findings.finding_rows import FindingRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from krr_export.findings.detail import Detail
    from krr_export.parsing.block import Block
    from krr_export.parsing.lexical import Reject
    from krr_export.schema.record_schema import RecordSchema


@dataclass(frozen=True)
class NoticeBuilder:
    """Findings about values of a block, before their locations in the document are known.

    Attributes:
        rows: the rows concerned in order, by code and column (an index into the schema's fields).
        ordinals: of the rows, in the export.
        detail: gives the masked detail about a row's value in a column.
    """

    rows: Mapping[str, Mapping[int, Sequence[int] | NDArray[np.int64]]]
    ordinals: NDArray[np.int64]
    detail: Callable[[int, int], Detail]

    def found(self) -> list[FindingRows]:
        """Return the records with the findings."""
        return [
            FindingRows(code, column, self.ordinals[np.asarray(rows, np.int64)])
            for code, by_column in self.rows.items()
            for column, rows in by_column.items()
            if len(rows)
        ]

    def notices(self, schema: RecordSchema, block: Block, shown: Mapping[str, int]) -> Iterator[Notice]:
        """Yield a notice for each code, with as many examples as a report may show.

        Args:
            schema: gives the columns their labels.
            block: gives the records their locations.
            shown: by code, the number of examples from earlier blocks, which come first in the report.
        """
        for code, by_column in self.rows.items():
            found = {column: rows for column, rows in by_column.items() if len(rows)}
            if not found:
                continue
            examples: tuple[Example, ...] = ()
            if shown.get(code, 0) < MAX_EXAMPLES:
                first = sorted((int(row), column) for column, rows in found.items() for row in rows[:MAX_EXAMPLES])
                examples = tuple(self._examples(schema, block, first[:MAX_EXAMPLES]))
            fields = {schema.fields[column].label: len(rows) for column, rows in found.items()}
            records = len(np.unique(np.concatenate([*found.values()]))) if len(fields) > 1 else sum(fields.values())
            yield Notice(code, fields, records, examples)

    def _examples(self, schema: RecordSchema, block: Block, first: list[tuple[int, int]]) -> Iterator[Example]:
        ordinals = [int(self.ordinals[row]) for row, _ in first]
        for (row, column), ordinal, place in zip(first, ordinals, block.locations(ordinals), strict=True):
            byte_offset = block.byte_offset + place.start
            label = schema.fields[column].label
            detail = self.detail(row, column)
            yield Example(ordinal, place.line, byte_offset, label, str(detail), detail)


def reject_notices(rejects: list[Reject]) -> list[Notice]:
    """Build a notice for each code among the rejects' findings."""
    notices: dict[str, tuple[Counter[str], set[int], list[Example]]] = {}
    for reject in rejects:
        for finding in reject.findings:
            fields, records, examples = notices.setdefault(finding.code, (Counter(), set(), []))
            fields[finding.field or ""] += 1
            records.add(reject.ordinal)
            if len(examples) < MAX_EXAMPLES:
                place = (reject.ordinal, reject.line, reject.byte_offset)
                examples.append(Example(*place, finding.field, str(finding.detail), finding.detail))
    return [
        Notice(code, dict(fields), len(records), tuple(examples))
        for code, (fields, records, examples) in notices.items()
    ]
