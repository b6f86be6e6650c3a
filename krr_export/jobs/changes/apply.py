"""Apply pages of the register's change feed to the newest snapshot of a store: the next snapshot, or nothing."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from krr_export.changes.carried import GROUPS, columns_of
from krr_export.changes.collect import Envelope
from krr_export.changes.page_files import find_page_files
from krr_export.errors import GuardError
from krr_export.jobs.changes.carried_check import check_carried
from krr_export.jobs.changes.chosen_pages import choose_pages
from krr_export.jobs.changes.inherited import Inherited
from krr_export.jobs.convert_result import ConvertResult
from krr_export.jobs.loading import load_rows
from krr_export.jobs.run_report import Run
from krr_export.output.manifest import Applied, AppliedPage
from krr_export.output.store import name_store_in_errors, open_store
from krr_export.pipeline.applied_rows import AppliedHeader, AppliedRows, Treated
from krr_export.pipeline.export import open_with
from krr_export.pipeline.progress import Progress
from krr_export.pipeline.read_options import ReadOptions
from krr_export.util.formatting import format_utc, number, parse_utc
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from krr_export.jobs.changes.apply_options import ApplyOptions
    from krr_export.jobs.changes.chosen_pages import ChosenPages


def apply(
    store: str | os.PathLike[str],
    pages: Iterable[str | os.PathLike[str]],
    options: ApplyOptions,
    *,
    progress: Progress | None = None,
) -> ConvertResult:
    """Apply pages of the change feed to the newest snapshot of a store, and publish the result as the next one.

    Args:
        store: the directory of snapshots; there is one in it.
        pages: files of pages, or directories of them, in any order; pages that the snapshot covers are passed over.
        options: the options.
        progress: receives the progress.

    Raises:
        GuardError: the result differs too much, its moment is not later than the snapshot's, or the pages are of
            another series of numbers, or seem not to carry a group of fields.
        InputError: there is no snapshot, or a page is missing or unusable.
        OutputError: the store or the machine failed; nothing was published.
        UsageError: an option is wrong, or changes cannot be applied to the store.
    """
    directory, started, progress = local_path(store), time.monotonic(), progress or Progress()
    files = find_page_files(map(local_path, pages))
    with name_store_in_errors(directory), open_store(directory, file_mode=options.load.mode, create=False) as opened:
        inherited = Inherited.of_newest(opened, options)
        run = _run(started, inherited)
        known = inherited.change_number
        chosen = choose_pages(files, inherited.schema, known, rest_is_inclusive=options.rest_inclusive)
        if not chosen.ranges:
            root = inherited.base.root
            message = f"nothing to do: {root} is at change {number(known)} already, and no page goes further"
            return ConvertResult("unchanged", root, None, message)
        _check_moment(inherited, options)
        with _open_rows(inherited, chosen, options) as rows:
            progress.began(f"apply to {inherited.base.name}", inherited.base.rows)
            return load_rows(rows, opened, run, progress)


def _check_moment(inherited: Inherited, options: ApplyOptions) -> None:
    before = parse_utc(inherited.base.manifest.header.eksport_tidspunkt_utc)
    if options.moment <= before:
        raise GuardError(
            f"--as-of {format_utc(options.moment, 'seconds')} is not later than the snapshot's own time",
            "give the moment at which the last page was made",
        )
    limits = inherited.options.age_limits
    limits.check_age(options.moment)
    limits.check_ahead(options.moment)


def _run(started: float, inherited: Inherited) -> Run:
    run, treatment = Run(started, inherited.options), inherited.treatment
    run.treatment = Treated(treatment.schema, treatment.is_whole, treatment.pseudonymised, treatment.key)
    return run


@contextmanager
def _open_rows(inherited: Inherited, chosen: ChosenPages, options: ApplyOptions) -> Iterator[AppliedRows]:
    """Open the changed persons as an export; yield the rows of the snapshot with them."""
    schema, carried = inherited.schema, options.carried
    header = AppliedHeader(format_utc(options.moment, "microseconds"), options.moment, chosen.ranges[-1].last)
    envelope = Envelope.of(schema, header.eksport_tidspunkt, header.seneste_endringsnummer)
    document = b"".join(envelope.around(chosen.latest.persons.values()))
    not_carried = [group for group in GROUPS if carried is not None and group not in carried]
    columns = [name for group in not_carried for name in columns_of(group, schema)]
    with open_with(BytesIO(document), schema, ReadOptions(workers=0)) as changes:
        yield AppliedRows(
            base=inherited.base,
            changes=changes,
            treatment=inherited.treatment,
            derivation=inherited.derivation,
            header=header,
            origin=chosen.origin(len(document)),
            kept=[name for name in columns if name in inherited.treatment.schema.names],
            check=partial(check_carried, inherited.base, schema) if carried is None else None,
            describe=partial(_describe, inherited, chosen, not_carried),
        )


def _describe(
    inherited: Inherited, chosen: ChosenPages, not_carried: Sequence[str], counts: tuple[int, int, int, int]
) -> Applied:
    """Return the record of it, from the numbers of persons, and of new, deleted and removed ones."""
    persons, new, deleted, removed = counts
    base, change_number = inherited.base, inherited.change_number
    before = base.manifest.applied.stale if base.manifest.applied else {}
    return Applied(
        parent=base.name,
        parent_manifest_sha256=base.manifest_sha256,
        parent_change_number=change_number,
        pages=tuple(AppliedPage(page.name, page.sha256, page.first, page.last) for page in chosen.ranges),
        persons=persons,
        new=new,
        deleted=deleted,
        removed=removed,
        repeated=chosen.latest.repeated,
        skipped_pages=chosen.skipped,
        unused_values=chosen.latest.unused,
        stale={**dict.fromkeys(not_carried, change_number), **before},
    )
