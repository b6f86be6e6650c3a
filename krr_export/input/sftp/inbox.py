"""The inbox: the local directory that sets are fetched into, one fetch at a time, each file whole under its name.

An unfinished file is ``.NAME.part`` beside them, with a note that says of which file on which server it is the
beginning. An unusable file is renamed ``.NAME.bad``.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krr_export.errors import NetworkError, OutputError
from krr_export.input.delivery.names import LATEST, PartName, eligible, group_sets, parse_part
from krr_export.input.locked_directory import errors_in, locked_directory
from krr_export.util.files import sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from krr_export.input.sftp.remote import RemoteFile

QUERY_INTERVAL = 20 * 60
"""Seconds between two queries: the register makes a set at most that often."""

_MAX_OWN_BYTES = 1 << 16
"""Bytes: more than any file of state has."""
_LOCK_FILE = ".fetch.lock"
_STATE_FILE = ".fetch.json"
_PART_SUFFIX = ".part"
_NOTE_SUFFIX = ".part.json"
_UNUSABLE_SUFFIX = ".bad"
_WHAT = "the inbox"
_inbox_errors = errors_in(_WHAT)


@contextmanager
def open_inbox(path: Path) -> Iterator[Inbox]:
    """Open and lock the directory for one fetch; it is made if it is missing, for this user only.

    Raises:
        OutputError: another fetch is at work there, or it cannot be written.
        UsageError: it is in a snapshot, or is not a local path.
    """
    with locked_directory(path, _LOCK_FILE, _WHAT) as directory:
        yield Inbox(directory)


@dataclass(frozen=True)
class Inbox:
    """A locked inbox; made by `open_inbox`."""

    path: Path

    def missing_files(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Return those of a set's files that must be fetched: the absent ones; all, if one here is not the server's.

        Signatures and keys always have the same size, so if the data was replaced on the server or changed here, no
        file of the set can be relied on.
        """
        there = {file: self._status(file) for file in files}
        others = [file for file, status in there.items() if status is not None and not _is_same(status, file)]
        return list(files) if others else [file for file, status in there.items() if status is None]

    def _status(self, file: RemoteFile) -> os.stat_result | None:
        try:
            return (self.path / file.name).stat()
        except OSError:
            return None

    def received_bytes(self, file: RemoteFile, source: str) -> int:
        """Return how many bytes of exactly this file an earlier fetch left here, unfinished."""
        try:
            there = self._part_path(file.name).lstat()
        except OSError:
            return 0
        # With a second hard link we would write into a file elsewhere.
        ours = stat.S_ISREG(there.st_mode) and there.st_nlink == 1 and there.st_size <= file.size
        return there.st_size if ours and _read_json(self._note_path(file.name)) == _build_note(file, source) else 0

    def check_room(self, size: int) -> None:
        """Check that there is room for so many more bytes, before a fetch that cannot end fills the disk.

        Raises:
            OutputError: there is no room, or the file system does not say.
        """
        with _inbox_errors(f"look at the inbox {self.path}"):
            there = os.statvfs(self.path)
        free = there.f_bavail * there.f_frsize
        if there.f_blocks and size > free:  # without blocks the file system does not know
            raise OutputError(
                f"what is to be fetched has {_gigabytes(size)}, and {self.path} has room for {_gigabytes(free)}",
                "free some space and run again; if that is no size of a delivery, ask the publisher",
            )

    def receive(
        self, file: RemoteFile, source: str, read: Callable[[int], Iterator[bytes]], on_bytes: Callable[[int], object]
    ) -> None:
        """Fetch the missing bytes of a file, under its temporary name.

        Args:
            file: the file to fetch.
            source: the URI of the server's directory.
            read: returns the bytes from a position on.
            on_bytes: called with the number of bytes just written.

        Raises:
            NetworkError: the file arrived with another length; or any error of ``read``.
            OutputError: it cannot be written.
        """
        start = self.received_bytes(file, source)
        with _inbox_errors(f"write {file.name}"):
            if start:
                fd = os.open(self._part_path(file.name), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_APPEND)
            else:
                self._part_path(file.name).unlink(missing_ok=True)
                _write_json(self._note_path(file.name), _build_note(file, source))
                fd = _create(self._part_path(file.name))
        try:
            written = start + self._write(fd, file, read(start) if start < file.size else iter(()), on_bytes)
        finally:
            os.close(fd)
        if written != file.size:
            raise NetworkError(f"{file.name} arrived with {written} bytes of {file.size}", "run again")

    def publish(self, files: Sequence[RemoteFile]) -> None:
        """Give received files their names, in this order. If this is interrupted, the next fetch completes it.

        Raises:
            OutputError: the file system refuses.
        """
        with _inbox_errors(f"rename {files[-1].name}"):
            for file in files:
                part = self._part_path(file.name)
                # The time tells a later LATEST from this one.
                os.utime(part, (file.mtime, file.mtime), follow_symlinks=False)
                if file is files[-1]:  # the data comes last: once it is here, the set is complete
                    sync_directory(self.path)
                part.replace(self.path / file.name)
                self._note_path(file.name).unlink(missing_ok=True)
            sync_directory(self.path)

    def set_aside(self, data: str) -> None:
        """Rename the files of an unusable set, so that the next fetch takes it again: size and time would be the same.

        Args:
            data: the name of its data file.

        Raises:
            OutputError: the file system refuses.
        """
        with _inbox_errors(f"set aside {data}"):
            names = [entry.name for entry in self.path.iterdir()]
            for name in next((found.all() for found in group_sets(names) if found.data == data), []):
                (self.path / name).replace(self.path / f".{name}{_UNUSABLE_SUFFIX}")
            _write_json(self.path / _STATE_FILE, {**_read_json(self.path / _STATE_FILE), "unusable": data})
            sync_directory(self.path)

    def unusable(self) -> str | None:
        """Return the data file of a set that was set aside since the last query; ``None`` if there is none."""
        name = _read_json(self.path / _STATE_FILE).get("unusable")
        return name if isinstance(name, str) and parse_part(name) is not None else None

    def drop_stale(self, source: str, names: set[str]) -> None:
        """Remove the beginnings of files that this server no longer has."""
        for note in self.path.glob(f".*{_NOTE_SUFFIX}"):
            name = note.name[1 : -len(_NOTE_SUFFIX)]
            if parse_part(name) is not None and name not in names and _read_json(note).get("source") == source:
                with suppress(OSError):  # the next fetch tries again
                    self._part_path(name).unlink(missing_ok=True)
                    note.unlink(missing_ok=True)

    def newest(self, orgnr: str | None, latest_stamp: str) -> PartName | None:
        """Return the data of the newest complete and `eligible` set here; LATEST is as new as the server said."""
        with _inbox_errors(f"list the inbox {self.path}"):
            names = [entry.name for entry in self.path.iterdir() if entry.is_file()]
        complete = [set_names for set_names in group_sets(names) if not set_names.missing(orgnr)]
        latest = [set_names for set_names in complete if set_names.stamp == LATEST]
        rivals = [set_names.data or "" for set_names in (*eligible(complete, latest_stamp)[-1:], *latest)]
        newest = max(rivals, key=lambda name: (self.path / name).stat().st_mtime, default=None)
        return parse_part(newest) if newest else None

    def seconds_since_query(self, source: str) -> float | None:
        """Return how long ago this server was last queried with success; ``None`` if it was not, or not in the past."""
        queries = _read_json(self.path / _STATE_FILE).get("asked")
        when = _parse_time(queries.get(source)) if isinstance(queries, dict) else None
        passed = time.time() - when if when is not None else -1.0
        return passed if passed >= 0 else None  # a clock that was set back must not block fetches

    def record_query(self, source: str, when: float) -> None:
        """Record that this server was queried with success: also for a new copy of a set that was set aside.

        Raises:
            OutputError: it cannot be written.
        """
        before = _read_json(self.path / _STATE_FILE).get("asked")
        times = {key: _parse_time(at) for key, at in before.items()} if isinstance(before, dict) else {}
        recent = {key: at for key, at in times.items() if at is not None and 0 <= when - at < QUERY_INTERVAL}
        with _inbox_errors(f"write {_STATE_FILE}"):
            _write_json(self.path / _STATE_FILE, {"asked": {**recent, source: when}})

    def _write(self, fd: int, file: RemoteFile, pieces: Iterator[bytes], on_bytes: Callable[[int], object]) -> int:
        written = 0
        try:
            for piece in pieces:
                with _inbox_errors(f"write {file.name}"):
                    _write_all(fd, piece)
                written += len(piece)
                on_bytes(len(piece))
        finally:  # what came before an interruption must survive too
            with _inbox_errors(f"write {file.name}"):
                os.fsync(fd)
        return written

    def _part_path(self, name: str) -> Path:
        return self.path / f".{name}{_PART_SUFFIX}"

    def _note_path(self, name: str) -> Path:
        return self.path / f".{name}{_NOTE_SUFFIX}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB".replace(",", " ")


def _is_same(status: os.stat_result, file: RemoteFile) -> bool:
    """Compare size and time: a fetched file has the server's time."""
    return status.st_size == file.size and int(status.st_mtime) == file.mtime


def _build_note(file: RemoteFile, source: str) -> dict[str, Any]:
    return {"source": source, "size": file.size, "mtime": file.mtime}


def _parse_time(found: object) -> float | None:
    """Return seconds since 1970; ``None`` if the value is not such a number."""
    try:
        return float(found) if isinstance(found, int | float) else None
    except OverflowError:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    """Read a file of state; empty if it is missing or damaged: state only saves work."""
    try:
        # A link that somebody put there must not lead elsewhere, nor a pipe make us wait.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            found = json.loads(file.read(_MAX_OWN_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a file of state, whole or not at all; never through a symbolic link."""
    fresh = path.with_name(f"{path.name}{_PART_SUFFIX}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(_create(fresh), "wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _create(path: Path) -> int:
    """Create a file that does not exist yet, for this user only."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
