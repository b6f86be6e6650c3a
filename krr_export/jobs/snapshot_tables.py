"""The tables of a snapshot, written block by block into a staging directory."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from krr_export.output.sinks import SinkOptions, TableSink
from krr_export.output.snapshot_table import PERSON
from krr_export.parsing.rejects import REJECTED, REJECTS_GROUP_BYTES, REJECTS_SCHEMA, to_batch
from krr_export.pipeline.findings_table import FINDINGS, FINDINGS_SCHEMA, FindingsTable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from krr_export.findings.finding_rows import FindingRows
    from krr_export.jobs.changes.comparison import Comparison
    from krr_export.jobs.run_report import Run
    from krr_export.output.sinks import PartFile
    from krr_export.pipeline.process_block import BlockResult
    from krr_export.schema.record_schema import RecordSchema


class SnapshotTables:
    """Writes the tables of persons, rejects and findings; a context manager that leaves no file open.

    Args:
        directory: of the snapshot.
        schema: of a record.
        run: the options, and the treatment of the rows.
        comparison: with an earlier snapshot: it gets the rows of persons too; ``None`` for none.
    """

    def __init__(self, directory: Path, schema: RecordSchema, run: Run, comparison: Comparison | None) -> None:
        sink = run.options.sink
        self._treatment = run.treatment
        self._comparison = comparison
        hidden = {field.name for field in schema.fields}.difference(run.treatment.schema.names)
        self._findings_table = FindingsTable(schema, hidden.union(run.treatment.pseudonymised))
        # Rejects and findings are always Parquet, each in one directory.
        rejects_options = SinkOptions(file_mode=sink.file_mode, group_bytes=REJECTS_GROUP_BYTES)
        self.persons = TableSink(directory, PERSON, run.treatment.schema, sink)
        self._rejects = TableSink(directory, REJECTED.name, REJECTS_SCHEMA, rejects_options)
        self._findings = (
            TableSink(directory, FINDINGS.name, FINDINGS_SCHEMA, SinkOptions(file_mode=sink.file_mode))
            if run.options.findings
            else None
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for sink in filter(None, (self.persons, self._rejects, self._findings)):
            self._stack.enter_context(sink)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def write(self, result: BlockResult) -> None:
        """Write what a block adds to each table.

        Raises:
            OutputError: the disk is full or failing.
        """
        rows = self._treatment.apply(result.batch)
        self.persons.write(rows)
        if self._comparison is not None:
            self._comparison.add(rows)
        if result.rejects:
            self._rejects.write(to_batch(result.rejects, keep_records=self._treatment.keeps_records))
        if result.found:
            self.write_findings(result.found)

    def write_findings(self, found: Iterable[FindingRows]) -> None:
        """Write findings, if they are asked for.

        Raises:
            OutputError: the disk is full or failing.
        """
        if self._findings is not None:
            self._findings.write(self._findings_table.batch(found))

    def close(self) -> tuple[PartFile, ...]:
        """Finish all files and return them; at least one of each table.

        Raises:
            OutputError: the disk is full or failing.
        """
        sinks = filter(None, (self.persons, self._rejects, self._findings))
        return tuple(part for sink in sinks for part in sink.close())
