"""The layout of a store: what its files and directories are called, and that nothing but publishing writes there."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from krr_export.errors import UsageError

MANIFEST = "manifest.json"
SUCCESS = "_SUCCESS"
"""The file that is there once a snapshot is proven. It holds the manifest's SHA-256 as ``sha256sum -c`` reads it."""

LATEST = "latest"
LOCK = ".lock"
FAILED = ".failed"
"""Directory in a store for the reports and rejects of exports that were not published."""
PARTIAL = ".partial"
"""Directory in a store for the results of ``--limit``."""
STAGING = ".staging-"
"""Beginning of the names of unfinished and of doomed entries; then comes which kernel's they are."""
REPLACING = ".replacing-"
REPLACED = ".replaced-"
"""Beginnings of the names that a snapshot's successor, and the snapshot itself, have while one replaces the other."""

EXPORT_PREFIX = "eksport="

_STORES_OWN = {LOCK, LATEST, FAILED, PARTIAL}
_STORES_OWN_PREFIXES = (EXPORT_PREFIX, STAGING, REPLACING, REPLACED)


def export_name(exported_at: datetime) -> str:
    """The name of an export's directory in a store: ``eksport=20140226T112225Z``.

    Args:
        exported_at: when it was made, in UTC.
    """
    # strftime does not pad a year before 1000 everywhere.
    return f"{EXPORT_PREFIX}{exported_at.year:04}{exported_at:%m%dT%H%M%SZ}"


def is_export_name(name: str) -> bool:
    """Whether it is a name that `export_name` gives: of a real time, and nothing after it."""
    try:
        exported_at = datetime.strptime(f"{name}+0000", f"{EXPORT_PREFIX}%Y%m%dT%H%M%SZ%z")
    except ValueError:
        return False
    return export_name(exported_at) == name


def refuse_snapshot(path: Path) -> None:
    """Refuse to write what lies in a snapshot, or is a store's own; links are followed.

    Raises:
        UsageError: it does, or is.
    """
    real = Path(os.path.realpath(path))
    for place in (real, *real.parents):
        if is_snapshot(place) or _is_stores_own(place):
            raise UsageError(
                f"{path} lies in a snapshot, or is the store's own: only publishing writes there", "give another path"
            )


def is_snapshot(directory: Path) -> bool:
    """Whether a directory is a snapshot, or what is kept of one that was not published; or a copy of it."""
    named = directory.name.startswith(EXPORT_PREFIX) or _is_there(directory / SUCCESS)
    return named and _is_there(directory / MANIFEST)


def _is_stores_own(path: Path) -> bool:
    own = path.name in _STORES_OWN or path.name.startswith(_STORES_OWN_PREFIXES)
    return own and _is_there(path.parent / LOCK)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False  # whoever reads or writes it says what is wrong
