"""The differences between two published snapshots."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.changes.columns import Ignored
from krr_export.domain.store_layout import MANIFEST, refuse_store
from krr_export.errors import InputError, UsageError
from krr_export.input.objects.address import is_object_uri
from krr_export.jobs.changes.comparison import Comparison, open_table
from krr_export.output.outputs import STDIO
from krr_export.output.sinks.single_file import FILE_FORMATS, file_format, write_rows
from krr_export.output.store_contents import missing_store, snapshots
from krr_export.output.store_place import open_place, open_snapshot
from krr_export.pipeline.progress import Progress
from krr_export.transform.privacy import column_names
from krr_export.util.fields import Names, StrPath, refuse_wrong_options
from krr_export.util.formatting import number, short_repr
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from krr_export.changes.summary import ChangeSummary
    from krr_export.output.sinks.single_file import FileFormat
    from krr_export.output.snapshot_table import SnapshotTable

_A_PAIR = 2


@dataclass(frozen=True)
class DiffResult:
    """The differences between two snapshots.

    Attributes:
        old: the earlier snapshot; of one in an object store, its name alone.
        new: the later one.
        summary: the numbers of what differs.
        message: the result in one line for people.
        warnings: what a reader of the numbers should know, a line each.
    """

    old: Path
    new: Path
    summary: ChangeSummary
    message: str
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return short_repr(self, old=self.old.name, new=self.new.name, found=self.summary.counts())

    @property
    def differ(self) -> bool:
        """True if there is any difference."""
        return self.summary.total > 0


@refuse_wrong_options(
    old=StrPath, new=StrPath | None, output=StrPath | None, format=str | None, ignore=Names, ignore_times=bool
)
def diff(  # noqa: PLR0913 - by keyword, each an option of the command line
    old: StrPath,
    new: StrPath | None = None,
    *,
    output: StrPath | None = None,
    format: FileFormat | None = None,  # noqa: A002 - the option's name
    ignore: Names = (),
    ignore_times: bool = False,
    progress: Progress | None = None,
) -> DiffResult:
    """Find what differs between two snapshots: new, changed, deleted and vanished rows.

    Rows are paired by identity number; where one occurs several times, by its place among them. ``radnummer`` and a
    derived varslingsstatus, which depends on the day, do not count.

    >>> found = krr_export.diff("store", output="changes.parquet")
    >>> found.differ
    True

    Args:
        old: the earlier snapshot; or a store, whose two newest are compared. Either may be in an object store.
        new: the later snapshot; ``None`` if ``old`` is a store.
        output: a file for the table of changes; ``-`` is standard output; ``None`` for numbers alone.
        format: of that file; by default its name says it.
        ignore: columns that do not count.
        ignore_times: whether columns of times do not count.
        progress: receives the progress.

    Raises:
        InputError: there are no such snapshots, or one is damaged.
        NetworkError: an object store cannot be reached, or denies access.
        OutputError: the file cannot be written.
        UsageError: an option is wrong, the file is in a store, or the snapshots cannot be compared.
    """
    ignored = Ignored(column_names("--ignore", ignore), ignore_times)
    if format is not None and format not in FILE_FORMATS:
        raise UsageError(f"no format {format!r}", f"choose {', '.join(FILE_FORMATS)}")
    if format is not None and output is None:
        raise UsageError("--format says how a file is written, and none is", "give -o FILE")
    to = None if output is None else str(output)
    form = None if to is None else file_format(to, format)
    if output is not None and to != STDIO:
        refuse_store(local_path(output))
    with _snapshots(old, new) as (before, now):
        result = _compare(before, now, _Output(to, form), ignored, progress or Progress())
    return replace(result, old=_outside(result.old, old), new=_outside(result.new, old if new is None else new))


def _outside(snapshot: Path, given: str | os.PathLike[str]) -> Path:
    """Return the path of a snapshot; of one in an object store its name, for its copy is gone."""
    return Path(snapshot.name) if is_object_uri(str(given)) else snapshot


@dataclass(frozen=True)
class _Output:
    """A file for the table of changes; without a format none is written."""

    path: str | None
    format: FileFormat | None


def _compare(
    before: SnapshotTable, now: SnapshotTable, output: _Output, ignored: Ignored, progress: Progress
) -> DiffResult:
    comparison = Comparison(before, now.schema, now.manifest.options, progress, ignored)
    progress.began(f"read {now.name}", now.rows)
    for batch in now.batches(comparison.key_and_compared):
        comparison.add(batch)
        progress.advanced(batch.num_rows)
    written = _write(comparison, now, output)
    summary = comparison.summary()
    message = f"{written}{before.name} to {now.name}: {summary.counts()}"
    return DiffResult(before.root, now.root, summary, message, tuple(_warnings(before, now, comparison)))


def _write(comparison: Comparison, now: SnapshotTable, output: _Output) -> str:
    """Write the table of changes, if it is wanted; return the beginning of the message."""
    tables = comparison.tables(now.batches)
    if output.path is None or output.format is None:
        for _ in tables:
            pass
        return ""
    schema = comparison.schema(now.name, til_manifest_sha256=now.manifest_sha256)
    rows = write_rows(output.path, tables, schema, output.format)
    return "" if output.path == STDIO else f"wrote {number(rows)} rows to {output.path}: "


@contextmanager
def _snapshots(
    old: str | os.PathLike[str], new: str | os.PathLike[str] | None
) -> Iterator[tuple[SnapshotTable, SnapshotTable]]:
    """Open the two snapshots."""
    if new is None:
        with open_place(old) as place:
            place.show_newest(_A_PAIR, "person")
            yield _newest_pair(place.directory)
        return
    with open_snapshot(old, "person") as before, open_snapshot(new, "person") as now:
        later = open_table(now)
        yield open_table(before), later


def _newest_pair(old: Path) -> tuple[SnapshotTable, SnapshotTable]:
    if not old.is_dir():
        raise missing_store(old)
    found = snapshots(old)
    if not found and (old / MANIFEST).exists():
        raise UsageError(f"{old} is one snapshot, and two are compared", "give the other one too, or their store")
    if len(found) < _A_PAIR:
        held = "one snapshot" if found else "no snapshot"
        raise InputError(f"{old} holds {held}, and two are compared", "give two snapshots, or run again after the next")
    return open_table(found[-2]), open_table(found[-1])


def _warnings(before: SnapshotTable, now: SnapshotTable, comparison: Comparison) -> Iterator[str]:
    if before.name > now.name:
        yield f"{before.name} is the newer of the two: what is called new went away, and what is gone came"
    if comparison.columns.missing:
        yield f"not compared, for {before.name} lacks them: {', '.join(comparison.columns.missing)}"
    if comparison.columns.dropped:
        yield f"not compared, for {now.name} lacks them: {', '.join(comparison.columns.dropped)}"
