"""The place of a store: a directory, or a place in an object store, for which a mirror stands while a command works."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import FAILED
from krr_export.errors import KrrExportError, UsageError
from krr_export.input.objects.address import is_object_uri, parse_address
from krr_export.input.objects.store import open_objects
from krr_export.input.temporary import temporary_directory
from krr_export.output.manifest import missing_snapshot
from krr_export.output.objects.committed import committed_names
from krr_export.output.objects.layout import FAILED_OBJECTS
from krr_export.output.objects.mirror import Mirror
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NEIGHBOURS = 32
"""Older snapshots that a conversion looks at: the guard at one, the page at thirty."""


@dataclass(frozen=True)
class StorePlace:
    """A store that a command works on.

    Attributes:
        directory: the store, or the mirror of it.
        mirror: ``None`` if the store is a directory.
    """

    directory: Path
    mirror: Mirror | None = None

    @property
    def name(self) -> str:
        """What users know it as: a path, or a URI."""
        return str(self.directory) if self.mirror is None else self.mirror.objects.uri

    def show(self, name: str, table: str) -> bool:
        """Show a snapshot in a mirror; return whether it is there.

        Args:
            name: of the snapshot.
            table: whose rows will be read.
        """
        if self.mirror is not None and name in committed_names(self.mirror.objects):
            self.mirror.show([name])
            self.mirror.copy_table(name, table)
        return (self.directory / name).is_dir()

    def show_newest(self, count: int | None = None, *tables: str) -> None:
        """Show the newest snapshots in a mirror.

        Args:
            count: how many; ``None`` for all.
            tables: those whose rows will be read.
        """
        if self.mirror is None:
            return
        names = committed_names(self.mirror.objects)
        self.mirror.show(shown := names if count is None else names[-count:])
        for name in shown if tables else ():
            for table in tables:
                self.mirror.copy_table(name, table)

    def show_named(self, names: Iterable[str]) -> None:
        """Show in a mirror those of some snapshots that are there."""
        if self.mirror is not None:
            self.mirror.show({*names} & {*committed_names(self.mirror.objects)})

    def show_neighbours(self, name: str, *tables: str, itself: bool = True) -> None:
        """Show in a mirror what a conversion compares an export with: the nearest snapshots, and the newest.

        Args:
            name: of the export.
            tables: those of the snapshot before it whose rows will be read.
            itself: whether to show what is there of the export itself. If it was looked for before, and not there,
                it must not appear in the mirror: who publishes then learns of it from the object store.
        """
        if self.mirror is None:
            return
        names = committed_names(self.mirror.objects)
        self.mirror.forget_others(names)
        older, newer = [one for one in names if one < name], [one for one in names if one > name]
        same = [name] if itself and name in names else []
        self.mirror.show({*older[-_NEIGHBOURS:], *same, *newer[:1], *newer[-1:]})
        for table in tables if older else ():
            self.mirror.copy_table(older[-1], table)

    def write_back(self) -> None:
        """Bring what a command did in a mirror to the object store; see `Mirror.write_back`."""
        if self.mirror is None:
            return
        try:
            self.mirror.write_back()
        except Exception:
            raise
        except BaseException as error:  # a signal: the program's last line says what the first note does
            error.add_note(f"{self.name} is whole, as it was or with what was being done; run again, which goes on")
            raise

    def release(self, keep: int) -> None:
        """Free the room in a mirror that files take which are in the object store too; see `Mirror.release`."""
        if self.mirror is not None:
            self.mirror.release(keep)

    def forget(self, name: str) -> None:
        """Take out of a mirror a snapshot that could not be published: the next must not be compared with it."""
        if self.mirror is not None:
            self.mirror.forget([name])

    def rename(self, text: str) -> str:
        """Put the URI in place of the mirror's path, which is gone when the text is read."""
        if self.mirror is None:
            return text
        failed = text.replace(f"{self.directory}/{FAILED}", f"{self.name}/{FAILED_OBJECTS}")
        return failed.replace(str(self.directory), self.name)


@contextmanager
def open_snapshot(snapshot: str | os.PathLike[str], table: str) -> Iterator[Path]:
    """Give the directory of a snapshot; errors name it as users know it.

    Args:
        snapshot: a directory, or the URI ``…/eksport=…`` of a snapshot in an object store, which is copied in part.
        table: whose rows will be read.

    Raises:
        InputError: there is no such snapshot in the object store.
        NetworkError: the object store cannot be reached, or denies access.
        UsageError: it is neither.
    """
    if not isinstance(snapshot, str) or not is_object_uri(snapshot):
        yield local_path(snapshot)
        return
    address = parse_address(snapshot)
    if address.snapshot is None:
        raise UsageError("the URI is that of no snapshot", "give …/eksport=…")
    with open_place(address.uri) as place:
        if not place.show(address.snapshot, table):
            raise missing_snapshot(place.directory / address.snapshot)
        yield place.directory / address.snapshot


@contextmanager
def open_place(store: str | os.PathLike[str]) -> Iterator[StorePlace]:
    """Give the place of a store; errors name it as users know it.

    Args:
        store: a directory, or the URI of a place in an object store, of which an empty mirror is made. It lies in the
            directory of temporary files, and is deleted at the end; if the process is killed, by the next.

    Raises:
        OutputError: there is no room for a mirror.
        UsageError: it is neither; or the package for object stores is missing.
    """
    if not isinstance(store, str) or not is_object_uri(store):
        yield StorePlace(local_path(store))
        return
    address = parse_address(store)
    if address.snapshot is not None:
        raise UsageError("the URI is that of a snapshot, not of a store", "give the place that holds it")
    objects = open_objects(address)
    with temporary_directory("mirror") as directory:
        place = StorePlace(directory / "store", Mirror(objects, directory / "store"))
        try:
            yield place
        except KrrExportError as error:
            raise type(error)(place.rename(error.message), error.hint and place.rename(error.hint)) from error.__cause__
