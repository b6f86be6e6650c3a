"""A directory on an SFTP server: listing, and reading at full speed."""

from __future__ import annotations

import posixpath
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko

from krr_export.errors import KrrExportError, NetworkError
from krr_export.input.delivery.names import LATEST, PartName, parse_part
from krr_export.input.sftp.reading import Client, EndOfFileError, RefusedError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.input.sftp.address import Address

_RUN_AGAIN = "run again: it goes on where it stopped"
_LISTING = 10
"""How many timeouts a whole listing may take."""
CONNECTION_ERRORS = (paramiko.SSHException, paramiko.sftp.SFTPError, EOFError)


@dataclass(frozen=True)
class RemoteFile:
    """One file of a delivery on the server.

    Attributes:
        part: its name in the inbox, parsed.
        path: its path on the server; links are resolved.
        size: bytes.
        mtime: time of the last change, in seconds since 1970.
    """

    part: PartName
    path: str
    size: int
    mtime: int

    @property
    def name(self) -> str:
        """Its name in the inbox."""
        return self.part.name


class Remote:
    """The directory during a login; made by `connect`."""

    def __init__(self, client: Client, address: Address, timeout: float) -> None:
        self._client = client
        self._address = address
        self._timeout = timeout

    def files(self) -> dict[str, RemoteFile]:
        """Return the files of deliveries in the directory, by name. Other files are ignored.

        A link named LATEST is replaced by its target, if the server says what that is.

        Raises:
            NetworkError: the directory does not exist, cannot be listed, or the connection was lost.
        """
        directory = self._address.directory
        hint = "check the directory, and the user's permissions"
        time_limit = self._client.time_limit(_LISTING * self._timeout)
        with self._network_errors(f"list {self._address.location}", hint=hint), time_limit:
            listed = {entry.filename: entry for entry in self._client.entries(directory) if parse_part(entry.filename)}
            found: dict[str, RemoteFile] = {}
            # A file with its own name wins over a link that is resolved to the same name.
            for part in sorted(filter(None, map(parse_part, listed)), key=lambda part: part.stamp == LATEST):
                file = self._stat_part(part, posixpath.join(directory, part.name), listed[part.name])
                if file is not None:
                    found.setdefault(file.name, file)
        return found

    def check_unchanged(self, file: RemoteFile) -> None:
        """Check that the file is still the one that was listed.

        Raises:
            NetworkError: it was changed or replaced, or the connection was lost.
        """
        with self._network_errors(f"look at {file.name}", file=file):
            self._check_same(file, self._client.stat(file.path))

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Read a file from ``start`` to the end that it had when it was listed.

        Raises:
            NetworkError: it cannot be read, it was changed, or the connection was lost or is silent.
        """
        with self._network_errors(f"read {file.name}", file=file):
            opened = self._client.open(file.path, "rb")
            self._check_same(file, opened.stat())
            try:
                yield from self._client.pieces(opened, start, file.size)
            except EndOfFileError:
                raise self._changed_error(file) from None
            opened.close()  # not after a failure: then the connection ends, and must not be waited for

    def _stat_part(self, part: PartName, path: str, attributes: paramiko.SFTPAttributes) -> RemoteFile | None:
        if part.stamp == LATEST:
            part, path = self._resolve_latest(part, path)
        try:
            if attributes.st_size is None or attributes.st_mode is None or stat.S_ISLNK(attributes.st_mode):
                attributes = self._client.stat(path)
        except FileNotFoundError:
            return None  # a dangling link, or removed since it was listed
        if attributes.st_mode is not None and not stat.S_ISREG(attributes.st_mode):
            return None
        return RemoteFile(part, path, attributes.st_size or 0, attributes.st_mtime or 0)

    def _resolve_latest(self, part: PartName, path: str) -> tuple[PartName, str]:
        """Return the target of a link named LATEST; the link itself if the server does not say."""
        for ask in (self._client.normalize, self._client.readlink):
            target = None
            with suppress(OSError):  # not a link, or a server that cannot do this
                target = ask(path)
            if target:
                real = parse_part(posixpath.basename(target))
                if real and real.stamp != LATEST and (real.kind, real.orgnr) == (part.kind, part.orgnr):
                    return real, posixpath.join(posixpath.dirname(path), target)
        return part, path

    def _check_same(self, file: RemoteFile, now: paramiko.SFTPAttributes) -> None:
        if (now.st_size or 0, now.st_mtime or 0) != (file.size, file.mtime):
            raise self._changed_error(file)

    def _changed_error(self, file: RemoteFile) -> NetworkError:
        return NetworkError(
            f"{file.name} on {self._address.server} changed while it was fetched: its set is still being written",
            "run again in some minutes",
        )

    @contextmanager
    def _network_errors(self, action: str, *, hint: str = _RUN_AGAIN, file: RemoteFile | None = None) -> Iterator[None]:
        """Turn errors into one that says what failed. The server's own text is not repeated: it may be anything."""
        server = self._address.server
        try:
            yield
        except KrrExportError:
            raise
        except TimeoutError:
            raise NetworkError(f"{server} stopped answering, or is too slow: cannot {action}", _RUN_AGAIN) from None
        except FileNotFoundError:
            if file is not None:
                raise self._changed_error(file) from None
            raise NetworkError(f"cannot {action}: there is no such directory", hint) from None
        except PermissionError:
            asked = "ask the publisher for permission, or check the user"
            raise NetworkError(f"{server} gives no permission: cannot {action}", asked) from None
        except TooManyError:
            where = "check the directory, or ask the publisher to remove what is old"
            raise NetworkError(f"{server} lists more than deliveries can be: cannot {action}", where) from None
        except RefusedError:
            raise NetworkError(f"{server} refused: cannot {action}", hint) from None
        except (*CONNECTION_ERRORS, OSError):
            raise NetworkError(f"the connection to {server} was lost: cannot {action}", _RUN_AGAIN) from None
