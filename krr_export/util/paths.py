"""Local paths given by a user. A remote address is never taken for a local directory."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from krr_export.errors import KrrExportError

# A colon at the end of the first component: a URI (also if a Path made one slash of two), HOST:/DIR, a drive.
_ELSEWHERE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/|(?P<drive>[A-Za-z]):(?:[/\\]|$)|[^/\\]+:/|(?P<share>\\\\)"
)

_MOUNT = "mount the share or drive, and give the path where it is mounted"
_HINTS = {
    "file": "give the path alone, without file://",
    "sftp": "krr-export fetch and run take sftp:// as URI; give a local path here",
    **dict.fromkeys(
        ("s3", "gs", "abfs", "abfss", "az"), "give a local path; docs/guides/object-stores.md has what works there"
    ),
    **dict.fromkeys(("postgresql", "postgres"), "give a local path; krr-export load brings snapshots there"),
}
_COPY = "give a local path, and copy the files from or to it by its own tool, or mount it"


def local_path(given: str | os.PathLike[str]) -> Path:
    """Return the given path, if it is a local one.

    Raises:
        UsageError: it is empty, contains a zero byte, or is the address of something that is not local: a URI, a
            Windows path, HOST:/DIR. The message does not repeat it: it may contain a password.
    """
    text = os.fspath(given)
    if not text:
        raise UsageError("the path is empty", "is a variable not set?")
    if "\0" in text:
        raise UsageError("the path holds a zero byte, which no file's name can", "check how it is written")
    found = _ELSEWHERE.match(text)
    if found is None:
        return Path(given)
    scheme = (found["scheme"] or "").lower()
    if found["drive"] or found["share"]:
        raise UsageError("a Windows path is no local path here", _MOUNT)
    if not scheme:
        raise UsageError("HOST:/DIR is no local path", _COPY)
    raise UsageError(f"a URI ({scheme}://) is no local path", _HINTS.get(scheme, _COPY))


def real_path(path: Path) -> Path:
    """Return the absolute path without links; for a loop of links, the link, where `Path.resolve` would raise."""
    return Path(os.path.realpath(path))


def check_no_loop(path: Path, error: type[KrrExportError]) -> None:
    """Refuse a path that is a loop of symbolic links.

    Args:
        path: given by a user.
        error: the class to raise, by whether the path is to be read or written.

    Raises:
        KrrExportError: the links form a loop.
    """
    try:
        path.stat()
    except OSError as failed:
        if failed.errno == errno.ELOOP:
            raise error(f"{path} is a loop of symbolic links", "let them lead to a file or directory") from None
