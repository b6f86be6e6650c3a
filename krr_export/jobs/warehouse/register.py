"""Pushed snapshots, listed in a Delta table over the place that they were pushed to: no file is copied or rewritten."""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from krr_export.errors import BusyError, PublishedError, UsageError
from krr_export.input.objects.address import is_object_uri, parse_address
from krr_export.input.objects.store import open_objects
from krr_export.jobs.warehouse.load_result import LoadResult, result_message
from krr_export.output.objects.committed import committed_names, read_commit
from krr_export.warehouse.delta.registration import keys_of, register, rows_of
from krr_export.warehouse.delta.table import LOG, DeltaTable
from krr_export.warehouse.target import DELTA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from krr_export.input.objects.address import Address
    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit
    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.delta.registration import ListedFile

_ROUNDS = 20
"""Of committing beside others: in each, one of them succeeds."""


def delta_address(target: str) -> Address:
    """Return the place of a Delta table.

    Args:
        target: ``delta:`` and the place's URI.

    Raises:
        UsageError: It is none.
    """
    return parse_address(target.removeprefix(DELTA))


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
    """List pushed snapshots in the Delta table over their place; as of `krr_export.load`."""
    all_snapshots, keep, replace = selection.all_snapshots, selection.keep, selection.replace
    place, address = _source(os.fspath(source)), delta_address(target)
    if address.uri != place.uri or address.snapshot is not None:
        raise UsageError(
            "a Delta table lies where the pushed files lie, and TARGET is another place", f"give {DELTA}{place.uri}"
        )
    if all_snapshots and place.snapshot is not None:
        raise UsageError("the URI is that of a snapshot, and --all is of all", "leave out --all, or eksport=…")
    store, table = open_objects(place), DeltaTable(place.uri)
    names = committed_names(store) if all_snapshots else [place.snapshot]
    wanted = [read_commit(store, name) for name in names] or [read_commit(store, None)]
    wanted = _kept(wanted, table, keep)
    _check_replacements(wanted, table.listed(), replace=replace)
    loaded = []
    for commit in wanted:
        progress.began(f"register {commit.eksport}", rows_of(commit))
        if _settle(store, table, commit, replace=replace):
            loaded.append(commit.eksport)
            on_loaded(commit.eksport)
        progress.advanced(rows_of(commit))
    dropped = _drop_old(table, keep)
    newest, files = [*table.listed().items()][-1]
    result = LoadResult(
        target=target,
        loaded=tuple(loaded),
        unchanged=tuple(commit.eksport for commit in wanted if commit.eksport not in loaded),
        dropped=tuple(dropped),
        waiting=(),
        persons=sum(file.rows or 0 for file in files),
    )
    return changed(result, message=result_message(result, newest))


def check_unlisted(objects: ObjectStore, names: Iterable[str]) -> None:
    """Refuse to delete snapshots whose files a Delta table over the place needs.

    Args:
        objects: The place.
        names: Of the snapshots.

    Raises:
        UsageError: It lists some; or there is a table, and the package deltalake is missing.
    """
    if not objects.names(LOG):
        return
    listed = DeltaTable(objects.uri).listed()
    if needed := [name for name in names if name in listed]:
        raise UsageError(
            f"the Delta table over {objects.uri} lists {needed[0]}, and would break",
            f"first: krr-export load {objects.uri} {DELTA}{objects.uri} --keep N",
        )


def _source(given: str) -> Address:
    if not is_object_uri(given):
        raise UsageError(
            "a Delta table is made over files that never change, which those of a store in a directory do not promise",
            "push it: krr-export push STORE URI; then krr-export load URI delta:URI",
        )
    return parse_address(given)


def _kept(wanted: list[Commit], table: DeltaTable, keep: int | None) -> list[Commit]:
    """Leave out what would be removed again at once, for there are newer ones enough."""
    names = sorted({*table.listed(), *(commit.eksport for commit in wanted)})[-(keep or 0) :]
    return [commit for commit in wanted if commit.eksport in names]


def _check_replacements(wanted: list[Commit], listed: dict[str, tuple[ListedFile, ...]], *, replace: bool) -> None:
    """Refuse what would end in the middle of several, before the first."""
    for commit in wanted:
        _is_listed(commit, listed.get(commit.eksport, ()), replace=replace)


def _is_listed(commit: Commit, listed: tuple[ListedFile, ...], *, replace: bool) -> bool:
    """Return whether a snapshot is listed.

    Raises:
        PublishedError: Other files are, of the same export.
    """
    keys = {file.key for file in listed}
    if keys and keys != keys_of(commit) and not replace:
        raise PublishedError(
            f"the table lists other files of {commit.eksport}: another result, or what another program made of it",
            "list those that were pushed in their place with --replace",
        )
    return keys == keys_of(commit)


def _settle(store: ObjectStore, table: DeltaTable, commit: Commit, *, replace: bool) -> bool:
    """List a snapshot; return whether it had to be."""
    if _is_listed(commit, table.listed().get(commit.eksport, ()), replace=replace):
        return False
    snapshot = register(store, commit)
    for _ in range(_ROUNDS):
        if table.write(snapshot):
            return True
        if _is_listed(commit, table.listed().get(commit.eksport, ()), replace=replace):
            return False
    raise _busy(table)


def _drop_old(table: DeltaTable, keep: int | None) -> list[str]:
    old = [*table.listed()][:-keep] if keep else []
    return [name for name in old if _dropped(table, name)]


def _dropped(table: DeltaTable, name: str) -> bool:
    for _ in range(_ROUNDS):
        if name not in table.listed():
            return False  # by another
        if table.drop(name):
            return True
    raise _busy(table)


def _busy(table: DeltaTable) -> BusyError:
    return BusyError(f"others commit to the Delta table at {table.uri} all the time", "run again when they are done")
