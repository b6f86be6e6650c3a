"""A directory on an SFTP server: logging in to the right one, seeing what lies there, and reading it at full speed."""

from __future__ import annotations

import logging
import posixpath
import socket
import stat
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko

from krr_export.errors import KrrExportError, NetworkError
from krr_export.input.delivery.names import LATEST, PartName, parse_part
from krr_export.input.sftp.identities import identities
from krr_export.input.sftp.known_hosts import KnownKeys, known_keys
from krr_export.input.sftp.reading import Client, EndOfFileError, RefusedError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from krr_export.input.sftp.address import Address

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks go to standard error

_AGAIN = "run again: it goes on where it stopped"
_LISTING = 10
"""Times the timeout: so long may all take that is asked to know what lies there."""
_WEAK = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
    "kex": ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
}
"""What paramiko knows, or once knew, and is no more to be offered."""
_LOST = (paramiko.SSHException, paramiko.sftp.SFTPError, EOFError)


def _no_passphrase() -> bytes | None:
    return None


@dataclass(frozen=True)
class Login:
    """How to log in.

    Attributes:
        identity: the file of a private key; by default the SSH agent's keys and the user's usual ones are tried.
        passphrase: asked only when the identity turns out to be encrypted; ``None``: there is none.
        known_hosts: the file of the servers' keys; by default the user's and the system's.
        timeout: seconds that the server may be silent.
    """

    identity: Path | None = None
    passphrase: Callable[[], bytes | None] = _no_passphrase
    known_hosts: Path | None = None
    timeout: float = 30.0


@dataclass(frozen=True)
class RemoteFile:
    """One file of a delivery on the server.

    Attributes:
        part: its name here, and what that says.
        path: its name there; links are resolved.
        size: bytes.
        mtime: when it was changed last, in seconds since 1970.
    """

    part: PartName
    path: str
    size: int
    mtime: int

    @property
    def name(self) -> str:
        """Its name here."""
        return self.part.name


class Remote:
    """The directory, while one is logged in; made by `connect`."""

    def __init__(self, client: Client, address: Address, timeout: float) -> None:
        self._client = client
        self._address = address
        self._timeout = timeout

    def files(self) -> dict[str, RemoteFile]:
        """The files of deliveries in the directory, by name. What has another name is not looked at.

        A link named LATEST stands for its target, where the server says what that is.

        Raises:
            NetworkError: The directory is not there, is not to be listed, or the connection was lost.
        """
        directory = self._address.directory
        hint = "check the directory, and the user's permissions"
        with self._trouble(f"list {self._address.shown}", hint=hint), self._client.within(_LISTING * self._timeout):
            listed = {entry.filename: entry for entry in self._client.entries(directory) if parse_part(entry.filename)}
            found: dict[str, RemoteFile] = {}
            # What has a name of its own goes before a link that is resolved to the same name.
            for part in sorted(filter(None, map(parse_part, listed)), key=lambda part: part.stamp == LATEST):
                file = self._look_at(part, posixpath.join(directory, part.name), listed[part.name])
                if file is not None:
                    found.setdefault(file.name, file)
        return found

    def check_unchanged(self, file: RemoteFile) -> None:
        """Make sure that the file is still the one that was listed.

        Raises:
            NetworkError: It was changed or replaced, or the connection was lost.
        """
        with self._trouble(f"look at {file.name}", gone=file):
            self._compare(file, self._client.stat(file.path))

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Read a file from a byte on to the end that it had when it was listed.

        Raises:
            NetworkError: It is not to be read, it was changed, or the connection was lost or is silent.
        """
        with self._trouble(f"read {file.name}", gone=file):
            opened = self._client.open(file.path, "rb")
            self._compare(file, opened.stat())
            try:
                yield from self._client.pieces(opened, start, file.size)
            except EndOfFileError:
                raise self._changed(file) from None
            opened.close()  # not where it failed: then the connection ends, and must not be waited for

    def _look_at(self, part: PartName, path: str, attributes: paramiko.SFTPAttributes) -> RemoteFile | None:
        if part.stamp == LATEST:
            part, path = self._resolved(part, path)
        try:
            if attributes.st_size is None or attributes.st_mode is None or stat.S_ISLNK(attributes.st_mode):
                attributes = self._client.stat(path)
        except FileNotFoundError:
            return None  # a link that leads nowhere, or gone since it was listed
        if attributes.st_mode is not None and not stat.S_ISREG(attributes.st_mode):
            return None
        return RemoteFile(part, path, attributes.st_size or 0, attributes.st_mtime or 0)

    def _resolved(self, part: PartName, path: str) -> tuple[PartName, str]:
        """What a link named LATEST leads to; itself where the server does not tell."""
        for ask in (self._client.normalize, self._client.readlink):
            target = None
            with suppress(OSError):  # no link, or a server that does not know how
                target = ask(path)
            if target:
                real = parse_part(posixpath.basename(target))
                if real and real.stamp != LATEST and (real.kind, real.orgnr) == (part.kind, part.orgnr):
                    return real, posixpath.join(posixpath.dirname(path), target)
        return part, path

    def _compare(self, file: RemoteFile, now: paramiko.SFTPAttributes) -> None:
        if (now.st_size or 0, now.st_mtime or 0) != (file.size, file.mtime):
            raise self._changed(file)

    def _changed(self, file: RemoteFile) -> NetworkError:
        return NetworkError(
            f"{file.name} on {self._address.server} changed while it was fetched: its set is still being written",
            "run again in some minutes",
        )

    @contextmanager
    def _trouble(self, doing: str, *, hint: str = _AGAIN, gone: RemoteFile | None = None) -> Iterator[None]:
        """Say what failed. What the server says of it is not repeated: it may be anything."""
        server = self._address.server
        try:
            yield
        except KrrExportError:
            raise
        except TimeoutError:
            raise NetworkError(f"{server} stopped answering, or is too slow: cannot {doing}", _AGAIN) from None
        except FileNotFoundError:
            if gone is not None:
                raise self._changed(gone) from None
            raise NetworkError(f"cannot {doing}: there is no such directory", hint) from None
        except PermissionError:
            asked = "ask the publisher for permission, or check the user"
            raise NetworkError(f"{server} gives no permission: cannot {doing}", asked) from None
        except TooManyError:
            where = "check the directory, or ask the publisher to remove what is old"
            raise NetworkError(f"{server} lists more than deliveries can be: cannot {doing}", where) from None
        except RefusedError:
            raise NetworkError(f"{server} refused: cannot {doing}", hint) from None
        except (*_LOST, OSError):
            raise NetworkError(f"the connection to {server} was lost: cannot {doing}", _AGAIN) from None


@contextmanager
def connect(address: Address, login: Login) -> Iterator[Remote]:
    """Log in to the server, if it is the one that is known.

    Raises:
        NetworkError: There is no such server, its key is not the known one, or the login is refused.
        UsageError: The identity or the file of known hosts cannot be used.
    """
    known = known_keys(address.known_as, login.known_hosts)
    with (
        identities(login.identity, login.passphrase, login.timeout) as keys,
        _transport(address, login) as transport,
    ):
        _shake_hands(transport, known, address, login)
        _log_in(transport, keys, address, login)
        yield Remote(_open_sftp(transport, address, login), address, login.timeout)


@contextmanager
def _transport(address: Address, login: Login) -> Iterator[paramiko.Transport]:
    """A connection to the server, on which nothing was said yet."""
    try:
        connection = socket.create_connection((address.host, address.port), login.timeout)
    except TimeoutError:
        raise _silent(address, login) from None
    except (socket.gaierror, UnicodeError):
        raise NetworkError(f"there is no host {address.host}", "check the URI, and the machine's DNS") from None
    except ConnectionRefusedError:
        raise NetworkError(f"{address.server} refuses connections", "check host and port") from None
    except OSError as error:
        reason = error.strerror or "no reason is given"
        raise NetworkError(f"cannot reach {address.server}: {reason}", "check host, port and firewall") from None
    transport = paramiko.Transport(connection, disabled_algorithms=_WEAK)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = 2 * login.timeout + 1
    try:
        yield transport
    except Exception:
        transport.close()
        raise
    except BaseException:
        # A signal may have come while this thread held a lock of the library, for which closing would wait forever.
        connection.close()
        raise
    transport.close()


def _shake_hands(transport: paramiko.Transport, known: KnownKeys, address: Address, login: Login) -> None:
    """Agree on keys with the server, and make sure that it is the known one."""
    options = transport.get_security_options()
    # The kinds of key that are known first: a server with several shows the first that is asked for.
    options.key_types = sorted(options.key_types, key=lambda name: _key_type(name) not in known.types)
    try:
        with _patience(transport, address, login):
            transport.start_client(timeout=2 * login.timeout)
            key = transport.get_remote_server_key()
    except paramiko.ssh_exception.IncompatiblePeer:
        raise NetworkError(
            f"{address.server} offers no cipher, MAC, key exchange or signature that is both safe and known here",
            "ask the publisher for AES-CTR or AES-GCM, SHA-2, and a key exchange without SHA-1",
        ) from None
    except (*_LOST, OSError):
        raise NetworkError(
            f"{address.server} does not agree on a connection", "check host and port: is it an SSH server?"
        ) from None
    _check_host_key(key, known, address)


def _key_type(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-sha2") else algorithm  # RFC 8332: one kind of key, three signatures


def _check_host_key(key: paramiko.PKey, known: KnownKeys, address: Address) -> None:
    if key.asbytes() in known.revoked:
        raise NetworkError(f"the key of {address.server} is revoked ({key.fingerprint})", "ask the publisher")
    if key.asbytes() in known.trusted:
        return
    if known.trusted:
        raise NetworkError(
            f"the key of {address.server} is not the known one: it was changed, or another machine answers in its"
            f" place; it shows {key.fingerprint} ({key.get_name()})",
            "ask the publisher in another way; if it is right, take the old line out of known_hosts: ssh-keygen -R"
            f" '{address.known_as}'",
        )
    raise NetworkError(
        f"the key of {address.server} is unknown: {key.fingerprint} ({key.get_name()})",
        "compare it with what the publisher says, then add to known_hosts the line: "
        f"{address.known_as} {key.get_name()} {key.get_base64()}",
    )


def _log_in(transport: paramiko.Transport, keys: Iterator[paramiko.PKey], address: Address, login: Login) -> None:
    tried = 0
    for key in keys:
        tried += 1
        try:
            with _patience(transport, address, login):
                if not transport.auth_publickey(address.user, key):
                    return
        except (*_LOST, OSError):
            if not transport.is_active():
                break  # the server counts how often one may try
    if not tried:
        raise NetworkError(
            f"there is no key to log in to {address.server} with", "give --identity FILE, or start an SSH agent"
        )
    raise NetworkError(
        f"{address.server} refuses the login",
        "check the user in the URI, that the publisher has its public key, and which key is offered (--identity)",
    )


def _open_sftp(transport: paramiko.Transport, address: Address, login: Login) -> Client:
    try:
        with _patience(transport, address, login):
            channel = transport.open_session(timeout=2 * login.timeout)
            channel.settimeout(login.timeout)
            channel.invoke_subsystem("sftp")
            return Client(channel, login.timeout)
    except (*_LOST, OSError):
        raise NetworkError(f"{address.server} offers no SFTP", "ask the publisher") from None


@contextmanager
def _patience(transport: paramiko.Transport, address: Address, login: Login) -> Iterator[None]:
    """Give the server its time, then hang up: not everything in paramiko has a timeout.

    Raises:
        NetworkError: The time is over.
    """
    over = threading.Event()

    def hang_up() -> None:
        over.set()
        transport.close()

    timer = threading.Timer(login.timeout, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise _silent(address, login) from None
        raise
    finally:
        timer.cancel()


def _silent(address: Address, login: Login) -> NetworkError:
    return NetworkError(
        f"{address.server} did not answer within {login.timeout:g} s", "check host and port, or try again later"
    )
