"""A comparison of two tables of persons: the earlier one is a snapshot, the later one comes in batches."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from krr_export.changes.candidates import CandidateFinder
from krr_export.changes.columns import Ignored, compare_columns
from krr_export.changes.counts import ChangeCounts
from krr_export.changes.difference import KEYS_AT_A_TIME, find_differences
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import InputError, UsageError
from krr_export.output.sinks import SinkOptions, TableSink
from krr_export.output.snapshot_table import open_snapshot_table
from krr_export.output.store_contents import entries
from krr_export.schema.record_schema import BUILT_IN
from krr_export.schema.registry import load_schema
from krr_export.transform.derivation import DeriveOptions, derived_schema, judged_columns
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    Read = Callable[[Sequence[str]], Iterable[pa.RecordBatch]]

    from krr_export.changes.summary import ChangeSummary
    from krr_export.output.manifest import Manifest, SnapshotOptions
    from krr_export.output.snapshot import Staging
    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.pipeline.progress import Progress
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.util.files import PartFile


CHANGES = "changes"
"""The name of the table of changes, and of its directory in a snapshot."""


class Comparison:
    """A comparison of a table with an earlier snapshot's; making it reads the snapshot once.

    Args:
        base: the earlier snapshot's table.
        schema: the columns of the later table.
        options: what the later table was made with.
        progress: receives the progress of reading.
        ignored: columns that do not count.

    Raises:
        InputError: the earlier snapshot is damaged.
        UsageError: the tables cannot be compared.
    """

    def __init__(
        self,
        base: SnapshotTable,
        schema: pa.Schema,
        options: SnapshotOptions,
        progress: Progress,
        ignored: Ignored,
    ) -> None:
        self._base = base
        self._progress = progress
        self._counts = ChangeCounts()
        self._rows = 0
        before = base.manifest.options
        _check_pseudonyms(before, options)
        judged = {*judged_columns(base.schema.names, before.derive), *judged_columns(schema.names, options.derive)}
        self.columns = compare_columns(base.schema, schema, judged=judged, ignored=ignored)
        self.key_and_compared = [IDENTIFIER, *self.columns.compared]
        """The columns that `add` needs."""
        progress.began(f"read {base.name}", base.rows)
        self._finder = CandidateFinder(base.rows, self._read_base(self.key_and_compared), self.columns.compared)

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at the next rows of the later table."""
        self._rows += batch.num_rows
        self._finder.add(batch)

    def tables(self, read: Read) -> Iterator[pa.Table]:
        """Yield the table of changes in portions, once all rows were added.

        Args:
            read: reads the later table again, with these columns.

        Raises:
            InputError: a snapshot is damaged.
        """
        candidates = self._finder.candidates()
        portions = ceil(len(candidates) / KEYS_AT_A_TIME)
        self._progress.began("compare values", portions * (self._base.rows + self._rows))
        return find_differences(candidates, self._read_base, partial(self._watch, read), self.columns, self._counts)

    def schema(self, later: str, **metadata: str) -> pa.Schema:
        """Return the schema of the table of changes, whose metadata say what was compared.

        Args:
            later: the name of the later snapshot.
            metadata: more of them.
        """
        compared = {"fra": self._base.name, "fra_manifest_sha256": self._base.manifest_sha256, "til": later}
        ignored = {"ignored": ",".join(self.columns.ignored)} if self.columns.ignored else {}
        return self.columns.changes_schema({**compared, **metadata, **ignored, "krr_export_version": __version__})

    def summary(self) -> ChangeSummary:
        """Return the numbers of what was found, once all tables were yielded."""
        return self._counts.summary(self._rows, self.columns, self._base.name, self._base.manifest_sha256)

    def _read_base(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return self._watch(self._base.batches, columns)

    def _watch(self, read: Read, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in read(columns):
            yield batch
            self._progress.advanced(batch.num_rows)


def compare_with_older(
    store: Path, name: str, schema: pa.Schema, options: SnapshotOptions, progress: Progress
) -> Comparison | None:
    """Begin the comparison of a snapshot that is being made with the newest older one of its store.

    Args:
        store: the directory of snapshots.
        name: of the snapshot that is being made.
        schema: of its table.
        options: what it is made with.
        progress: receives the progress of reading the older one.

    Returns:
        ``None`` if there is no older snapshot.

    Raises:
        InputError: the older snapshot is damaged.
        UsageError: it cannot be compared.
    """
    older = next((entry for entry in entries(store, lambda other: other < name) if entry.published), None)
    if older is None:
        return None
    try:
        # The store has one schema: what is being made knows the types that CSV files do not say.
        base = open_snapshot_table(older.path, lambda _: schema)
        return Comparison(base, schema, options, progress, Ignored())
    except InputError as error:
        raise type(error)(f"--changes: {error.message}", f"{error.hint}; or run without --changes") from None


def write_changes(
    staging: Staging, table: SnapshotTable, comparison: Comparison | None, mode: int
) -> tuple[tuple[PartFile, ...], ChangeSummary | None]:
    """Write the table of changes of a snapshot; that of a store's first snapshot is empty.

    Args:
        staging: of the snapshot.
        table: the table person as it was written.
        comparison: with the snapshot before; all rows were added to it.
        mode: permission bits of the files.

    Returns:
        The part files, and the summary; ``None`` without a snapshot before.
    """
    if comparison is None:
        schema = compare_columns(table.schema, table.schema).changes_schema({"til": table.manifest.export_name})
    else:
        schema = comparison.schema(table.manifest.export_name)
    with TableSink(staging.path, CHANGES, schema, SinkOptions(file_mode=mode)) as sink:
        for changes in comparison.tables(table.batches) if comparison else ():
            for batch in changes.to_batches():
                sink.write(batch)
        files = sink.close()
    return files, comparison.summary() if comparison else None


def open_table(snapshot: Path, schema: RecordSchema | None = None) -> SnapshotTable:
    """Open the table person of a published snapshot, with the types of its columns also if it is CSV.

    Args:
        snapshot: its directory.
        schema: of its records, if it is not a built-in one.

    Raises:
        InputError: there is no published snapshot at the path, or it is damaged.
    """
    return open_snapshot_table(snapshot, partial(_csv_schema, given=schema))


def _csv_schema(manifest: Manifest, given: RecordSchema | None) -> pa.Schema | None:
    """Return the types of the columns of CSV files, if their schema is given or one of the tool's own."""
    if given is None and manifest.schema.name not in BUILT_IN:
        return None
    schema = given or load_schema(manifest.schema.name)
    if schema.sha256 != manifest.schema.sha256:
        return None
    return derived_schema(schema, DeriveOptions(manifest.options.derive))


def _check_pseudonyms(before: SnapshotOptions, now: SnapshotOptions) -> None:
    """Refuse tables whose pseudonyms cannot be compared.

    Raises:
        UsageError: other columns have pseudonyms, or other keys made them.
    """
    if set(before.pseudonymised) != set(now.pseudonymised):
        raise UsageError(
            f"the earlier snapshot has pseudonyms of {_names(before)}, the later one of {_names(now)}",
            "compare snapshots with the same --pseudonymise",
        )
    if before.pseudonym_key_fingerprint != now.pseudonym_key_fingerprint:
        raise UsageError(
            "the pseudonyms of these snapshots were made with two keys: the same person has another in each",
            "compare snapshots with the same --pseudonym-key",
        )


def _names(options: SnapshotOptions) -> str:
    return ", ".join(options.pseudonymised) or "nothing"
