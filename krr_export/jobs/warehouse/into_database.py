"""Snapshots loaded into a database: those that it does not have, each whole or not at all."""

from __future__ import annotations

from dataclasses import replace as changed
from itertools import pairwise
from typing import TYPE_CHECKING

from krr_export.errors import PublishedError, UsageError
from krr_export.jobs.warehouse.load_result import LoadResult, result_message
from krr_export.warehouse.tables import CHANGES, PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.jobs.warehouse.selection import Selection
    from krr_export.pipeline.progress import Progress
    from krr_export.warehouse.database import Database
    from krr_export.warehouse.ledger import Load
    from krr_export.warehouse.loadable import Loadable
    from krr_export.warehouse.target import Target


def load_into_database(
    snapshots: list[Loadable],
    target: Target,
    selection: Selection,
    progress: Progress,
    on_loaded: Callable[[str], object],
) -> LoadResult:
    """Load snapshots, of which there is one at least, oldest first; as of `krr_export.load`."""
    with target.database as database:
        held = {load.name: load.manifest_sha256 for load in database.loads()}
        kept = selection.kept([*held, *(snapshot.name for snapshot in snapshots)])
        wanted = [snapshot for snapshot in snapshots if snapshot.name in kept]
        _check_replacements(wanted, held, replace=selection.replace)
        if selection.history or database.has_history():
            _check_history(database.loads(), wanted, selection)
        missing = [one for one in wanted if selection.replace or held.get(one.name) != one.manifest_sha256]
        for snapshot in missing:
            progress.began(f"load {snapshot.name}", snapshot.rows)
            database.load(changed(snapshot, advanced=progress.advanced))
            on_loaded(snapshot.name)
        if selection.history:
            database.make_history(snapshots[-1].tables[0].schema)
        dropped, waiting = _drop_old(database, selection)
        newest = [load for load in database.loads() if load.table == PERSON][-1]
    loaded = [snapshot.name for snapshot in missing]
    result = LoadResult(
        target=target.shown,
        loaded=tuple(loaded),
        unchanged=tuple(one.name for one in wanted if one.name not in loaded),
        dropped=tuple(dropped),
        waiting=tuple(waiting),
        persons=newest.rows,
        warnings=target.warnings,
    )
    return changed(result, message=result_message(result, newest.name))


def _check_replacements(wanted: list[Loadable], held: dict[str, str], *, replace: bool) -> None:
    for snapshot in wanted:
        if not replace and held.get(snapshot.name, snapshot.manifest_sha256) != snapshot.manifest_sha256:
            raise PublishedError(
                f"the target has another result of {snapshot.name}", "load it in its place with --replace"
            )


def _check_history(loads: list[Load], wanted: list[Loadable], selection: Selection) -> None:
    """Refuse a history with a gap: each night must have its changes since the one before it in the database.

    Raises:
        UsageError: one has not.
    """
    held = {load.name: load.manifest_sha256 for load in loads}
    compared = {load.name: load.compared_with for load in loads if load.table == CHANGES}
    for snapshot in wanted:
        held[snapshot.name] = snapshot.manifest_sha256
        compared.pop(snapshot.name, None)
        if CHANGES in snapshot.table_names:
            compared[snapshot.name] = snapshot.compared_with
    names = selection.kept(held)
    gap = next((late for early, late in pairwise(names) if compared.get(late) != held[early]), None)
    if not compared:
        raise UsageError(f"{names[0]} has no changes, of which a history is made", "convert every night with --changes")
    if gap:
        raise UsageError(
            f"the history would have a gap: {gap} has no changes since the night before it in the database",
            f"remove {gap} from the store, convert it again with --changes, and load all of them: --all --replace",
        )


def _drop_old(database: Database, selection: Selection) -> tuple[list[str], list[str]]:
    """Remove the exports that do not stay; return those that are gone, and those that must wait."""
    old = selection.old([load.name for load in database.loads()])
    for index, name in enumerate(old):  # what stays has no gap: where one must wait, so must those after it
        if not database.drop(name):
            return old[:index], old[index:]
    return old, []
