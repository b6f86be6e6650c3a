"""The inbox: the local directory that sets are fetched into, one fetch at a time, each file whole under its name.

What is on its way lies beside, as ``.NAME.part``, with a note of which file on which server it is the beginning of.
What turned out to be unusable lies there as ``.NAME.bad``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krr_export.domain.store_layout import refuse_snapshot
from krr_export.errors import NetworkError, OutputError
from krr_export.input.delivery.names import LATEST, PartName, eligible, parse_part, sets_in
from krr_export.util.files import make_parents, sync_directory
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from krr_export.input.sftp.remote import RemoteFile

INTERVAL = 20 * 60
"""Seconds between two askings: the register makes a set at most that often."""

_SMALL = 1 << 16
"""Bytes: more than any file of ours has."""
_LOCK = ".fetch.lock"
_STATE = ".fetch.json"
_PART = ".part"
_NOTE = ".part.json"
_BAD = ".bad"
_HINTS = {
    errno.ENOSPC: "free some space and run again: it goes on where it stopped",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no larger files",
    errno.EACCES: "give the user that runs this write access to the inbox",
    errno.EPERM: "give the user that runs this write access to the inbox",
    errno.EROFS: "choose an inbox on a file system that can be written",
    errno.ENOTDIR: "a file lies where a directory is needed: move it away",
    errno.ELOOP: "a symbolic link lies where a file is needed: remove it",
    errno.EISDIR: "a directory lies where a file is needed: move it away",
    errno.EEXIST: "a file lies where a directory is needed: move it away",
    errno.ENOENT: "is the path of the inbox right?",
}


@contextmanager
def open_inbox(path: Path) -> Iterator[Inbox]:
    """Open the directory for one fetch; it is made if it is missing, and closed to others.

    Raises:
        OutputError: Another fetch is at work there, or it cannot be written.
        UsageError: It lies in a snapshot, or is no local path.
    """
    path = local_path(path)
    refuse_snapshot(path)
    with _inbox_errors(f"open the inbox {path}"):
        if not path.is_dir():
            make_parents(path)
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent)
        fd = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with _inbox_errors(f"lock the inbox {path}"):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(f"another fetch is at work in {path}", "let it end, or stop it") from None
        yield Inbox(path)
    finally:
        os.close(fd)


@dataclass(frozen=True)
class Inbox:
    """An inbox whose lock is held; made by `open_inbox`."""

    path: Path

    def lacks(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Those of a set's files that are to be fetched: the absent ones; all, where one is there that is another.

        A signature and a key have always the same size, so where the data was exchanged on the server, or changed
        here, nothing of the set can be relied on.
        """
        there = {file: self._status(file) for file in files}
        others = [file for file, status in there.items() if status is not None and not _is_same(status, file)]
        return list(files) if others else [file for file, status in there.items() if status is None]

    def _status(self, file: RemoteFile) -> os.stat_result | None:
        try:
            return (self.path / file.name).stat()
        except OSError:
            return None

    def received(self, file: RemoteFile, source: str) -> int:
        """How many bytes of this very file lie here from before, unfinished."""
        try:
            there = self._part(file.name).lstat()
        except OSError:
            return 0
        # A second name would let us write into a file that lies elsewhere.
        ours = stat.S_ISREG(there.st_mode) and there.st_nlink == 1 and there.st_size <= file.size
        return there.st_size if ours and _read_json(self._note(file.name)) == _note_of(file, source) else 0

    def check_room(self, size: int) -> None:
        """Make sure that so many bytes more have room, before a disk is filled for what could never end.

        Raises:
            OutputError: They have none, or the file system does not say.
        """
        with _inbox_errors(f"look at the inbox {self.path}"):
            there = os.statvfs(self.path)
        free = there.f_bavail * there.f_frsize
        if there.f_blocks and size > free:  # without blocks it does not know
            raise OutputError(
                f"what is to be fetched has {_gigabytes(size)}, and {self.path} has room for {_gigabytes(free)}",
                "free some space and run again; if that is no size of a delivery, ask the publisher",
            )

    def receive(
        self, file: RemoteFile, source: str, read: Callable[[int], Iterator[bytes]], on_bytes: Callable[[int], object]
    ) -> None:
        """Fetch what is missing of a file, still under its temporary name.

        Args:
            file: what to fetch.
            source: where from.
            read: gives the bytes from a position on.
            on_bytes: called with the number of bytes just written.

        Raises:
            NetworkError: What arrived is not as long as it should be; or whatever ``read`` raises.
            OutputError: It cannot be written.
        """
        start = self.received(file, source)
        with _inbox_errors(f"write {file.name}"):
            if start:
                fd = os.open(self._part(file.name), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_APPEND)
            else:
                self._part(file.name).unlink(missing_ok=True)
                _write_json(self._note(file.name), _note_of(file, source))
                fd = _create(self._part(file.name))
        try:
            written = start + self._write(fd, file, read(start) if start < file.size else iter(()), on_bytes)
        finally:
            os.close(fd)
        if written != file.size:
            raise NetworkError(f"{file.name} arrived with {written} bytes of {file.size}", "run again")

    def publish(self, files: Sequence[RemoteFile]) -> None:
        """Give received files their names, in this order. Whatever comes between, the next fetch completes it.

        Raises:
            OutputError: The file system refuses.
        """
        with _inbox_errors(f"rename {files[-1].name}"):
            for file in files:
                part = self._part(file.name)
                # How a later LATEST is known from this one.
                os.utime(part, (file.mtime, file.mtime), follow_symlinks=False)
                if file is files[-1]:  # the data: once it is here, the rest is
                    sync_directory(self.path)
                part.replace(self.path / file.name)
                self._note(file.name).unlink(missing_ok=True)
            sync_directory(self.path)

    def set_aside(self, data: str) -> None:
        """Rename the files of an unusable set, so that the next fetch takes it anew: by size and time it is the same.

        Args:
            data: the name of its data file.

        Raises:
            OutputError: The file system refuses.
        """
        with _inbox_errors(f"set aside {data}"):
            names = [entry.name for entry in self.path.iterdir()]
            for name in next((found.all() for found in sets_in(names) if found.data == data), []):
                (self.path / name).replace(self.path / f".{name}{_BAD}")
            _write_json(self.path / _STATE, {**_read_json(self.path / _STATE), "unusable": data})
            sync_directory(self.path)

    def unusable(self) -> str | None:
        """The data file of a set that was set aside since a server was asked; ``None`` where there is none."""
        name = _read_json(self.path / _STATE).get("unusable")
        return name if isinstance(name, str) and parse_part(name) is not None else None

    def drop_stale(self, source: str, names: set[str]) -> None:
        """Remove the beginnings of files that this server no longer has."""
        for note in self.path.glob(f".*{_NOTE}"):
            name = note.name[1 : -len(_NOTE)]
            if parse_part(name) is not None and name not in names and _read_json(note).get("source") == source:
                with suppress(OSError):  # then it goes another time
                    self._part(name).unlink(missing_ok=True)
                    note.unlink(missing_ok=True)

    def newest(self, orgnr: str | None, latest_stamp: str) -> PartName | None:
        """The data of the newest complete set that is here and `eligible`; LATEST is as new as the server said."""
        with _inbox_errors(f"list the inbox {self.path}"):
            names = [entry.name for entry in self.path.iterdir() if entry.is_file()]
        complete = [set_names for set_names in sets_in(names) if not set_names.missing(orgnr)]
        latest = [set_names for set_names in complete if set_names.stamp == LATEST]
        rivals = [set_names.data or "" for set_names in (*eligible(complete, latest_stamp)[-1:], *latest)]
        newest = max(rivals, key=lambda name: (self.path / name).stat().st_mtime, default=None)
        return parse_part(newest) if newest else None

    def seconds_since(self, source: str) -> float | None:
        """How long ago this server was asked and gave everything; ``None`` where it was not, or not in the past."""
        asked = _read_json(self.path / _STATE).get("asked")
        when = _as_time(asked.get(source)) if isinstance(asked, dict) else None
        passed = time.time() - when if when is not None else -1.0
        return passed if passed >= 0 else None  # a clock that was put back must not lock anyone out

    def remember(self, source: str, when: float) -> None:
        """Note that this server was asked, and gave everything; also a new copy of what was set aside, if it has one.

        Raises:
            OutputError: It cannot be written.
        """
        before = _read_json(self.path / _STATE).get("asked")
        times = {key: _as_time(at) for key, at in before.items()} if isinstance(before, dict) else {}
        recent = {key: at for key, at in times.items() if at is not None and 0 <= when - at < INTERVAL}
        with _inbox_errors(f"write {_STATE}"):
            _write_json(self.path / _STATE, {"asked": {**recent, source: when}})

    def _write(self, fd: int, file: RemoteFile, pieces: Iterator[bytes], on_bytes: Callable[[int], object]) -> int:
        written = 0
        try:
            for piece in pieces:
                with _inbox_errors(f"write {file.name}"):
                    _write_all(fd, piece)
                written += len(piece)
                on_bytes(len(piece))
        finally:  # also what came before a cut is to survive
            with _inbox_errors(f"write {file.name}"):
                os.fsync(fd)
        return written

    def _part(self, name: str) -> Path:
        return self.path / f".{name}{_PART}"

    def _note(self, name: str) -> Path:
        return self.path / f".{name}{_NOTE}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB".replace(",", " ")


def _is_same(status: os.stat_result, file: RemoteFile) -> bool:
    """By size and time: what is fetched carries the server's time."""
    return status.st_size == file.size and int(status.st_mtime) == file.mtime


def _note_of(file: RemoteFile, source: str) -> dict[str, Any]:
    return {"source": source, "size": file.size, "mtime": file.mtime}


def _as_time(found: object) -> float | None:
    """Seconds since 1970, where it is a number that can be such."""
    try:
        return float(found) if isinstance(found, int | float) else None
    except OverflowError:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    """What a file of ours says; nothing where it is missing or damaged: it only saves work."""
    try:
        # Neither a link nor a pipe that somebody laid there may lead elsewhere or make us wait.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            found = json.loads(file.read(_SMALL))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a file of ours anew, whole or not at all; never through a link that lies there."""
    fresh = path.with_name(f"{path.name}{_PART}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(_create(fresh), "wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _create(path: Path) -> int:
    """Open a file that is not there yet, closed to others."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]


@contextmanager
def _inbox_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "the system gives no reason"
        raise OutputError(f"cannot {doing}: {reason}", _HINTS.get(error.errno or 0)) from None
