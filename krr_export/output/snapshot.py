"""Staging of a snapshot: written to its own directory, verified, and published by one rename or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import msgspec

from krr_export.domain.store_layout import FAILED, MANIFEST, PARTIAL, SUCCESS, success_text
from krr_export.errors import OutputError, PublishedError
from krr_export.output.manifest import Counts, Manifest, SchemaVersion, SourceFile
from krr_export.output.publish import put_in_place, remove_replaced, retire, staging_path, update_latest, withdraw
from krr_export.output.store_contents import replaceable
from krr_export.output.verification import Verification, prove, verify
from krr_export.util.files import (
    HashedFile,
    PartFile,
    make_directories,
    output_errors,
    remove,
    sync_directory,
    sync_tree,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["Counts", "Manifest", "PartFile", "SchemaVersion", "SourceFile", "Staging", "Verification", "verify"]


class Staging:
    """The directory in which one snapshot is written; a context manager that removes it unless it is published or kept.

    Args:
        store: the directory of snapshots; the caller holds its lock.
        file_mode: permission bits of the files; those of directories follow from it.
    """

    def __init__(self, store: Path, file_mode: int = 0o600) -> None:
        self.path = staging_path(store)
        """The directory to write the files into."""
        self._store = store
        self._file_mode = file_mode
        self._is_visible = False

    def __enter__(self) -> Self:
        with output_errors("write to the store"):
            make_directories(self.path, self._store, self._file_mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # After publishing, the path is gone, or is the replaced snapshot, which `publish` deletes once its replacement
        # is synced to the disk. If removal fails, the next run sweeps: an error here would only hide the first one.
        if not self._is_visible:
            with suppress(OSError):
                remove(self.path)

    def write_text(self, name: str, text: str) -> PartFile:
        """Write a file beside the tables, such as ``report.json``, in UTF-8.

        Raises:
            OutputError: the disk is full or failing.
        """
        file = HashedFile.create(self.path, name, self._file_mode)
        try:
            file.write(text.encode())
            return file.finish()
        finally:
            file.abandon()

    def publish(self, manifest: Manifest, name: str, *, replace: bool) -> Path:
        """Verify the snapshot, publish it atomically as ``STORE/name``, and update ``latest``.

        Args:
            manifest: of the snapshot; its counts are checked against the files.
            name: ``eksport=20140226T112225Z``.
            replace: whether this snapshot may replace one of that name.

        Returns:
            The snapshot's path.

        Raises:
            PublishedError: a snapshot has the name.
            OutputError: the counts disagree with the files, or the disk is full or failing.
            UsageError: something other than a snapshot has the name.
        """
        target = self._store / name
        replaceable(target)
        if os.path.lexists(target) and not replace:
            raise PublishedError(f"{name} is already there, with another result", "use --replace to exchange it")
        self._seal(manifest)
        self._put_in_place(target)
        with output_errors(f"force {name} to the disk, though it is published"):
            sync_directory(self._store)
        self._check_published(target, manifest)
        with output_errors(f"let latest follow to {name}, though it is published"):
            update_latest(self._store)
        with output_errors(f"delete what {name} replaced, though it is published"):
            remove_replaced(self._store, self.path)
        failed = self._store / FAILED / name
        if os.path.lexists(failed) and not failed.parent.is_symlink():
            # Its rejects are raw records of the export that is published now: personal data without a purpose.
            with output_errors(f"delete {FAILED}/{name}, though {name} is published"):
                retire(failed, self._store)
        return target

    def keep_failed(self, manifest: Manifest, name: str) -> Path:
        """Keep report and rejects of a failed export as ``STORE/.failed/name``, replacing an earlier one.

        The table ``person`` is not kept: it must not be mistaken for the result. Nor is there a ``_SUCCESS``.

        Raises:
            OutputError: the disk is full or failing.
        """
        with output_errors(f"keep {FAILED}/{name}"):
            remove(self.path / "person")
        kept = tuple(part for part in manifest.files if not part.path.startswith("person/"))
        self.write_text(MANIFEST, msgspec.structs.replace(manifest, files=kept).to_json())
        return self._keep(FAILED, name)

    def keep_partial(self, manifest: Manifest, name: str) -> Path:
        """Verify a result of ``--limit`` and keep it as ``STORE/.partial/name``, replacing an earlier one.

        It is never matched by ``eksport=*/`` and never becomes ``latest``; its manifest says ``partial``.

        Raises:
            OutputError: the counts disagree with the files, or the disk is full or failing.
        """
        self._seal(msgspec.structs.replace(manifest, partial=True))
        return self._keep(PARTIAL, name)

    def _seal(self, manifest: Manifest) -> None:
        """Write the manifest, verify the files against it, and write ``_SUCCESS``."""
        text = manifest.to_json()
        self.write_text(MANIFEST, text)
        prove(self.path, manifest)
        self.write_text(SUCCESS, success_text(text.encode()))

    def _put_in_place(self, target: Path) -> None:
        try:
            with output_errors(f"publish {target.name}"):
                sync_tree(self.path)
                put_in_place(self.path, target)
        except OutputError as error:
            if os.path.lexists(self.path):
                raise
            # The first of two renames was done: the next run will do the second.
            raise OutputError(
                f"{error.message}; the next run on the store completes it", error.hint
            ) from error.__cause__
        self._is_visible = True

    def _check_published(self, target: Path, manifest: Manifest) -> None:
        """Check the published files: if locks do not work across machines, another run may have changed them."""
        complete = all(_size(target / part.path) == part.bytes for part in manifest.files)
        if complete and (target / SUCCESS).is_file():
            return
        with output_errors(f"withdraw {target.name}, of which another run deleted files"):
            withdraw(target, self.path)
            sync_directory(self._store)
        raise OutputError(
            f"{target.name} was withdrawn: another run deleted or changed files of it while it was published",
            "only one run may write to a store at a time; run again when no other does",
        )

    def _keep(self, place: str, name: str) -> Path:
        """Move everything to ``STORE/place/name``; an earlier result is deleted once this one is durable."""
        target, old = self._store / place / name, staging_path(self._store)
        with output_errors(f"keep {place}/{name}"):
            if target.parent.is_symlink():  # its target is not part of the store
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            make_directories(target.parent, self._store, self._file_mode)
            sync_tree(self.path)
            if os.path.lexists(target):
                target.rename(old)
            self.path.rename(target)
            sync_directory(target.parent)
            sync_directory(self._store)
            remove(old)
        return target


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() and not path.is_symlink() else None
