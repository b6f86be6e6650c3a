"""The directory of pages: one fetch at a time, each page whole under its name, for this user only."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import refuse_store
from krr_export.input.locked_directory import errors_in, locked_directory
from krr_export.util.files import sync_directory
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.input.http.rest_service import FetchedPage

_MODE = 0o600
_LOCK_FILE = ".fetch-changes.lock"
_ASKED_FILE = ".fetch-changes.asked"
_REACHED_FILE = ".fetch-changes.reached"
_REACHED_BYTES = 64
_REACHED = re.compile(rb"([0-9]{1,19}) ([0-9TZ:-]{1,40})\n")
_PAGE = re.compile(r"endringer-([0-9]{1,19})-([0-9]{1,19})\.(json|xml)(?:\.gz)?", re.ASCII)
_WHAT = "the directory of pages"
_errors = errors_in(_WHAT)


@contextmanager
def open_pages_directory(path: Path) -> Iterator[PagesDirectory]:
    """Open and lock the directory for one fetch; it is made if it is missing, for this user only.

    Raises:
        OutputError: another fetch is at work there, or it cannot be written.
        UsageError: it is in a store, or is not a local path.
    """
    refuse_store(local_path(path))
    with locked_directory(path, _LOCK_FILE, _WHAT) as directory:
        yield PagesDirectory(directory)


@dataclass(frozen=True)
class PagesDirectory:
    """A locked directory of pages; made by `open_pages_directory`."""

    path: Path

    def reached(self, known: int) -> int:
        """Return the last change number that the pages here reach from this one without a gap."""
        for first, last, _ in sorted(self._pages()):
            if first <= known < last:
                known = last
        return known

    def remove_until(self, known: int) -> int:
        """Delete the pages with no change after this number, and return their number.

        Raises:
            OutputError: one cannot be deleted.
        """
        old = [name for _, last, name in self._pages() if last <= known]
        for name in old:
            with _errors(f"delete {name}"):
                (self.path / name).unlink(missing_ok=True)
        return len(old)

    def _pages(self) -> list[tuple[int, int, str]]:
        """Return the number after which each page begins, its last one, and its name.

        A page of REST is named by that number; one of SOAP by the next, as it was asked for.
        """
        with _errors(f"list {self.path}"):
            names = [entry.name for entry in self.path.iterdir() if entry.is_file()]
        found = filter(None, map(_PAGE.fullmatch, names))
        return [(max(int(page[1]) - (page[3] == "xml"), 0), int(page[2]), page[0]) for page in found]

    def add(self, page: FetchedPage) -> None:
        """Write a page, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(page.name, page.content)

    def seconds_since_query(self, url: str) -> float | None:
        """Return the time since a fetch from this register was completed here; ``None`` if never, or in the future."""
        try:
            fd = os.open(self.path / _ASKED_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(fd, "rb") as file:
                passed = time.time() - os.fstat(fd).st_mtime
                return passed if passed >= 0 and file.read(len(url) + 1) == url.encode() else None
        except OSError:
            return None  # it only saves the register some work

    def record_query(self, url: str, reached: int, moment: str) -> None:
        """Record that all changes of this register were fetched now.

        Args:
            url: the register's.
            reached: its last change.
            moment: when it said so, ISO 8601.

        Raises:
            OutputError: it cannot be written.
        """
        self._write(_REACHED_FILE, f"{reached} {moment}\n".encode())
        self._write(_ASKED_FILE, url.encode())

    def _write(self, name: str, content: bytes) -> None:
        part = self.path / f".{name.removeprefix('.')}.part"
        with _errors(f"write {name}"):
            part.unlink(missing_ok=True)  # of a fetch that was killed
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(fd)
                part.replace(self.path / name)
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                raise
            sync_directory(self.path)


def recorded_fetch(path: Path) -> tuple[int, str] | None:
    """Return the register's last change, and when it was that, as a completed fetch left it in a directory."""
    try:
        fd = os.open(path / _REACHED_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            found = _REACHED.fullmatch(file.read(_REACHED_BYTES))
    except OSError:
        return None  # whoever applies the pages can say it
    return None if found is None else (int(found[1]), found[2].decode())


def last_change(name: str) -> int | None:
    """Return the last change number of a page that was fetched, by its name; ``None`` if it was not."""
    page = _PAGE.fullmatch(name)
    return None if page is None else int(page[2])
