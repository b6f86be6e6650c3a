"""Detection of changes to a file while it is read: what was read must be one state of it, not parts of two."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 18


class ChangeMonitor:
    """The state of a regular file at one time, to compare it with later.

    Args:
        fd: its descriptor; its position is not changed.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before = os.fstat(fd)

    def digest(self, size: int | None = None) -> str:
        """Return SHA-256 of the file as it is now, in hexadecimal; of its first ``size`` bytes if given.

        Raises:
            InputError: it cannot be read.
        """
        digest, position, buffer = hashlib.sha256(), 0, memoryview(bytearray(_PIECE))
        with read_errors():
            while got := os.preadv(self._fd, [buffer[: None if size is None else size - position]], position):
                digest.update(buffer[:got])
                position += got
        return digest.hexdigest()

    def check(self, digest: str, size: int) -> None:
        """Check that the file was not changed.

        Args:
            digest: SHA-256 of what was read of it.
            size: how many bytes were read, from its beginning.

        Raises:
            InputError: it was changed.
        """
        before, now = self._before, os.fstat(self._fd)
        # Restoring a file's old mtime changes its ctime. So does a new name or mode, which does no harm.
        if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns) or (
            before.st_ctime_ns != now.st_ctime_ns and self.digest(size) != digest
        ):
            raise changed_error("the file was changed while it was read")


def changed_error(message: str) -> InputError:
    """Return the error for a file that was changed."""
    return InputError(message, "run again when nobody writes to it")


@contextlib.contextmanager
def read_errors() -> Iterator[None]:
    """Turn an error of the system into one that says that the source cannot be read."""
    try:
        yield
    except OSError as error:
        raise InputError(f"it cannot be read: {os.strerror(error.errno or 0)}") from None
