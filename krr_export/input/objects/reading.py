"""Exports and deliveries that lie in an object store: an export is read in ranges, a delivery is copied first."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.names import parse_part
from krr_export.util.files import output_errors
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.input.objects.store import Described, ObjectStore

_RANGE = 16 << 20
"""Bytes asked for at a time, as stores advise; half as many take a tenth longer. Up to five such are held."""
_BUFFER = 1 << 18
_REQUESTS = 2
"""Requests under way: one fetches while the other waits for its first byte."""


def open_object(store: ObjectStore, key: str, described: Described) -> io.BufferedReader:
    """Open an object for reading, from its beginning; see `read_object`."""
    return io.BufferedReader(_Pieces(read_object(store, key, described)), _BUFFER)


class _Pieces(io.RawIOBase):
    """Bytes that come in pieces, as a file."""

    def __init__(self, pieces: Generator[memoryview, None, None]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        room = memoryview(buffer)
        piece, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._pieces.close()
        super().close()


def read_object(store: ObjectStore, key: str, described: Described) -> Generator[memoryview, None, None]:
    """Yield the bytes of one version of an object, fetched in ranges, ahead of who reads.

    A range whose connection breaks is asked for again, from where it broke.

    Args:
        store: the object store.
        key: the object's key.
        described: what the store said of the object.

    Raises:
        InputError: the object was changed or deleted meanwhile.
        NetworkError: the store failed.
    """

    def fetch(start: int) -> memoryview:
        return store.read_range(key, start, min(_RANGE, described.size - start), described)

    return map_in_order(lambda: fetch, range(0, described.size, _RANGE), _REQUESTS)


def find_delivery(store: ObjectStore, key: str, directory: Path) -> DeliveryPath | None:
    """Return the delivery at a key: a file of a set, or a directory that holds sets; ``None`` if there is none.

    Args:
        store: the object store.
        key: of an object, or of what would be its directory.
        directory: where the set's files are to be copied to.
    """
    parent, _, name = key.rpartition("/")
    part = parse_part(name)
    found = DeliveryPath(directory, part, tuple(store.names(parent if part else key)))
    return found if part or found.sets else None


def copy_delivery(store: ObjectStore, key: str, delivery: DeliveryPath, options: DeliveryOptions) -> None:
    """Copy the files of the set that a delivery means into its directory, as they are: encrypted.

    Args:
        store: the object store.
        key: as given to `find_delivery`.
        delivery: what that returned.
        options: which set is meant, and whether its signature is needed.

    Raises:
        InputError: a file of it is missing.
        OutputError: there is no room for it.
    """
    signed = options.signature != "none"
    found = delivery.find_set(options.orgnr, signed=signed, latest_stamp=options.latest_stamp)
    parent = key.rpartition("/")[0] if delivery.part else key
    for file in (found.key, found.signature, found.data):
        if file is not None:
            _copy(store, f"{parent}/{file.name}".lstrip("/"), file)


def _copy(store: ObjectStore, key: str, file: Path) -> None:
    described = store.describe(key)
    if described is None:
        raise InputError(f"{file.name} was deleted meanwhile", "run again when nobody writes there")
    with output_errors(f"copy {file.name} to {file.parent}"), file.open("xb") as copy:
        copy.writelines(read_object(store, key, described))
