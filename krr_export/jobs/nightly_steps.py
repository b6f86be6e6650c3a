"""The steps that every night ends with: prove what was published, delete what is old, and say so in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import OutputError, UsageError
from krr_export.jobs.warehouse.lake_target import check_unlisted
from krr_export.output.store import open_store
from krr_export.output.store_contents import snapshots, warnings
from krr_export.output.store_place import open_place
from krr_export.output.verification import verify
from krr_export.util.fields import check_types

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.output.store_place import StorePlace


def check_keep(keep: int | None) -> None:
    """Refuse a number of snapshots that cannot be kept, before a night's work is done.

    Raises:
        UsageError: it is no number from 1 on.
    """
    check_types({"keep": int | None}, {"keep": keep})
    if keep is not None and keep < 1:
        raise UsageError("--keep must be at least 1")


def prove(result: ConvertResult) -> None:
    """Read a published snapshot again, and compare it with its manifest.

    Raises:
        OutputError: they differ.
    """
    if result.published and not (found := verify(result.path)).proven:
        raise OutputError(f"{result.path} differs from its manifest: {found.differences[0]}", "is the disk failing?")


def prune(store: Path, keep: int | None) -> tuple[Path, ...]:
    """Delete all but the newest snapshots of a store, and return what was deleted; ``None`` keeps all.

    Raises:
        OutputError: one cannot be deleted, or another run holds the store.
    """
    check_keep(keep)
    if keep is None:
        return ()
    with open_store(store, create=False) as opened:
        return tuple(opened.prune(keep))


def write_back_deletion(place: StorePlace, deleted: Iterable[Path]) -> None:
    """Bring what was deleted in a mirror to the object store, unless a table over it needs it.

    Raises:
        UsageError: one does.
    """
    if (mirror := place.mirror) is None:
        return
    names = [path.name for path in deleted if path.parent == place.directory]
    check_unlisted(mirror.objects, sorted({*names, *mirror.leftovers()}))
    place.write_back()
    left = mirror.leftovers()
    # Again, now that none can be listed any more: `load` looks for the commit once it has listed it.
    check_unlisted(mirror.objects, left)
    mirror.delete_files(left)


@dataclass(frozen=True)
class PruneResult:
    """The result of ``prune``.

    Attributes:
        deleted: the paths, or URIs, of what was deleted, the oldest snapshot first.
        kept: those of the snapshots that are left.
        warnings: of what is damaged in an object store, and so neither counted nor deleted.
    """

    deleted: tuple[str, ...]
    kept: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def prune_place(store: str | os.PathLike[str], keep: int) -> PruneResult:
    """Delete all but the newest snapshots of a store, wherever that is.

    Args:
        store: the directory of snapshots, or the URI of a place in an object store.
        keep: how many stay.

    Raises:
        InputError: there is no store.
        NetworkError: an object store cannot be reached, or denies access.
        OutputError: one cannot be deleted, or another run holds the store.
        UsageError: ``keep`` is less than 1.
    """
    check_keep(keep)
    with open_place(store) as place:
        place.show_newest()
        deleted = prune(place.directory, keep)
        write_back_deletion(place, deleted)
        kept = snapshots(place.directory)
        warned = warnings(place.directory) if place.mirror else ()  # of a directory the command line has warned
        return PruneResult(*(tuple(place.rename(str(said)) for said in several) for several in (deleted, kept, warned)))


def describe_night(fetched: str, results: Iterable[ConvertResult], pruned: tuple[str, ...]) -> str:
    """Return the night in one line for people.

    Args:
        fetched: what the fetch gave.
        results: what became of each export.
        pruned: the deleted snapshots.
    """
    loaded = "; ".join(dict.fromkeys(_describe(result) for result in results))
    deleted = f"deleted {len(pruned)} old {'one' if len(pruned) == 1 else 'ones'}" if pruned else ""
    return "; ".join(filter(None, (fetched, loaded, deleted)))


def _describe(result: ConvertResult) -> str:
    return f"{result.message}, proven" if result.outcome == "published" else result.message
