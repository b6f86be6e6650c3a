"""The store: the directory of snapshots, locked for one run at a time and cleaned up at its start."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import (
    FAILED,
    LATEST,
    LOCK,
    MANIFEST,
    PARTIAL,
    STAGING,
    SUCCESS,
    refuse_snapshot,
)
from krr_export.errors import BusyError, GuardError, OutputError, UsageError
from krr_export.output.publish import finish_replacements, is_dead, remove_replaced, retire, update_latest
from krr_export.output.snapshot import Staging
from krr_export.output.store_contents import entries, missing_store, replaceable, snapshots, unpublished_results
from krr_export.output.verification import verify
from krr_export.util.files import make_directories, make_parents, output_errors, remove, sync_directory
from krr_export.util.paths import local_path, real_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.output.manifest import Manifest, SnapshotOptions
    from krr_export.util.files import PartFile

_locks: set[int] = set()


def _forget_locks() -> None:
    for fd in _locks:
        os.close(fd)
    _locks.clear()


# flock belongs to the open file, which a fork shares: an orphaned worker would keep the store locked.
os.register_at_fork(after_in_child=_forget_locks)


@contextmanager
def open_store(path: Path, *, file_mode: int = 0o600, create: bool = True) -> Iterator[Store]:
    """Lock the store at ``path`` for one run, and remove everything left by dead runs.

    Staging directories of this machine are always swept: the kernel drops the lock with its process, so its holder is
    alone. Those of other machines are swept once they are unchanged for hours. An interrupted replacement is completed
    and ``latest`` updated.

    Args:
        path: the directory; with ``create`` it is created if missing, parents included.
        file_mode: permission bits of all files written; those of directories follow from it.
        create: whether to create a missing store.

    Raises:
        InputError: there is no store, and ``create`` is false.
        OutputError: another run holds the store, it is a file, or it cannot be written.
        UsageError: it is a snapshot or in one, is not a local path, or its file system has no locks.
    """
    path = local_path(path)
    _check_is_store(path, create=create)
    is_new = not os.path.lexists(path / LOCK)
    with output_errors(f"open the store {path}"):
        if create:
            _refuse_file(path)
            _create(path, file_mode)
        fd = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, file_mode)
    _locks.add(fd)
    try:
        _lock(fd, path)
        with output_errors(f"tidy the store {path}"):
            _clean_up(path)
        yield Store(path, file_mode, is_new, fd)
    finally:
        _locks.discard(fd)
        os.close(fd)


@contextmanager
def name_store_in_errors(store: Path) -> Iterator[None]:
    """Add the store's path to errors."""
    try:
        yield
    except (GuardError, OutputError, UsageError) as error:
        if str(store) in error.message:
            raise
        raise type(error)(f"{store}: {error.message}", error.hint) from error.__cause__


@dataclass(frozen=True)
class Store:
    """A locked store; created by ``open_store``.

    Attributes:
        path: the directory.
        file_mode: permission bits of all files written.
        is_new: whether no run has used it before: the path may be mistyped.
        lock: the descriptor of the lock: a process that is given it keeps the store locked as long as it runs.
    """

    path: Path
    file_mode: int = 0o600
    is_new: bool = False
    lock: int = field(default=-1, repr=False, compare=False)

    def remark(self) -> str:
        """Return a remark for the last line of a run if it publishes the first snapshot; call it before publishing."""
        if any(entry.manifest for entry in entries(self.path)):
            return ""
        return "; the first snapshot of a new store" if self.is_new else "; the store's first snapshot"

    def snapshots(self) -> list[Path]:
        """Return the published snapshots, oldest first."""
        return snapshots(self.path)

    def newest(self) -> str | None:
        """Return the name of the newest published snapshot, damaged or not; ``None`` if there is none."""
        return next((entry.path.name for entry in entries(self.path) if entry.published), None)

    def staging(self) -> Staging:
        """Return a staging directory for the next snapshot, on the same file system; a context manager."""
        return Staging(self.path, self.file_mode)

    def find(self, name: str) -> Manifest | None:
        """Return the manifest of the published snapshot of that name; ``None`` if there is none that can be read.

        A damaged one is not found either, but publishing over it still requires ``--replace``.

        Raises:
            UsageError: something other than a snapshot has this name: nothing could be published under it.
        """
        return replaceable(self.path / name).manifest

    def is_intact(self, manifest: Manifest, *, prove: bool = False) -> bool:
        """Return whether the files of a published snapshot are complete.

        Args:
            manifest: its manifest.
            prove: read every byte, as ``verify`` does; otherwise check only that listed files exist with their sizes.
        """
        snapshot = self.path / manifest.export_name
        if not all(_has_listed_size(snapshot, part) for part in manifest.files):
            return False
        return not prove or verify(snapshot).proven

    def check_same_kind(self, options: SnapshotOptions, schema_name: str) -> None:
        """Refuse a conversion whose result could not be queried together with the other snapshots.

        Args:
            options: of the conversion.
            schema_name: of the record schema.

        Raises:
            UsageError: the snapshots of the store have another format, partitioning or schema, other columns, or other
                pseudonyms.
        """
        manifest = next((entry.manifest for entry in entries(self.path) if entry.manifest), None)
        if manifest is None:
            return
        found = _common_properties(manifest.options, manifest.schema.name, _partitioning(manifest))
        requested = _common_properties(options, schema_name, options.partition_by)
        for (what, old), new in zip(found.items(), requested.values(), strict=True):
            _check_same(what, old, new)

    def prune(self, keep: int) -> list[Path]:
        """Delete all but the newest snapshots, oldest first; never the one that ``latest`` points to.

        Entries that are not recognised as snapshots, or are damaged, also by a missing file or one of another size, are
        neither counted nor deleted: what stays is whole.

        Results in ``.failed`` and ``.partial`` are deleted too if they are older than the oldest snapshot left, or not
        among the ``keep`` newest there. Each is moved out of its place atomically.

        Returns:
            The deleted paths.

        Raises:
            UsageError: ``keep`` is less than 1.
            OutputError: the file system refuses.
        """
        if keep < 1:
            raise UsageError("--keep must be at least 1")
        found = [entry for entry in entries(self.path) if entry.manifest is not None][::-1]
        published = [entry.path for entry in found if entry.manifest and self.is_intact(entry.manifest)]
        latest = real_path(self.path / LATEST)
        deleted = [path for path in published[:-keep] if real_path(path) != latest]
        oldest = next((path.name for path in published if path not in deleted), "")
        for place in (FAILED, PARTIAL):
            unpublished = unpublished_results(self.path / place)
            deleted += [path for path in unpublished if path not in unpublished[-keep:] or path.name < oldest]
        with output_errors("delete old snapshots"):
            for path in deleted:
                retire(path, self.path)
        return deleted


def _check_is_store(path: Path, *, create: bool) -> None:
    """Refuse a mistyped path: a snapshot, or, if the store must exist already, anything but a store."""
    if os.path.lexists(path / MANIFEST) or os.path.lexists(path / SUCCESS):  # false too where nothing may be looked at
        raise UsageError(f"{path} is a snapshot, not a store", "give the directory that holds it")
    refuse_snapshot(path)
    if not create and not (path / LOCK).exists() and not any(entry.published for entry in entries(path)):
        raise missing_store(path)


def _refuse_file(path: Path) -> None:
    if path.is_file():
        raise OutputError(f"{path} is a file, not a store", "give a directory, the one of the snapshots or a new one")


def _create(path: Path, file_mode: int) -> None:
    if not path.is_dir():
        make_parents(path)
        make_directories(path, path.parent, file_mode)
        sync_directory(path.parent)


def _lock(fd: int, path: Path) -> None:
    try:
        with output_errors(f"lock the store {path}"):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OutputError as error:
        if isinstance(error.__cause__, BlockingIOError):
            raise BusyError(f"another run holds the store {path}", "wait until it has ended") from error
        raise
    if not _is_lock_exclusive(path):
        raise UsageError(
            f"the file system of the store {path} does not lock: nothing keeps two runs apart there",
            "choose a store on one that does, or mount it with locks",
        )


def _is_lock_exclusive(path: Path) -> bool:
    """Return whether the file system really locks: a second lock must be refused."""
    fd = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _clean_up(path: Path) -> None:
    finish_replacements(path)
    sync_directory(path)  # make a dead run's renames durable before the replaced entries are deleted
    remove_replaced(path)
    os.utime(path / LOCK)
    now = (path / LOCK).stat().st_mtime
    for left in path.glob(f"{STAGING}*"):
        if is_dead(left, now):
            remove(left)
    update_latest(path)


def _has_listed_size(snapshot: Path, part: PartFile) -> bool:
    path = snapshot / part.path
    return path.is_file() and path.stat().st_size == part.bytes


def _common_properties(
    options: SnapshotOptions, schema_name: str, partitioning: tuple[str, ...]
) -> dict[str, str | tuple[str, ...] | None]:
    """Return the properties that all snapshots of a store have in common, by their names in messages."""
    return {
        "format": options.format,
        "partitioning": partitioning,
        "schema": schema_name,
        "derived columns": options.derive,
        "choice of columns": options.columns,
        "pseudonymised columns": options.pseudonymised,
        "pseudonym key (fingerprint)": options.pseudonym_key_fingerprint,
    }


def _check_same(what: str, old: str | tuple[str, ...] | None, new: str | tuple[str, ...] | None) -> None:
    if old != new:
        raise UsageError(
            f"the snapshots in this store have the {what} {_display(what, old)}, not {_display(what, new)}",
            "a store keeps one kind: choose another store",
        )


def _partitioning(manifest: Manifest) -> tuple[str, ...]:
    """Return the columns partitioned by; marked with ``=…`` if they are directories, ``status=AKTIV/``, as once."""
    columns = manifest.options.partition_by
    is_old = any("=" in part.path for part in manifest.files)
    return tuple(f"{column}=…" for column in columns) if is_old else columns


def _display(what: str, value: str | tuple[str, ...] | None) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else value
    return text or ("all" if what == "choice of columns" else "none")
