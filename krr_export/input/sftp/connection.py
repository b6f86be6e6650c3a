"""The connection to an SFTP server: to the known one only, with safe algorithms, and a login with a key."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko

from krr_export.errors import NetworkError
from krr_export.input.sftp.identities import identities
from krr_export.input.sftp.known_hosts import KnownKeys, known_keys
from krr_export.input.sftp.reading import Client
from krr_export.input.sftp.remote import CONNECTION_ERRORS, Remote
from krr_export.util.fields import Converted, Passphrase, Secret, StrPath, optional_path, passphrase_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.input.sftp.address import Address

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks go to standard error

_WEAK_ALGORITHMS = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
    "kex": ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
}
"""Algorithms of paramiko, present or past, that are not offered."""


@dataclass(frozen=True)
class Login:
    """The key, the known hosts and the timeout of a login.

    Attributes:
        identity: the file of a private key; by default the SSH agent's keys and the user's default files are tried.
        passphrase: the identity's; or a function that returns it, called only if the identity is encrypted.
        known_hosts: the file of the servers' keys; by default the user's and the system's.
        timeout: seconds that the server may be silent.
    """

    identity: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    passphrase: Converted[Secret, Passphrase] = Converted(passphrase_of, None)
    known_hosts: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    timeout: float = 30.0


@contextmanager
def connect(address: Address, login: Login) -> Iterator[Remote]:
    """Log in to the server, if its key is known.

    Raises:
        NetworkError: there is no such server, its key is not the known one, or the login is refused.
        UsageError: the identity or the file of known hosts cannot be used.
    """
    known = known_keys(address.known_hosts_name, login.known_hosts)
    with (
        identities(login.identity, login.passphrase, login.timeout) as keys,
        _transport(address, login) as transport,
    ):
        _handshake(transport, known, address, login)
        _log_in(transport, keys, address, login)
        client = _open_sftp(transport, address, login)
        try:
            yield Remote(client, address, login.timeout)
        except Exception:
            raise
        except BaseException:
            client.abandon()
            raise


@contextmanager
def _transport(address: Address, login: Login) -> Iterator[paramiko.Transport]:
    """Open a connection to the server, before the handshake."""
    try:
        connection = socket.create_connection((address.host, address.port), login.timeout)
    except TimeoutError:
        raise _no_answer_error(address, login) from None
    except (socket.gaierror, UnicodeError):
        raise NetworkError(f"there is no host {address.host}", "check the URI, and the machine's DNS") from None
    except ConnectionRefusedError:
        raise NetworkError(f"{address.server} refuses connections", "check host and port") from None
    except OSError as error:
        reason = error.strerror or "no reason is given"
        raise NetworkError(f"cannot reach {address.server}: {reason}", "check host, port and firewall") from None
    transport = paramiko.Transport(connection, disabled_algorithms=_WEAK_ALGORITHMS)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = 2 * login.timeout + 1
    try:
        yield transport
    except Exception:
        transport.close()
        raise
    except BaseException:
        # As in Client.abandon: closing the transport would wait forever.
        connection.close()
        raise
    transport.close()


def _handshake(transport: paramiko.Transport, known: KnownKeys, address: Address, login: Login) -> None:
    """Agree on keys with the server, and check that it is the known one."""
    options = transport.get_security_options()
    # Known key types first: a server with several keys shows the first type that is requested.
    options.key_types = sorted(options.key_types, key=lambda name: _key_type(name) not in known.types)
    try:
        with _time_limit(transport, address, login):
            transport.start_client(timeout=2 * login.timeout)
            key = transport.get_remote_server_key()
    except paramiko.ssh_exception.IncompatiblePeer:
        raise NetworkError(
            f"{address.server} offers no cipher, MAC, key exchange or signature that is both safe and known here",
            "ask the publisher for AES-CTR or AES-GCM, SHA-2, and a key exchange without SHA-1",
        ) from None
    except (*CONNECTION_ERRORS, OSError):
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
            f" '{address.known_hosts_name}'",
        )
    raise NetworkError(
        f"the key of {address.server} is unknown: {key.fingerprint} ({key.get_name()})",
        "compare it with what the publisher says, then add to known_hosts the line: "
        f"{address.known_hosts_name} {key.get_name()} {key.get_base64()}",
    )


def _log_in(transport: paramiko.Transport, keys: Iterator[paramiko.PKey], address: Address, login: Login) -> None:
    tried = 0
    for key in keys:
        tried += 1
        try:
            with _time_limit(transport, address, login):
                if not transport.auth_publickey(address.user, key):
                    return
        except (*CONNECTION_ERRORS, OSError):
            if not transport.is_active():
                break  # the server limits the attempts
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
        with _time_limit(transport, address, login):
            channel = transport.open_session(timeout=2 * login.timeout)
            channel.settimeout(login.timeout)
            channel.invoke_subsystem("sftp")
            return Client(channel, login.timeout)
    except (*CONNECTION_ERRORS, OSError):
        raise NetworkError(f"{address.server} offers no SFTP", "ask the publisher") from None


@contextmanager
def _time_limit(transport: paramiko.Transport, address: Address, login: Login) -> Iterator[None]:
    """Close the connection after the timeout: not everything in paramiko has one.

    Raises:
        NetworkError: the timeout is over.
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
            raise _no_answer_error(address, login) from None
        raise
    finally:
        timer.cancel()


def _no_answer_error(address: Address, login: Login) -> NetworkError:
    return NetworkError(
        f"{address.server} did not answer within {login.timeout:g} s", "check host and port, or try again later"
    )
