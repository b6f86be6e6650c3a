"""Verify a table over pushed snapshots: it lists the files that were pushed, and they are as they were pushed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.jobs.warehouse.lake_target import find_table
from krr_export.jobs.warehouse.load_verification import LoadVerification
from krr_export.output.objects.committed import committed_names, read_commit
from krr_export.output.objects.verification import verify_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.input.objects.store import ObjectStore
    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.lake.registration import ListedFile


def verify_registered(target: str, *, all_snapshots: bool, progress: Progress) -> LoadVerification:
    """Compare a table with what was pushed, and read all of that back.

    Args:
        target: as of `find_table`.
        all_snapshots: look at all that the table lists; not the newest alone.
        progress: receives the progress.

    Raises:
        InputError: the table lists nothing, or is none.
        NetworkError: the store cannot be reached.
        UsageError: the target is none, or a package is missing.
    """
    store, opened = find_table(target)
    with closing(opened) as table:
        names = table.names()
        if not names:
            raise InputError(f"{target}: nothing was loaded there", "see krr-export load")
        names = names if all_snapshots else names[-1:]
        rows = {}
        differences = [*table.differences()]
        committed = {*committed_names(store)}
        for name in names:
            files = table.files(name)
            rows[name] = sum(file.rows or 0 for file in files)
            progress.began(f"read {name}", rows[name])
            if name in committed:
                differences += _differences(store, name, files)
            else:
                differences.append(f"{name}: listed, but no longer pushed")
            progress.advanced(rows[name])
    return LoadVerification(target, tuple(names), sum(rows.values()), rows[names[-1]], tuple(differences))


def _differences(store: ObjectStore, name: str, listed: tuple[ListedFile, ...]) -> Iterator[str]:
    pushed = read_commit(store, name).parts("person")
    found = {file.key: file for file in listed}
    yield from (f"{key}: not listed" for key in sorted(pushed.keys() - found.keys()))
    yield from (f"{key}: listed, and not pushed" for key in sorted(found.keys() - pushed.keys()))
    for key in sorted(pushed.keys() & found.keys()):
        if (found[key].bytes, found[key].rows) != (pushed[key].bytes, pushed[key].rows):
            yield f"{key}: listed with other bytes or rows"
    yield from (f"{name}/{line}" for line in verify_objects(store, name).differences)
