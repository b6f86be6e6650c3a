"""The keys to log in with: a file that was named, or else the SSH agent's and the user's usual ones."""

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
from krr_export.input.sftp.known_hosts import usual_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
_HINT = "give a private key (OpenSSH or PEM; Ed25519, ECDSA or RSA) with --identity"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
"""How cryptography says that a file is no key it knows, or that the passphrase is not its own."""


@contextmanager
def identities(
    file: Path | None, passphrase: Callable[[], bytes | None], patience: float
) -> Iterator[Iterator[paramiko.PKey]]:
    """The keys to try, one after the other.

    Args:
        file: the only one to try; by default those of the SSH agent, then the user's usual files.
        passphrase: asked only when a file turns out to be encrypted; ``None``: there is none.
        patience: seconds that the agent has for its answer.

    Raises:
        UsageError: The file that was asked for cannot be used. Neither its name nor what is in it is in the message.
    """
    if file is not None:
        yield iter([_load(file, passphrase)])
        return
    agent = _agent(patience)
    try:
        yield _usual(agent, passphrase)
    finally:
        if agent is not None:
            agent.close()


class _Agent(paramiko.Agent):
    """An agent that lets go of its socket where asking it fails."""

    def __init__(self) -> None:
        try:
            super().__init__()
        except BaseException:
            self.close()
            raise


def _agent(patience: float) -> paramiko.Agent | None:
    """The SSH agent; ``None`` where there is none, or it is silent or talks nonsense: then files are left to try."""
    found: list[paramiko.Agent] = []

    def ask() -> None:
        with suppress(paramiko.SSHException, OSError, EOFError, ValueError, struct.error):
            found.append(_Agent())

    # In a thread, for paramiko itself would wait forever; what never ends there does not keep the program.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def _usual(agent: paramiko.Agent | None, passphrase: Callable[[], bytes | None]) -> Iterator[paramiko.PKey]:
    yield from agent.get_keys() if agent is not None else ()
    directory = usual_directory()
    if directory is None:
        return
    for name in _USUAL:
        with suppress(UsageError):  # not there, or for other purposes: nobody asked for this one
            yield _load(directory / name, passphrase)


def _load(file: Path, passphrase: Callable[[], bytes | None]) -> paramiko.PKey:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"the identity file cannot be read: {error.strerror}", _HINT) from None
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key: object = load(data, None)
    except TypeError:  # it is encrypted
        key = _decrypted(lambda secret: load(data, secret), passphrase())
    except _UNREADABLE:
        raise UsageError("the identity file is not a private key", _HINT) from None
    return _as_paramiko(key)


def _decrypted(load: Callable[[bytes], object], secret: bytes | None) -> object:
    if not secret:
        raise UsageError("the identity file is encrypted", "give its passphrase with --identity-passphrase-file")
    try:
        return load(secret)
    except _UNREADABLE:
        raise UsageError("the passphrase does not open the identity file", "check --identity-passphrase-file") from None


def _as_paramiko(key: object) -> paramiko.PKey:
    """The key as paramiko wants it: through its OpenSSH form, the only one that it reads for each kind."""
    match key:
        case ed25519.Ed25519PrivateKey():
            kind: type[paramiko.PKey] = paramiko.Ed25519Key
        case ec.EllipticCurvePrivateKey():
            kind = paramiko.ECDSAKey
        case rsa.RSAPrivateKey():
            kind = paramiko.RSAKey
        case _:
            raise UsageError("the identity file's kind of key cannot be used", _HINT)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    try:
        return kind.from_private_key(io.StringIO(text))
    except (paramiko.SSHException, ValueError):
        raise UsageError("the identity file's kind of key cannot be used", _HINT) from None
