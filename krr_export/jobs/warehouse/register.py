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
from krr_export.jobs.warehouse.lake_target import open_table
from krr_export.jobs.warehouse.load_result import LoadResult, result_message
from krr_export.output.objects.committed import committed_names, read_commit
from krr_export.warehouse.lake.registration import register, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.input.objects.address import Address
    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit
    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.lake.table import LakeTable

_ROUNDS = 20
"""Of committing beside others: in each, one of them succeeds."""


@dataclass(frozen=True)
class Selection:
    """Which snapshots are to be listed; as the options of `krr_export.load`."""

    all_snapshots: bool
    keep: int | None
    replace: bool


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
    store = open_objects(place)
    with closing(open_table(target, store)) as table:
        result, newest = _register_all(store, table, _wanted(store, place, selection), selection, progress, on_loaded)
    result = changed(result, target=target)
    return changed(result, message=result_message(result, newest))


def _wanted(store: ObjectStore, place: Address, selection: Selection) -> list[Commit]:
    names = committed_names(store) if selection.all_snapshots else [place.snapshot]
    return [read_commit(store, name) for name in names] or [read_commit(store, None)]


def _register_all(  # noqa: PLR0913, PLR0917 - what one load is made of
    store: ObjectStore,
    table: LakeTable,
    wanted: list[Commit],
    selection: Selection,
    progress: Progress,
    on_loaded: Callable[[str], object],
) -> tuple[LoadResult, str]:
    """List snapshots; return what came of it, and the newest that is listed then."""
    wanted = _kept(wanted, table, selection.keep)
    for commit in wanted:  # what would end in the middle of several, before the first
        _is_listed(table, commit, replace=selection.replace)
    loaded = []
    for commit in wanted:
        progress.began(f"register {commit.eksport}", rows_of(commit))
        if _settle(store, table, commit, replace=selection.replace):
            loaded.append(commit.eksport)
            on_loaded(commit.eksport)
        progress.advanced(rows_of(commit))
    dropped = _drop_old(table, selection.keep)
    newest = table.names()[-1]
    result = LoadResult(
        target=table.shown,
        loaded=tuple(loaded),
        unchanged=tuple(commit.eksport for commit in wanted if commit.eksport not in loaded),
        dropped=tuple(dropped),
        waiting=(),
        persons=sum(file.rows or 0 for file in table.files(newest)),
    )
    return result, newest


def _source(given: str) -> Address:
    if not is_object_uri(given):
        raise UsageError(
            "such a table is made over files that never change, which those of a store in a directory do not promise",
            "push it: krr-export push STORE URI; then give that URI",
        )
    return parse_address(given)


def _kept(wanted: list[Commit], table: LakeTable, keep: int | None) -> list[Commit]:
    """Leave out what would be removed again at once, for there are newer ones enough."""
    names = sorted({*table.names(), *(commit.eksport for commit in wanted)})[-(keep or 0) :]
    return [commit for commit in wanted if commit.eksport in names]


def _is_listed(table: LakeTable, commit: Commit, *, replace: bool) -> bool:
    """Return whether a snapshot is listed as it was pushed.

    Raises:
        PublishedError: It is listed otherwise.
    """
    is_listed = table.lists(commit)
    if not is_listed and commit.eksport in table.names() and not replace:
        raise PublishedError(
            f"the table lists other files of {commit.eksport}: another result, or what another program made of it",
            "list those that were pushed in their place with --replace",
        )
    return is_listed


def _settle(store: ObjectStore, table: LakeTable, commit: Commit, *, replace: bool) -> bool:
    """List a snapshot; return whether it had to be."""
    if _is_listed(table, commit, replace=replace):
        return False
    snapshot = register(store, commit)
    for _ in range(_ROUNDS):
        if table.write(snapshot):
            return True
        if _is_listed(table, commit, replace=replace):
            return False
    raise _busy(table)


def _drop_old(table: LakeTable, keep: int | None) -> list[str]:
    old = table.names()[:-keep] if keep else []
    return [name for name in old if _dropped(table, name)]


def _dropped(table: LakeTable, name: str) -> bool:
    for _ in range(_ROUNDS):
        if name not in table.names():
            return False  # by another
        if table.drop(name):
            return True
    raise _busy(table)


def _busy(table: LakeTable) -> BusyError:
    return BusyError(f"others commit to {table.shown} all the time", "run again when they are done")
