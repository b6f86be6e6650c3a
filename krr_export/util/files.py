"""Files of personal data that must survive a crash: closed to others, hashed while written, forced to the disk.

Everything that the store holds is written through this module, so that one place decides about permissions and
durability, and every failure of the machine becomes one clear line.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OTHER_FILE_SYSTEM = "its file system does not do this, or the directory is immutable: choose a store on another"
_LOST_MOUNT = "the server of its file system is out of reach: mount it again, and run again"
_HINTS = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no larger files: raise it, or lower --rows-per-file",
    errno.EACCES: "give the user that runs this write access to the store",
    errno.EPERM: _OTHER_FILE_SYSTEM,
    errno.ENOTSUP: _OTHER_FILE_SYSTEM,
    errno.ENOSYS: _OTHER_FILE_SYSTEM,
    errno.EROFS: "choose a store on a file system that can be written",
    errno.ENOENT: "check the path; is its file system mounted?",
    errno.ESTALE: _LOST_MOUNT,
    errno.ENOTCONN: _LOST_MOUNT,
    errno.EHOSTDOWN: _LOST_MOUNT,
    errno.EHOSTUNREACH: _LOST_MOUNT,
    errno.ETIMEDOUT: _LOST_MOUNT,
    errno.ENAMETOOLONG: "choose a store with a shorter path, on a file system that takes names of 255 bytes",
    errno.ENFILE: "the whole system has too many files open: end what holds them, or raise fs.file-max",
    errno.EIO: "the disk or its connection failed: see the system's log",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENOLCK: "its server gives no locks: mount it with them (NFS: without nolock), or choose a store on another",
    errno.EEXIST: "move what lies there out of the way",
    errno.ELOOP: "a symbolic link lies where a directory is needed: remove it",
    errno.ENOTDIR: "a file lies where a directory is needed: move it away",
}

_FIXED_MODES = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
"""What chmod(2) says where the mount decides who may read, or the server: SMB, vfat, FUSE."""
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""What fsync(2) says of directories where it means files only."""


@dataclass(frozen=True)
class PartFile:
    """One finished file, as the manifest lists it."""

    path: str
    """POSIX, relative to the snapshot."""
    rows: int
    """Rows of the table in this file; 0 for a file that is not part of a table."""
    bytes: int
    sha256: str
    """Lower-case hexadecimal."""


@contextmanager
def output_errors(doing: str) -> Iterator[None]:
    """Turn the operating system's refusals into one clear line.

    Args:
        doing: What was tried, to stand after "cannot", such as ``write person/part-00000.parquet``.

    Raises:
        OutputError: For any ``OSError`` met inside; Arrow raises its own as ``OSError`` too.
    """
    try:
        yield
    except OSError as error:
        # Never str(error): it may quote a path with a partition's value, or whatever Arrow found worth saying.
        reason = os.strerror(error.errno) if error.errno else "the system gives no reason"
        raise OutputError(f"cannot {doing}: {reason}", _HINTS.get(error.errno or 0)) from error


class HashedFile:
    """A new binary file that is hashed while it is written; Arrow can write to it.

    Writes go straight to the operating system: what is written here comes in large pieces, and a buffer of our own
    could fail once more while an error is being cleaned up.

    Args:
        root: The directory that ``path`` is relative to. The file's own directory is made if it is missing.
        path: POSIX path below ``root``; nothing may lie there yet.
        mode: Permission bits; the process's umask does not change them.
    """

    def __init__(self, root: Path, path: str, mode: int) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        target = root / path
        with output_errors(f"create {path}"):
            make_directories(target.parent, root, mode)
            self._fd: int | None = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            _set_mode(os.fstat(self._fd), mode, partial(os.fchmod, self._fd))

    @property
    def closed(self) -> bool:
        """Whether the file is finished or abandoned."""
        return self._fd is None

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``; after ``abandon`` it vanishes, so that a writer may still close itself.

        Raises:
            OutputError: The disk is full or failing.
        """
        view = memoryview(data).cast("B")
        size = len(view)
        if self._fd is None:
            return size
        self._digest.update(view)
        self.size += size
        with output_errors(f"write {self.path}"):
            while view:
                view = view[os.write(self._fd, view) :]
        return size

    def flush(self) -> None:
        """Do nothing: nothing is held back. Arrow asks every file for it."""

    def finish(self, rows: int = 0) -> PartFile:
        """Force the bytes to the disk and close.

        Raises:
            OutputError: The disk is full or failing.
        """
        assert self._fd is not None, "a file is finished once"  # noqa: S101 - an invariant of this package
        with output_errors(f"write {self.path}"):
            os.fsync(self._fd)
            os.close(self._fd)
        self._fd = None
        return PartFile(self.path, rows, self.size, self._digest.hexdigest())

    def abandon(self) -> None:
        """Close without a promise; never raises. What was written is the caller's to remove."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(OSError):
                os.close(fd)


def directory_mode(file_mode: int) -> int:
    """The mode of directories that hold files of ``file_mode``: 0600 → 0700, 0640 → 0750.

    Whoever may read the files may enter the directory.
    """
    return 0o700 | file_mode | (file_mode & 0o444) >> 2


def make_directories(path: Path, root: Path, file_mode: int) -> None:
    """Make ``path`` and what is missing between it and ``root``, whatever the umask."""
    missing = []
    while path != root and not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(directory_mode(file_mode))
        _set_mode(directory.stat(), directory_mode(file_mode), directory.chmod)


def _set_mode(made: os.stat_result, mode: int, change: Callable[[int], object]) -> None:
    """Give what was just made the bits that the umask took away, where its file system lets permissions be changed.

    The set-group-ID bit, which a directory has from the one above it, stays: by it all that is made below belongs to
    the store's group.
    """
    wanted = mode | made.st_mode & stat.S_ISGID
    if stat.S_IMODE(made.st_mode) == wanted:
        return  # a change without need could lose that bit, where the user is not of the group
    try:
        change(wanted)
    except OSError as error:
        if error.errno not in _FIXED_MODES:
            raise


def mode_remark(path: Path, mode: int) -> str:
    """What the last line of a run must say where a file did not get its permissions; mostly nothing.

    Args:
        path: A file that was just written.
        mode: The permission bits that were asked for.
    """
    try:
        got = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""  # what was done is done; who reads it next will say what is wrong
    if got == mode:
        return ""
    return f"; its files have mode {got:03o}, not {mode:03o}: the file system ignores it, the mount's options decide"


def make_parents(path: Path) -> None:
    """Make the missing directories above ``path``, and force each one's entry to the disk."""
    missing = [parent for parent in path.parents if not parent.is_dir()]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk, where its file system knows how (POSIX fsync)."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:  # some network file systems cannot, and say so
            raise
    finally:
        os.close(fd)


def sync_tree(root: Path) -> None:
    """Force the entries of ``root`` and of all directories below it to the disk, the deepest first."""
    for directory, _, _ in os.walk(root, topdown=False):
        sync_directory(Path(directory))


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory, if it is there; never what a link points to."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
