"""Build a store's first snapshot from all pages of the register's change feed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from krr_export.changes.collect import Envelope
from krr_export.changes.from_zero import stream_of, survey
from krr_export.changes.page_files import find_page_files
from krr_export.errors import InputError
from krr_export.jobs.convert import convert_opened, read_key
from krr_export.jobs.run_report import Run
from krr_export.output.manifest import Applied, AppliedPage
from krr_export.pipeline.export import open_with
from krr_export.pipeline.progress import Progress
from krr_export.schema.registry import load_schema
from krr_export.util.formatting import format_utc
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from krr_export.changes.from_zero import AllPages
    from krr_export.jobs.changes.apply_options import ApplyOptions
    from krr_export.jobs.convert_result import ConvertResult


def apply_from_zero(
    store: str | os.PathLike[str],
    pages: Iterable[str | os.PathLike[str]],
    options: ApplyOptions,
    *,
    progress: Progress | None = None,
) -> ConvertResult:
    """Make a full snapshot of all pages of the change feed, and publish it.

    The pages become one export in a stream, each person once in the latest state, which is converted like any other.

    Args:
        store: the directory of snapshots; created if missing.
        pages: files of pages, or directories of them, in any order; they begin with the first change.
        options: the options; ``load`` says format, columns and the like.
        progress: receives the progress.

    Raises:
        GuardError: as for ``convert``.
        InputError: a page is missing or unusable.
        OutputError: the store or the machine failed; nothing was published.
        UsageError: an option is wrong, or the store is of another kind.
    """
    run = Run(time.monotonic(), replace(options.load, schema=options.schema or options.load.schema))
    directory, key, schema = local_path(store), read_key(run.options), load_schema(run.options.schema)
    found = survey(find_page_files(map(local_path, pages)), schema, rest_is_inclusive=options.rest_inclusive)
    if not found.chosen:
        raise InputError("the pages hold no change at all", "give all pages from the first change on")
    moment = format_utc(options.moment, "microseconds")
    envelope = Envelope.of(schema, moment, found.chosen[-1].last)
    stream = stream_of(envelope.around(found.latest(schema)))
    with open_with(stream, schema, run.options.read) as export:
        export.applied = _applied(found)
        return convert_opened(export, directory, run, progress or Progress(), key)


def _applied(found: AllPages) -> Applied:
    """Return the record of the pages."""
    return Applied(
        parent=None,
        parent_manifest_sha256=None,
        parent_change_number=0,
        pages=tuple(AppliedPage(page.name, page.sha256, page.first, page.last) for page in found.chosen),
        persons=found.persons,
        new=found.persons,
        deleted=None,
        repeated=found.repeated,
        skipped_pages=found.skipped,
        unused_values=found.unused,
    )
