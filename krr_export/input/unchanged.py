"""Whether a file stays as it was while it is read, so that what was read is one state of it and not some of two."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 18


class Watched:
    """A regular file as it was when this was made.

    Args:
        fd: its descriptor; where it stands is not changed.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before = os.fstat(fd)

    def digest(self, size: int | None = None) -> str:
        """SHA-256 of the file as it is now, in hexadecimal; of its first ``size`` bytes where that is said.

        Raises:
            InputError: it cannot be read.
        """
        digest, position, buffer = hashlib.sha256(), 0, memoryview(bytearray(_PIECE))
        with readable():
            while got := os.preadv(self._fd, [buffer[: None if size is None else size - position]], position):
                digest.update(buffer[:got])
                position += got
        return digest.hexdigest()

    def check(self, digest: str, size: int) -> None:
        """See that the file is as it was.

        Args:
            digest: SHA-256 of what was read of it.
            size: how many bytes these were, from its beginning.

        Raises:
            InputError: it was changed.
        """
        before, now = self._before, os.fstat(self._fd)
        # Whoever gives a file its old time again changes its inode. So does a new name or mode, which does no harm.
        if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns) or (
            before.st_ctime_ns != now.st_ctime_ns and self.digest(size) != digest
        ):
            raise changed("the file was changed while it was read")


def changed(message: str) -> InputError:
    """What to say of a file that was changed."""
    return InputError(message, "run again when nobody writes to it")


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Say that the source cannot be read where the system says so."""
    try:
        yield
    except OSError as error:
        raise InputError(f"it cannot be read: {os.strerror(error.errno or 0)}") from None
