"""Atomic publishing of a snapshot, and removal of an old one, by renames.

Each step leaves the store in a state from which the next run can continue. The caller holds the store's lock.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import uuid
from functools import cache
from pathlib import Path

from krr_export.domain.store_layout import LATEST, REPLACED, REPLACING, STAGING
from krr_export.errors import OutputError
from krr_export.output.store_contents import EntryStatus, entries
from krr_export.util.files import remove, sync_directory
from krr_export.util.paths import real_path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_DASHES = 2
_STALE_SECONDS = 12 * 3600
"""Seconds without a change after which another machine's staging directory belongs to a dead run."""
_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # linux/fcntl.h
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
_CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
"""Errors of symlink(2) on file systems without symbolic links: vfat and SMB, CIFS, FUSE."""


def staging_path(store: Path) -> Path:
    """Return an unused path in ``store`` that the next run sweeps."""
    return store / f"{STAGING}{_boot_token()}-{os.getpid()}-{secrets.token_hex(4)}"


def is_dead(staging: Path, now: float) -> bool:
    """Return whether the run that created a staging directory has ended. The caller holds the store's lock.

    On one machine the lock is proof. Another machine may not see it (NFS with ``local_lock`` or ``nolock``): one
    created there, or before this machine was started, must also be unchanged for hours.

    Args:
        staging: its path.
        now: the time on the file system's clock.
    """
    name = staging.name.removeprefix(STAGING)
    if name.count("-") != _DASHES or name.startswith(f"{_boot_token()}-"):
        return True
    inside = (Path(directory, name) for directory, *names in os.walk(staging) for name in (*names[0], *names[1]))
    try:
        return all(now - path.lstat().st_mtime > _STALE_SECONDS for path in (staging, *inside))
    except FileNotFoundError:
        return False  # another run is at work there


@cache
def _boot_token() -> str:
    try:
        boot = _BOOT.read_text()
    except OSError:  # not Linux
        boot = str(uuid.getnode())
    return hashlib.sha256(boot.encode()).hexdigest()[:8]


def put_in_place(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target`` in the same directory. The replaced entry remains, for `remove_replaced`.

    Raises:
        OSError: the file system refuses.
    """
    if not os.path.lexists(target):
        new.rename(target)
    elif not exchange(new, target):
        pending = _replacement_path(target)
        new.rename(pending)
        try:
            _finish_replacement(pending, target)
        except OSError:
            if os.path.lexists(target):  # the old entry may not be moved: nothing was changed
                pending.rename(new)
            raise


def withdraw(target: Path, exchanged: Path) -> None:
    """Undo `put_in_place`; the entry it replaced, if any, gets its name back.

    Raises:
        OSError: the file system refuses.
    """
    if os.path.lexists(exchanged) and exchange(exchanged, target):
        return
    old = exchanged if os.path.lexists(exchanged) else target.parent / f"{REPLACED}{target.name}"
    if os.path.lexists(old):
        old.rename(_replacement_path(target))  # from now on the next run would complete it
        _finish_replacement(_replacement_path(target), target)
    else:
        target.rename(staging_path(target.parent))


def finish_replacements(store: Path) -> None:
    """Complete interrupted replacements that consist of two renames.

    If the old entry may not be moved, it stays, and the replacement is given up: it was never published.
    """
    for pending in store.glob(f"{REPLACING}*"):
        target = store / pending.name.removeprefix(REPLACING)
        try:
            _finish_replacement(pending, target)
        except PermissionError:
            if not os.path.lexists(target):
                raise
            pending.rename(staging_path(store))


def _replacement_path(target: Path) -> Path:
    return target.parent / f"{REPLACING}{target.name}"


def _finish_replacement(pending: Path, target: Path) -> None:
    if os.path.lexists(target):
        old = target.parent / f"{REPLACED}{target.name}"
        remove(old)
        target.rename(old)
    pending.rename(target)


def remove_replaced(store: Path, exchanged: Path | None = None) -> None:
    """Remove entries replaced by two renames or by an exchange. The caller has synced ``store`` to the disk."""
    for old in (*store.glob(f"{REPLACED}*"), *filter(None, [exchanged])):
        remove(old)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically (Linux ``renameat2`` with ``RENAME_EXCHANGE``).

    Returns:
        Whether it was done: false if the system or the file system does not support it.

    Raises:
        OSError: any other error.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code))


def retire(path: Path, store: Path) -> None:
    """Move ``path`` out of its place atomically, then delete it."""
    retired = staging_path(store)
    path.rename(retired)
    sync_directory(path.parent)
    remove(retired)


def update_latest(store: Path) -> None:
    """Point ``latest`` to the newest snapshot; without snapshots, remove it.

    ``latest`` never moves to an older snapshot, even if the manifest of its own was damaged later: readers must not go
    back to older data unnoticed. If the file system has no symbolic links there is no ``latest``, rather than one that
    is out of date.

    Raises:
        OSError: the file system refuses.
        OutputError: ``latest`` is not a symbolic link.
    """
    link = store / LATEST
    if os.path.lexists(link) and not link.is_symlink():
        what = "a directory" if link.is_dir() else "a file"
        raise OutputError(
            f"{link} is {what}, not a symbolic link: a copy of a store that follows links leaves it so",
            "delete it, for it is a second copy of a snapshot, and run again; copy with cp -a, or rsync without -L",
        )
    current = os.readlink(link) if link.is_symlink() else None  # noqa: PTH115 - compared as text
    newest = _newest_name(store, current)
    if newest is None:
        link.unlink(missing_ok=True)
    elif newest != current:
        _link_latest(link, newest)
        sync_directory(store)


def _newest_name(store: Path, current: str | None) -> str | None:
    for entry in entries(store):
        if entry.status is EntryStatus.SNAPSHOT or (entry.published and entry.path.name == current):
            return entry.path.name
    return None


def _link_latest(link: Path, name: str) -> None:
    temporary = staging_path(link.parent)
    try:
        temporary.symlink_to(name)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        link.unlink(missing_ok=True)
    else:
        temporary.replace(link)


def latest_remark(snapshot: Path) -> str:
    """Return a remark about ``latest`` for the last line of a run; empty if it points to the published snapshot."""
    link = snapshot.parent / LATEST
    if not os.path.lexists(link):
        return "; without latest: the file system makes no symbolic links, so take the greatest name eksport=…"
    newest = real_path(link)
    return "" if newest == real_path(snapshot) else f"; {LATEST} stays at the newer {newest.name}"
