"""A place beside a file where its successor is built, which then takes its place by one rename."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import refuse_store
from krr_export.errors import BusyError, OutputError
from krr_export.util.files import COMMON_HINTS, output_errors, remove, sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PRIVATE = 0o700
_PRIVATE_FILE = 0o600


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Make a directory beside a file, for one program at a time and this user only; remove it at the end.

    Args:
        target: the file, which may be missing.

    Raises:
        BusyError: another program is at work there.
        OutputError: it cannot be made.
        UsageError: the file lies in a store.
    """
    refuse_store(target)
    place = target.with_name(f".{target.name}.loading")
    with output_errors(f"write {target}", COMMON_HINTS):
        place.mkdir(_PRIVATE, exist_ok=True)
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(fd, place, target)
        try:
            with output_errors(f"write {target}", COMMON_HINTS):
                for left in place.iterdir():  # of a load that was killed
                    remove(left)
            yield place
        finally:
            remove(place)  # while the lock is held: whoever waits for it finds that this is no more the place
    finally:
        os.close(fd)


def _lock(fd: int, place: Path, target: Path) -> None:
    """Lock a directory.

    Raises:
        BusyError: another program is at work there.
        OutputError: someone else made it, who could read what is put there.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_same = os.path.samestat(os.fstat(fd), place.lstat())
    except OSError:
        is_same = False
    if not is_same:
        raise BusyError(f"another load into {target} is at work", "wait for it")
    made = os.fstat(fd)
    if made.st_uid != os.geteuid() or made.st_mode & 0o077:
        raise OutputError(f"{place} was made by someone else, or is open to others", "remove it")


def put_in_place(built: Path, target: Path) -> None:
    """Put a finished file in the place of another; who has the old one open goes on with it.

    Raises:
        OutputError: it cannot be put there.
    """
    with output_errors(f"write {target}", COMMON_HINTS):
        built.chmod(target.stat().st_mode & 0o777 if target.exists() else _PRIVATE_FILE)
        with built.open("rb") as file:
            os.fsync(file.fileno())
        built.replace(target)
        sync_directory(target.parent)
