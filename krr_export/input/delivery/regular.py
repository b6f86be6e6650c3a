"""Safe opening of a delivery's files and keys: regular files if they are read twice; small ones are read whole."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from krr_export.errors import DeliveryError, InputError
from krr_export.util.formatting import printable
from krr_export.util.machine_failures import refuse_machine_failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

FETCH_AGAIN = "delete the set's files, and fetch or transfer it again"
"""What to do about an unusable set. A fetch takes files that exist for what it has already, so they must go."""

SMALL_BYTES = 1 << 16
"""No key, certificate or signature comes near this size; a larger file is another, and is not read into memory."""


def file_name(path: Path) -> str:
    """Return the name of a file for messages, without its directory, as text: a name may be any bytes."""
    return printable(os.fsencode(path.name).decode(errors="replace"))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; the caller closes it.

    Raises:
        InputError: it does not exist, cannot be read, or is a pipe, a device or a directory.
    """
    name = file_name(path)
    with read_errors(name):
        # Without O_NONBLOCK, opening a named pipe would wait here for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    raise InputError(f"{name} is not a regular file", "save it as a file: it is read twice, to verify and to decrypt")


def read_small(path: Path) -> bytes:
    """Read a whole key or certificate; it may come from a pipe, as from a secret store.

    Raises:
        InputError: it cannot be read, is empty, or has more than 64 KiB.
    """
    name = file_name(path)
    with read_errors(name), path.open("rb") as file:
        data = file.read(SMALL_BYTES + 1)
    if fault := _size_fault(data):
        raise InputError(f"{name} {fault}", "export it again; or is it another file?")
    return data


def read_small_regular(path: Path) -> bytes:
    """Read a whole small file of a set.

    Raises:
        DeliveryError: it is empty, or has more than 64 KiB.
        InputError: it cannot be read, or is not a regular file.
    """
    name = file_name(path)
    with open_regular(path) as file, read_errors(name):
        data = file.read(SMALL_BYTES + 1)
    if fault := _size_fault(data):
        raise DeliveryError(f"{name} {fault}", FETCH_AGAIN)
    return data


def _size_fault(data: bytes) -> str | None:
    if len(data) > SMALL_BYTES:
        return f"is too large: it has more than {SMALL_BYTES} bytes"
    return None if data else "is empty"


@contextlib.contextmanager
def read_errors(name: str) -> Iterator[None]:
    """Turn an error of the system into one that says that the file cannot be read, unless it is not about the file."""
    try:
        yield
    except OSError as error:
        refuse_machine_failure(f"open {name}", error)
        reason = os.strerror(error.errno) if error.errno else "the system gives no reason"
        raise InputError(f"{name} cannot be read: {reason}", "check the path and its permissions") from None
