"""The layout of a store: the names of its files and directories, and the guard that only publishing writes there."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path

from krr_export.errors import UsageError

MANIFEST = "manifest.json"
SUCCESS = "_SUCCESS"
"""The file that marks a proven snapshot. It contains the manifest's SHA-256 in the format of ``sha256sum -c``."""

LATEST = "latest"
LOCK = ".lock"
FAILED = ".failed"
"""Directory in a store for the reports and rejects of exports that were not published."""
PARTIAL = ".partial"
"""Directory in a store for the results of ``--limit``."""
STAGING = ".staging-"
"""Prefix of unfinished entries and of entries to be deleted; the id of the kernel that made them follows."""
REPLACING = ".replacing-"
REPLACED = ".replaced-"
"""Prefixes of a snapshot's successor, and of the snapshot itself, while one replaces the other."""

EXPORT_PREFIX = "eksport="

_RESERVED_NAMES = {LOCK, LATEST, FAILED, PARTIAL}
_RESERVED_PREFIXES = (EXPORT_PREFIX, STAGING, REPLACING, REPLACED)


def success_text(manifest: bytes) -> str:
    """Return the content of ``_SUCCESS``: ``sha256sum -c _SUCCESS`` checks the manifest."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n"


def export_name(made: datetime) -> str:
    """Return the name of an export's directory in a store: ``eksport=20140226T112225Z``.

    Args:
        made: when the export was made, in UTC.
    """
    # strftime does not pad a year before 1000 everywhere.
    return f"{EXPORT_PREFIX}{made.year:04}{made:%m%dT%H%M%SZ}"


def exported_at(name: str) -> datetime:
    """Return when an export was made, to the second, from what `export_name` gave.

    Raises:
        ValueError: it did not give that name.
    """
    return datetime.strptime(f"{name}+0000", f"{EXPORT_PREFIX}%Y%m%dT%H%M%SZ%z")


def is_export_name(name: str) -> bool:
    """Return whether `export_name` gives this name: a real time, and nothing after it."""
    try:
        return export_name(exported_at(name)) == name
    except ValueError:
        return False


def refuse_snapshot(path: Path) -> None:
    """Refuse to write to a path that is in a snapshot, or is a file or directory of a store; links are followed.

    Raises:
        UsageError: the path is one of these.
    """
    real = Path(os.path.realpath(path))
    for place in (real, *real.parents):
        if is_snapshot(place) or _is_reserved(place):
            raise UsageError(
                f"{path} lies in a snapshot, or is the store's own: only publishing writes there", "give another path"
            )


def refuse_store(path: Path) -> None:
    """Refuse to write personal data to a path that is in a store, in a snapshot or beside them; links are followed.

    Who may read a store, what is deleted from it and what is proven of it is all said of its snapshots alone.

    Raises:
        UsageError: the path is in a store.
    """
    refuse_snapshot(path)
    real = Path(os.path.realpath(path))
    if store := next(filter(_is_store, (real, *real.parents)), None):
        raise UsageError(f"{path} lies in the store {store}, which holds snapshots alone", "give a path outside of it")


def is_snapshot(directory: Path) -> bool:
    """Return whether a directory is a snapshot, the remains of one that was not published, or a copy of either."""
    has_name = directory.name.startswith(EXPORT_PREFIX) or _exists(directory / SUCCESS)
    return has_name and _exists(directory / MANIFEST)


def _is_store(directory: Path) -> bool:
    """Return whether a directory holds snapshots, or exports that were refused."""
    try:
        is_locked = _exists(directory / LOCK) and _exists(directory / FAILED)
        return is_locked or any(map(is_snapshot, directory.glob(f"{EXPORT_PREFIX}*")))
    except (OSError, ValueError):
        return False  # as below


def _is_reserved(path: Path) -> bool:
    is_reserved = path.name in _RESERVED_NAMES or path.name.startswith(_RESERVED_PREFIXES)
    return is_reserved and _exists(path.parent / LOCK)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False  # reading or writing it will raise the error
