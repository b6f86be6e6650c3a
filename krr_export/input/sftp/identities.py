"""The keys to log in with: a given file, or else those of the SSH agent and the user's default files."""

from __future__ import annotations

import io
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from krr_export.errors import UsageError
from krr_export.input.sftp.known_hosts import ssh_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_DEFAULT_FILES = ("id_ed25519", "id_ecdsa", "id_rsa")
_HINT = "give a private key (OpenSSH or PEM; Ed25519, ECDSA or RSA) with --identity"
_UNREADABLE_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm)
"""The errors of cryptography for a file that is not a key it knows, or for a wrong passphrase."""


@contextmanager
def identities(
    file: Path | None, passphrase: Callable[[], bytes | None], timeout: float
) -> Iterator[Iterator[paramiko.PKey]]:
    """Yield an iterator over the keys to try.

    Args:
        file: the only one to try; by default those of the SSH agent, then the user's default files.
        passphrase: called only if a file turns out to be encrypted; ``None``: there is none.
        timeout: seconds that the agent has to answer.

    Raises:
        UsageError: the given file cannot be used. The message contains neither its name nor its content.
    """
    if file is not None:
        yield iter([_load_key(file, passphrase)])
        return
    agent = _connect_agent(timeout)
    try:
        yield _default_keys(agent, passphrase)
    finally:
        if agent is not None:
            agent.close()


class _Agent(paramiko.Agent):
    """An agent that closes its socket if a request fails."""

    def __init__(self) -> None:
        try:
            super().__init__()
        except BaseException:
            self.close()
            raise


def _connect_agent(timeout: float) -> paramiko.Agent | None:
    """Connect to the SSH agent; ``None`` if there is none, or it is silent or talks nonsense: then files are tried."""
    found: list[paramiko.Agent] = []

    def ask() -> None:
        with suppress(paramiko.SSHException, OSError, EOFError, ValueError, struct.error):
            found.append(_Agent())

    # In a thread: paramiko itself would wait forever. A daemon thread does not keep the program from ending.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    return found[0] if found else None


def _default_keys(agent: paramiko.Agent | None, passphrase: Callable[[], bytes | None]) -> Iterator[paramiko.PKey]:
    yield from agent.get_keys() if agent is not None else ()
    directory = ssh_directory()
    if directory is None:
        return
    for name in _DEFAULT_FILES:
        with suppress(UsageError):  # missing, or for other purposes: the user did not ask for this one
            yield _load_key(directory / name, passphrase)


def _load_key(file: Path, passphrase: Callable[[], bytes | None]) -> paramiko.PKey:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"the identity file cannot be read: {error.strerror}", _HINT) from None
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key: object = load(data, None)
    except TypeError:  # it is encrypted
        key = _decrypt(lambda secret: load(data, secret), passphrase())
    except _UNREADABLE_ERRORS:
        raise UsageError("the identity file is not a private key", _HINT) from None
    return _to_paramiko(key)


def _decrypt(load: Callable[[bytes], object], secret: bytes | None) -> object:
    if not secret:
        raise UsageError("the identity file is encrypted", "give its passphrase with --identity-passphrase-file")
    try:
        return load(secret)
    except _UNREADABLE_ERRORS:
        raise UsageError("the passphrase does not open the identity file", "check --identity-passphrase-file") from None


def _to_paramiko(key: object) -> paramiko.PKey:
    """Convert the key for paramiko through the OpenSSH format, the only one that it reads for every kind."""
    match key:
        case ed25519.Ed25519PrivateKey():
            kind: type[paramiko.PKey] = paramiko.Ed25519Key
        case ec.EllipticCurvePrivateKey():
            kind = paramiko.ECDSAKey
        case rsa.RSAPrivateKey():
            kind = paramiko.RSAKey
        case _:
            raise UsageError("the identity file's kind of key cannot be used", _HINT)
    try:
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()  # not of every curve
        return kind.from_private_key(io.StringIO(text))
    except (paramiko.SSHException, ValueError):
        raise UsageError("the identity file's kind of key cannot be used", _HINT) from None
