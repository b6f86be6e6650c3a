"""A directory that a fetch writes into, locked for one fetch at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import refuse_snapshot
from krr_export.errors import BusyError
from krr_export.util.files import COMMON_HINTS, make_parents, output_errors, sync_directory
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_MODE = 0o600


def errors_in(what: str) -> Callable[[str], AbstractContextManager[None]]:
    """Return what turns errors of the system into one line each; it takes what was tried.

    Args:
        what: the directory, for people, such as ``the inbox``.
    """
    hints = {
        **COMMON_HINTS,
        errno.ENOSPC: "free some space and run again: it goes on where it stopped",
        errno.EACCES: f"give the user that runs this write access to {what}",
        errno.EPERM: f"give the user that runs this write access to {what}",
        errno.EROFS: f"choose {what} on a file system that can be written",
        errno.ELOOP: "a symbolic link lies where a file is needed: remove it",
        errno.EISDIR: "a directory lies where a file is needed: move it away",
        errno.EEXIST: "a file lies where a directory is needed: move it away",
        errno.ENOENT: f"is the path of {what} right?",
    }
    return partial(output_errors, hints=hints)


@contextmanager
def locked_directory(path: Path, lock_file: str, what: str) -> Iterator[Path]:
    """Open and lock a directory for one fetch; it is made if it is missing, for this user only.

    Args:
        path: of the directory.
        lock_file: the name of the file that is locked in it.
        what: the directory, for people, such as ``the inbox``.

    Raises:
        OutputError: another fetch is at work there, or it cannot be written.
        UsageError: it is in a snapshot, or is not a local path.
    """
    path = local_path(path)
    refuse_snapshot(path)
    errors = errors_in(what)
    with errors(f"open {what} {path}"):
        if not path.is_dir():
            make_parents(path)
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent)
        fd = os.open(path / lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        with errors(f"lock {what} {path}"):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"another fetch is at work in {path}", "let it end, or stop it") from None
        yield path
    finally:
        os.close(fd)
