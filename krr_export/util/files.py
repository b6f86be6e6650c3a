"""Durable files of personal data: private permissions, hashed while written, synced to the disk.

Everything in the store is written through this module: one place decides about permissions and durability, and turns
every failure of the machine into one clear line.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from krr_export.errors import NoSpaceError, OutputError
from krr_export.util.machine_failures import MACHINE_HINTS
from krr_export.util.stored_json import Count, Sha256, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OTHER_FILE_SYSTEM = "its file system does not do this, or the directory is immutable: choose a store on another"
_LOST_MOUNT = "the server of its file system is out of reach: mount it again, and run again"
COMMON_HINTS = {
    **MACHINE_HINTS,
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no larger files",
    errno.ESTALE: _LOST_MOUNT,
    errno.ENOTCONN: _LOST_MOUNT,
    errno.EHOSTDOWN: _LOST_MOUNT,
    errno.EHOSTUNREACH: _LOST_MOUNT,
    errno.ETIMEDOUT: _LOST_MOUNT,
    errno.EIO: "the disk or its connection failed: see the system's log",
    errno.ENOTDIR: "a file lies where a directory is needed: move it away",
}
"""What to do about an error of the system, wherever it is written to."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STORE_HINTS = {
    **COMMON_HINTS,
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no larger files: raise it, or lower --rows-per-file",
    errno.EACCES: "give the user that runs this write access to the store",
    errno.EPERM: _OTHER_FILE_SYSTEM,
    errno.ENOTSUP: _OTHER_FILE_SYSTEM,
    errno.ENOSYS: _OTHER_FILE_SYSTEM,
    errno.EROFS: "choose a store on a file system that can be written",
    errno.ENOENT: "check the path; is its file system mounted?",
    errno.ENAMETOOLONG: "choose a store with a shorter path, on a file system that takes names of 255 bytes",
    errno.ENOLCK: "its server gives no locks: mount it with them (NFS: without nolock), or choose a store on another",
    errno.EEXIST: "move what lies there out of the way",
    errno.ELOOP: "a symbolic link lies where a directory is needed: remove it",
}

_FIXED_MODES = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
"""Errors of chmod(2) on file systems whose mount options or server decide the permissions: SMB, vfat, FUSE."""
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""Errors of fsync(2) for pipes, and for directories on network file systems that sync files only."""


class PartFile(Stored, frozen=True):
    """One finished file, as the manifest lists it.

    Attributes:
        path: POSIX, relative to the snapshot, and in it.
        rows: rows of the table in this file; 0 for a file that is not part of a table.
        bytes: its size.
        sha256: the digest of its bytes.
    """

    path: str
    rows: Count
    bytes: Count
    sha256: Sha256

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.parts or ".." in path.parts or str(path) != self.path:
            raise ValueError("a path that leads out of the snapshot")
        if _CONTROL.search(self.path):
            raise ValueError("a path that no object store takes")


@contextmanager
def output_errors(doing: str, hints: Mapping[int, str] = _STORE_HINTS) -> Iterator[None]:
    """Turn errors of the operating system into one clear line.

    Args:
        doing: what was tried; follows "cannot", such as ``write person/part-00000.parquet``.
        hints: what to do, by the error's number.

    Raises:
        OutputError: for any ``OSError`` raised inside; Arrow raises its own as ``OSError`` too.
    """
    try:
        yield
    except OSError as error:
        raise output_error(doing, error, hints) from error


def output_error(doing: str, error: OSError, hints: Mapping[int, str], default: str | None = None) -> OutputError:
    """Return the same for one error.

    Args:
        doing: as above.
        error: the system's error.
        hints: as above.
        default: what to do about any other error.
    """
    # Never str(error): it may quote a path with a partition's value, or any other text from Arrow.
    reason = os.strerror(error.errno) if error.errno else "the system gives no reason"
    kind = NoSpaceError if error.errno in _FULL else OutputError
    return kind(f"cannot {doing}: {reason}", hints.get(error.errno or 0, default))


class HashedFile:
    """A new binary file that is hashed while it is written; Arrow can write to it.

    Writes are unbuffered: they come in large pieces, and a buffer of our own could fail once more while an error is
    being cleaned up.

    Args:
        path: its path, for messages and for the manifest.
        descriptor: open for writing; closed when the file is finished or abandoned.
        shown: its path for messages, if that is another.
    """

    def __init__(self, path: str, descriptor: int, shown: str | None = None) -> None:
        self.path = path
        self._shown = shown or path
        self.size = 0
        self._digest = hashlib.sha256()
        self._fd: int | None = descriptor

    @classmethod
    def create(cls, root: Path, path: str, mode: int) -> Self:
        """Create the file.

        Args:
            root: the directory that ``path`` is relative to. The file's own directory is made if it is missing.
            path: POSIX path below ``root``; nothing may exist there yet.
            mode: permission bits; the process's umask does not change them.

        Raises:
            OutputError: it cannot be created.
        """
        target = root / path
        with output_errors(f"create {path}"):
            make_directories(target.parent, root, mode)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            _set_mode(os.fstat(descriptor), mode, partial(os.fchmod, descriptor))
        return cls(path, descriptor)

    @property
    def closed(self) -> bool:
        """True if the file is finished or abandoned."""
        return self._fd is None

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``; after ``abandon`` it is discarded, so that a writer can still close itself.

        Raises:
            OutputError: the disk is full or failing.
        """
        view = memoryview(data).cast("B")
        size = len(view)
        if self._fd is None:
            return size
        self._digest.update(view)
        self.size += size
        with output_errors(f"write {self._shown}"):
            while view:
                view = view[os.write(self._fd, view) :]
        return size

    def flush(self) -> None:
        """Do nothing: there is no buffer. Arrow calls it on every file."""

    def finish(self, rows: int = 0) -> PartFile:
        """Sync the bytes to the disk, if it is a file on one, and close the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        assert self._fd is not None, "a file is finished once"  # noqa: S101 - an invariant of this package
        with output_errors(f"write {self._shown}"):
            _sync(self._fd)
            os.close(self._fd)
        self._fd = None
        return PartFile(self.path, rows, self.size, self._digest.hexdigest())

    def abandon(self) -> None:
        """Close without syncing; never raises. The caller removes the file."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(OSError):
                os.close(fd)


def directory_mode(file_mode: int) -> int:
    """Return the mode of directories for files of ``file_mode``: 0600 → 0700, 0640 → 0750.

    A user who may read the files may enter the directory.
    """
    return 0o700 | file_mode | (file_mode & 0o444) >> 2


def make_directories(path: Path, root: Path, file_mode: int) -> None:
    """Create ``path`` and the missing directories between it and ``root``, regardless of the umask."""
    missing = []
    while path != root and not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(directory_mode(file_mode))
        _set_mode(directory.stat(), directory_mode(file_mode), directory.chmod)


def _set_mode(made: os.stat_result, mode: int, change: Callable[[int], object]) -> None:
    """Restore the permission bits that the umask removed, if the file system allows changes of permissions.

    The set-group-ID bit, which a directory inherits from its parent, stays: it gives everything created below to the
    store's group.
    """
    wanted = mode | made.st_mode & stat.S_ISGID
    if stat.S_IMODE(made.st_mode) == wanted:
        return  # a needless chmod could clear that bit if the user is not in the group
    try:
        change(wanted)
    except OSError as error:
        if error.errno not in _FIXED_MODES:
            raise


def mode_remark(path: Path, mode: int) -> str:
    """Return a remark for the last line of a run if a file did not get its permissions; usually empty.

    Args:
        path: a file that was just written.
        mode: the requested permission bits.
    """
    try:
        got = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""  # the file is written; the next reader will report what is wrong
    if got == mode:
        return ""
    return f"; its files have mode {got:03o}, not {mode:03o}: the file system ignores it, the mount's options decide"


def make_parents(path: Path) -> None:
    """Create the missing parent directories of ``path`` and sync each one's entry to the disk."""
    missing = [parent for parent in path.parents if not parent.is_dir()]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Sync a directory's entries to the disk, if its file system can (POSIX fsync)."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(fd)
    finally:
        os.close(fd)


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def sync_tree(root: Path) -> None:
    """Sync the entries of ``root`` and of all directories below it to the disk, the deepest first."""
    for directory, _, _ in os.walk(root, topdown=False):
        sync_directory(Path(directory))


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory, if it exists; never the target of a link."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
