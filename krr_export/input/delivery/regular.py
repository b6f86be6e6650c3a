"""Files of a delivery and keys for it, opened with care: regular ones where they are read twice, small ones whole."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from krr_export.errors import DeliveryError, InputError
from krr_export.util.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

AGAIN = "delete the set's files, and fetch or transfer it again"
"""What to do about a set that is unusable. Where its files are, a fetch takes them for what it has already."""

SMALL_BYTES = 1 << 16
"""No key, certificate or signature comes near to this; what does is something else, and is not read into memory."""


def file_name(path: Path) -> str:
    """How messages call a file: by its name without its directory, which may be any bytes, as text."""
    return printable(os.fsencode(path.name).decode(errors="replace"))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; the caller closes it.

    Raises:
        InputError: there is none, it cannot be read, or it is a pipe, a device or a directory.
    """
    name = file_name(path)
    with readable(name):
        # Without O_NONBLOCK a named pipe would wait here for whoever writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    raise InputError(f"{name} is not a regular file", "save it as a file: it is read twice, to verify and to decrypt")


def read_small(path: Path) -> bytes:
    """Read a key or a certificate whole; it may come from a pipe, as a secret store's does.

    Raises:
        InputError: it cannot be read, is empty, or has more than 64 KiB.
    """
    name = file_name(path)
    with readable(name), path.open("rb") as file:
        data = file.read(SMALL_BYTES + 1)
    if fault := _size_fault(data):
        raise InputError(f"{name} {fault}", "export it again; or is it another file?")
    return data


def read_small_regular(path: Path) -> bytes:
    """Read a small file of a set whole.

    Raises:
        DeliveryError: it is empty, or has more than 64 KiB.
        InputError: it cannot be read, or is no regular file.
    """
    name = file_name(path)
    with open_regular(path) as file, readable(name):
        data = file.read(SMALL_BYTES + 1)
    if fault := _size_fault(data):
        raise DeliveryError(f"{name} {fault}", AGAIN)
    return data


def _size_fault(data: bytes) -> str | None:
    if len(data) > SMALL_BYTES:
        return f"is too large: it has more than {SMALL_BYTES} bytes"
    return None if data else "is empty"


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Say that a file cannot be read where the system says so."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "the system gives no reason"
        raise InputError(f"{name} cannot be read: {reason}", "check the path and its permissions") from None
