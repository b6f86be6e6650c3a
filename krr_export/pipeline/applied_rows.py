"""The rows of a snapshot with changes applied, as a source of rows that a store loads like an export's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from krr_export.changes.merge import Merger, conform, count_deleted
from krr_export.domain.store_layout import export_name
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.parsing.batch_view import BatchView
from krr_export.pipeline.process_block import BlockResult
from krr_export.profiling.profiler import Profiler
from krr_export.rules.stage import RuleSet, RuleStage
from krr_export.schema.record_schema import ORDINAL
from krr_export.transform.privacy import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from krr_export.findings.finding_rows import FindingRows
    from krr_export.output.manifest import Applied
    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.pipeline.export import Export
    from krr_export.transform.derivation import Derivation

SNAPSHOT, PAGES = "snapshot", "pages"
"""What the report says read the rows: the snapshot, or the pages, whose rejected records are counted so."""


@dataclass(frozen=True)
class AppliedHeader:
    """What the result says of itself.

    Attributes:
        eksport_tidspunkt: the moment whose state it is, ISO 8601.
        exported_at: the same in UTC.
        seneste_endringsnummer: the last change number in it.
        encoding: of the pages, as they are handed on.
    """

    eksport_tidspunkt: str
    exported_at: datetime
    seneste_endringsnummer: int
    encoding: str = "UTF-8"

    @property
    def export_name(self) -> str:
        """The name of the snapshot's directory."""
        return export_name(self.exported_at)


@dataclass(frozen=True)
class PagesOrigin:
    """The pages as the bytes that the result comes from.

    Attributes:
        name: what they are.
        size: bytes of all pages.
        sha256: over the digests of the pages, in order.
    """

    name: str
    size: int
    sha256: str
    at_end: Literal[True] = True
    compression: Literal["none"] = "none"
    provenance: None = None

    @property
    def bytes_read(self) -> int:
        """All of them."""
        return self.size


class Treated(Treatment):
    """The treatment of rows that are treated already: they come from a snapshot, or were treated before merging."""

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows as they are."""
        return batch


class AppliedRows:
    """The rows of a snapshot with changes applied.

    Args:
        base: the snapshot's table.
        changes: the changed persons, as an export; it is read once.
        treatment: of the columns: what the snapshot leaves out or replaces.
        derivation: the columns to derive.
        header: what the result says of itself.
        origin: the pages.
        kept: columns that the changes do not tell of.
        describe: returns the record of the application, from the numbers of persons, new, deleted and removed ones.
        check: raises an error if the changed persons must not be applied.
    """

    transcoded = False
    workers = 0

    def __init__(  # noqa: PLR0913 - by keyword: all that two sources of rows are made of
        self,
        *,
        base: SnapshotTable,
        changes: Export,
        treatment: Treatment,
        derivation: Derivation,
        header: AppliedHeader,
        origin: PagesOrigin,
        kept: Collection[str],
        describe: Callable[[tuple[int, int, int, int]], Applied],
        check: Callable[[pa.Table], None] | None = None,
    ) -> None:
        self.header = header
        self.source = origin
        self.record_schema = changes.record_schema
        self.schema = treatment.schema
        self.applied: Applied | None = None
        self._none = pa.RecordBatch.from_pylist([], self.schema)
        self._base = base
        self._changes = changes
        self._treatment = treatment
        self._derivation = derivation
        self._kept = kept
        self._describe = describe
        self._check = check
        # Rules and profile are about values as delivered: a pseudonym breaks every rule, and so does a missing column.
        judged = treatment.keeps_records
        self.profiler = Profiler(self.record_schema, header.exported_at) if judged else None
        self._rules = RuleStage(self.record_schema, RuleSet(header.exported_at)) if judged else None

    def results(self) -> Generator[BlockResult, None, None]:
        """Yield the rejected persons, then the rows of the snapshot with the changes applied, then the new persons.

        Raises:
            InputError: the snapshot is damaged.
        """
        held = {field.name for field in self.record_schema.fields} & {*self._treatment.schema.names}
        columns = [ORDINAL.name, *(name for name in self.record_schema.arrow.names[1:] if name in held)]
        changed, found = [], []
        for result in self._changes.results():
            if result.batch.num_rows:
                treated = self._pseudonymise(result.batch.select(columns))
                changed.append(conform(treated, self.record_schema, held))
            found += result.found
            yield self._rejected(result)
        empty = pa.RecordBatch.from_pylist([], self.record_schema.arrow).select(columns)
        table = pa.Table.from_batches([conform(empty, self.record_schema, held), *changed])
        if self._check is not None:
            self._check(table)
        merger = Merger(table, self._kept)
        for batch in self._base.batches(columns):
            yield self._judged(merger.merge(conform(batch, self.record_schema, held)))
        if (rest := merger.rest()).num_rows:
            yield self._judged(rest)
        yield _found_in_pages(found, table[ORDINAL.name].to_numpy(), merger.ordinals, self._none)
        self.applied = self._describe((table.num_rows, merger.new, count_deleted(table), merger.removed))

    def _pseudonymise(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        key = self._treatment.key
        if key is None:
            return batch
        for name in self._treatment.pseudonymised:
            index = batch.schema.get_field_index(name)
            batch = batch.set_column(index, batch.schema.field(index), key.pseudonyms(batch.column(index)))
        return batch

    def _rejected(self, result: BlockResult) -> BlockResult:
        """Return what a block of changed persons adds on its own: its rejects, and findings about values."""
        count = len(result.rejects)
        return BlockResult(count, self._none, result.rejects, result.notices, {PAGES: count} if count else {})

    def _judged(self, batch: pa.RecordBatch) -> BlockResult:
        """Return rows of the result, judged, profiled, and with derived columns."""
        view = BatchView(batch)
        notices, found = self._rules.count(view) if self._rules else ([], [])
        return BlockResult(
            records=batch.num_rows,
            batch=self._derivation.apply(batch).select(self.schema.names),
            rejects=[],
            notices=notices,
            read_by={SNAPSHOT: batch.num_rows},
            profile=self.profiler.profile_batch(view) if self.profiler else None,
            identities=view.identities if self._rules and view.has(IDENTIFIER) else None,
            found=found,
        )


def _found_in_pages(
    found: Iterable[FindingRows], numbers: NDArray[np.int64], ordinals: NDArray[np.int64], none: pa.RecordBatch
) -> BlockResult:
    """Return the findings about values in the pages, at the rows that these values came into.

    Args:
        found: the findings.
        numbers: the persons' numbers in the pages, in order.
        ordinals: the numbers of their rows.
        none: no rows.
    """
    moved = [replace(one, ordinals=ordinals[np.searchsorted(numbers, one.ordinals)]) for one in found]
    return BlockResult(0, none, [], [], {}, found=moved)
