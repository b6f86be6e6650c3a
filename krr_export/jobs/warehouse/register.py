"""Pushed snapshots, listed in a table over the place that they were pushed to: no file is copied or rewritten."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from krr_export.errors import BusyError, PublishedError, UsageError
from krr_export.input.objects.address import is_object_uri, parse_address
from krr_export.input.objects.store import open_objects
from krr_export.jobs.warehouse.lake_target import check_package, open_table
from krr_export.jobs.warehouse.load_result import LoadResult, result_message
from krr_export.output.objects.asking import read_commit_surely
from krr_export.output.objects.committed import committed_names, read_commit
from krr_export.output.objects.layout import commit_key
from krr_export.warehouse.lake.registration import check_listable, register, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.address import Address
    from krr_export.input.objects.store import ObjectStore
    from krr_export.jobs.warehouse.selection import Selection
    from krr_export.output.objects.layout import Commit
    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.lake.table import LakeTable

_ROUNDS = 20
"""Of committing beside others: in each, one of them succeeds."""


def register_snapshots(
    source: str | os.PathLike[str],
    target: str,
    selection: Selection,
    progress: Progress,
    on_loaded: Callable[[str], object],
) -> LoadResult:
    """List pushed snapshots in a table over their place; as of `krr_export.load`."""
    place = _source(os.fspath(source))
    if selection.all_snapshots and place.snapshot is not None:
        raise UsageError("the URI is that of a snapshot, and --all is of all", "leave out --all, or eksport=…")
    check_package(target)
    store = open_objects(place)
    with closing(open_table(target, store)) as table:
        wanted = _wanted(store, place, table, selection)
        loaded = _Listing(store, table, selection.replace).settle_all(wanted, progress, on_loaded)
        dropped = [name for name in selection.old(table.names()) if _drop(table, name)]
        newest = _newest(table)
        persons = sum(file.rows or 0 for file in table.files(newest))
    result = LoadResult(
        target=target,
        loaded=tuple(loaded),
        unchanged=tuple(commit.eksport for commit in wanted if commit.eksport not in loaded),
        dropped=tuple(dropped),
        waiting=(),
        persons=persons,
    )
    return changed(result, message=result_message(result, newest))


def _newest(table: LakeTable) -> str:
    if names := table.names():
        return names[-1]
    raise BusyError(f"{table.shown} was emptied meanwhile", "run again when others are done")


def _source(given: str) -> Address:
    if not is_object_uri(given):
        raise UsageError(
            "such a table is made over files that never change, which those of a store in a directory do not promise",
            "push it: krr-export push STORE URI; then give that URI",
        )
    return parse_address(given)


def _wanted(store: ObjectStore, place: Address, table: LakeTable, selection: Selection) -> list[Commit]:
    """Return the snapshots to list, oldest first, but for those that would not stay."""
    names = committed_names(store) if selection.all_snapshots else [place.snapshot]
    commits = [read_commit(store, name) for name in names] or [read_commit(store, None)]
    kept = selection.kept([*table.names(), *(commit.eksport for commit in commits)])
    return [commit for commit in commits if commit.eksport in kept]


@dataclass(frozen=True)
class _Listing:
    """Lists snapshots of a place in a table over it.

    Attributes:
        store: the place.
        table: the table.
        replace: whether what was pushed takes the place of what is listed otherwise.
    """

    store: ObjectStore
    table: LakeTable
    replace: bool

    def settle_all(self, wanted: list[Commit], progress: Progress, on_loaded: Callable[[str], object]) -> list[str]:
        """List snapshots; return the names of those that had to be.

        Raises:
            BusyError: others commit all the time.
            InputError: one has no file of persons.
            PublishedError: one is listed otherwise.
        """
        for commit in wanted:  # what would end in the middle of several, before the first
            check_listable(commit)
            self._is_listed(commit)
        loaded = []
        for commit in wanted:
            progress.began(f"register {commit.eksport}", rows_of(commit))
            if self._settle(commit):
                loaded.append(commit.eksport)
                on_loaded(commit.eksport)
            progress.advanced(rows_of(commit))
        return loaded

    def _settle(self, commit: Commit) -> bool:
        """List a snapshot; return whether it had to be."""
        if self._is_listed(commit):
            return False
        snapshot = register(self.store, commit)
        for _ in range(_ROUNDS):
            if self.table.write(snapshot):
                self._check_still_pushed(commit)
                return True
            if self._is_listed(commit):
                return False
        raise _busy(self.table)

    def _check_still_pushed(self, commit: Commit) -> None:
        """Refuse what was deleted while it was listed: `prune` asks tables again once it has deleted the commit."""
        found = read_commit_surely(self.store, commit_key(commit.eksport))
        if found is None or found.body != commit.body:
            _drop(self.table, commit.eksport)
            raise BusyError(f"{commit.eksport} was deleted or replaced meanwhile", "run again")

    def _is_listed(self, commit: Commit) -> bool:
        """Return whether a snapshot is listed as it was pushed; raise `PublishedError` if it is listed otherwise."""
        is_listed = self.table.lists(commit)
        if not is_listed and commit.eksport in self.table.names() and not self.replace:
            raise PublishedError(
                f"the table lists other files of {commit.eksport}: another result, or what another program made of it",
                "list those that were pushed in their place with --replace",
            )
        return is_listed


def _drop(table: LakeTable, name: str) -> bool:
    """List a snapshot no more; return whether it had to be done."""
    for _ in range(_ROUNDS):
        if name not in table.names():
            return False  # another has done it
        if table.drop(name):
            return True
    raise _busy(table)


def _busy(table: LakeTable) -> BusyError:
    return BusyError(f"others commit to {table.shown} all the time", "run again when they are done")
