"""Paths that a user gives: local ones. An address of something elsewhere is never taken for a directory here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from krr_export.errors import UsageError

# A colon at the end of the first component: a URI (also where a Path made one slash of two), HOST:/DIR, a drive.
_ELSEWHERE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/|(?P<drive>[A-Za-z]):(?:[/\\]|$)|[^/\\]+:/|(?P<share>\\\\)"
)

_MOUNT = "mount the share or drive, and give the path where it is mounted"
_HINTS = {
    "file": "give the path alone, without file://",
    "sftp": "krr-export fetch and run take sftp:// as URI; give a local path here",
}
_COPY = "give a local path, and copy the files from or to it by its own tool, or mount it"


def local_path(given: str | os.PathLike[str]) -> Path:
    """The path as given.

    Raises:
        UsageError: it is empty, or the address of something that is not local: a URI, a Windows path, HOST:/DIR. The
            message does not repeat it: it may hold a password.
    """
    text = os.fspath(given)
    if not text:
        raise UsageError("the path is empty", "is a variable not set?")
    found = _ELSEWHERE.match(text)
    if found is None:
        return Path(given)
    scheme = (found["scheme"] or "").lower()
    if found["drive"] or found["share"]:
        raise UsageError("a Windows path is no local path here", _MOUNT)
    if not scheme:
        raise UsageError("HOST:/DIR is no local path", _COPY)
    raise UsageError(f"a URI ({scheme}://) is no local path", _HINTS.get(scheme, _COPY))
