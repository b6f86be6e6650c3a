"""Directories of temporary files that do not outlive whoever made them for long, even if that is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import OutputError
from krr_export.util.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = f"krr-export-{{}}-{os.getuid()}-"
_FRESH = 60
"""Seconds in which a new directory may not be held yet."""


@contextmanager
def temporary_directory(what: str) -> Iterator[Path]:
    """Make a directory that nobody else may read. It is deleted at the end; or, if the process is killed, by the next.

    Args:
        what: is kept there, in a word for its name.

    Raises:
        OutputError: it cannot be made.
    """
    parent = _temporary_parent()
    with ExitStack() as stack:
        with output_errors(f"make a directory in {parent}"):
            _sweep(parent)
            directory = Path(tempfile.mkdtemp(prefix=_PREFIX.format(what), dir=parent))
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)  # another that looks for what is left holds it for a moment
        yield directory


def _temporary_parent() -> Path:
    """Return the directory of temporary files: if one is given, that or none, for what comes there is personal."""
    given = os.environ.get("TMPDIR")
    if not given:
        with output_errors("make a temporary directory"):
            return Path(tempfile.gettempdir())
    if not (Path(given).is_dir() and os.access(given, os.W_OK | os.X_OK)):
        raise OutputError("TMPDIR is no directory that can be written", "make it, or correct or unset the variable")
    return Path(given).absolute()


def _sweep(parent: Path) -> None:
    """Delete the directories of processes that were killed: nobody holds them."""
    for left in parent.glob(f"{_PREFIX.format('*')}*"):
        with suppress(OSError):
            fd = os.open(left, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                status = os.fstat(fd)
                if status.st_uid == os.getuid() and time.time() - status.st_mtime > _FRESH:
                    shutil.rmtree(left)
            finally:
                os.close(fd)
