"""The entries ``eksport=…`` of a store: its snapshots, and entries that only look like one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import MANIFEST, SUCCESS, is_export_name
from krr_export.errors import InputError, UsageError
from krr_export.output.manifest import read_manifest, repair_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from krr_export.output.manifest import Manifest

_MAX_NAMED = 3


class EntryStatus(Enum):
    """Classification of an entry of a store."""

    SNAPSHOT = auto()
    """A directory named like an export, with ``_SUCCESS`` and a manifest that names that very export."""
    DAMAGED = auto()
    """Published under this name, but its manifest cannot be read. It is neither counted nor deleted."""
    INCOMPLETE = auto()
    """The manifest names this export, but ``_SUCCESS`` is missing: a copy in progress, or a damaged one."""
    OTHER = auto()
    """Anything else: a copy under another name, a link, a result of ``--limit``. It is never touched."""


@dataclass(frozen=True)
class Entry:
    """One classified entry of a store."""

    path: Path
    status: EntryStatus
    why: str = ""
    """The reason why it is not a snapshot, in a few words."""
    manifest: Manifest | None = None
    """Of a snapshot."""

    @property
    def published(self) -> bool:
        """True if the store published it, damaged or not."""
        return self.status in {EntryStatus.SNAPSHOT, EntryStatus.DAMAGED}


def classify(path: Path) -> Entry:
    """Classify an entry of a store. Only this function decides what a snapshot is.

    Raises:
        OSError: access is denied.
    """
    if not is_export_name(path.name):
        return Entry(path, EntryStatus.OTHER, "it is not named like an export")
    if path.is_symlink() or not path.is_dir():
        return Entry(path, EntryStatus.OTHER, "it is no directory, or a link to one")
    return _classify_directory(path)


def _classify_directory(path: Path) -> Entry:
    complete = (path / SUCCESS).is_file()
    incomplete = f"it has no {SUCCESS}"
    try:
        manifest = read_manifest(path)
    except InputError as error:
        damaged = Entry(path, EntryStatus.DAMAGED, error.message)
        return damaged if complete else Entry(path, EntryStatus.OTHER, incomplete)
    if manifest.export_name != path.name:
        return Entry(path, EntryStatus.OTHER, f"{MANIFEST} is that of another export")
    if manifest.partial:
        return Entry(path, EntryStatus.OTHER, "a partial result, of --limit")
    if not complete:
        return Entry(path, EntryStatus.INCOMPLETE, incomplete)
    return Entry(path, EntryStatus.SNAPSHOT, manifest=manifest)


def entries(store: Path, name_filter: Callable[[str], bool] = bool) -> Iterator[Entry]:
    """Yield the entries ``eksport=…`` of a store, newest first; each is classified when it is reached.

    Args:
        store: the directory of snapshots.
        name_filter: selects entries by name.

    Raises:
        OSError: access to an entry is denied.
    """
    for path in sorted(store.glob("eksport=*"), reverse=True):
        if name_filter(path.name):
            yield classify(path)


def snapshots(store: Path) -> list[Path]:
    """Return the snapshots of a store, oldest first: their names are times of equal length."""
    return [entry.path for entry in entries(store) if entry.status is EntryStatus.SNAPSHOT][::-1]


def unpublished_results(place: Path) -> list[Path]:
    """Return the results kept in ``.failed`` or ``.partial``, oldest first; nothing else, and no targets of links.

    Raises:
        OSError: the directory cannot be read.
    """
    if place.is_symlink() or not place.is_dir():
        return []
    with os.scandir(place) as found:  # a glob would find nothing where it may not look
        names = [entry.name for entry in found if entry.is_dir(follow_symlinks=False) and is_export_name(entry.name)]
    return [place / name for name in sorted(names)]


def missing_store(path: Path) -> InputError:
    """Return the error for a path without a store, be it missing, a file or another directory."""
    return InputError(f"there is no store at {path}", "give the directory that holds the snapshots")


def replaceable(path: Path) -> Entry:
    """Return the entry at a path, which may be missing, if the store may replace it.

    Raises:
        UsageError: the store has not published it.
    """
    entry = classify(path)
    if os.path.lexists(path) and entry.status is EntryStatus.OTHER:
        raise UsageError(f"{path.name} lies in the store and is no snapshot: {entry.why}", "move it out of the store")
    return entry


def warnings(store: Path, *, damaged: bool = True) -> Iterator[str]:
    """Yield warnings about entries of a store that are not snapshots, one line for each kind.

    Args:
        store: the directory of snapshots.
        damaged: whether to warn of damaged ones too.

    Raises:
        OSError: access to an entry is denied.
    """
    classified = list(entries(store))
    others = [entry for entry in classified if not entry.published]
    if others:
        yield (
            f"in the store, but no snapshot: {_list_names(others)}; left alone, but a query over eksport=*/person/**"
            " would read it: move it out of the store"
        )
    harmed = [entry for entry in classified if entry.status is EntryStatus.DAMAGED]
    if damaged and harmed:
        yield f"damaged: {_list_names(harmed)}; neither counted nor pruned: {repair_hint(harmed[0].manifest)}"


def _list_names(listed: list[Entry]) -> str:
    more = len(listed) - _MAX_NAMED
    described = ", ".join(f"{entry.path.name} ({entry.why})" for entry in listed[:_MAX_NAMED])
    return f"{described} and {more} more" if more > 0 else described
