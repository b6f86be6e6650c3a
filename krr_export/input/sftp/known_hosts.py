"""The known keys of a server: ``known_hosts`` as OpenSSH reads it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")
_REVOKED = "@revoked"
_KEY_FIELDS = 2  # its type, its base64; a comment may follow


@dataclass(frozen=True)
class KnownKeys:
    """The known keys of one server.

    Attributes:
        trusted: its keys, in the encoding of SSH (RFC 4253, 6.6).
        revoked: keys that must not be trusted, on any server.
        types: of the trusted keys, such as ``ssh-ed25519``.
    """

    trusted: frozenset[bytes]
    revoked: frozenset[bytes]
    types: frozenset[str]


def known_keys(name: str, file: Path | None) -> KnownKeys:
    """Look up a server's keys.

    Args:
        name: ``host``, or ``[host]:port`` if the port is not 22.
        file: the file to search; by default the user's and the system's.

    Raises:
        UsageError: the given file cannot be read.
    """
    lines = _read_lines(file) if file is not None else _default_lines()
    found = [entry for entry in map(_parse_entry, lines) if entry is not None and _matches(name, entry.hosts)]
    trusted = [entry for entry in found if not entry.marker]
    return KnownKeys(
        trusted=frozenset(entry.key for entry in trusted),
        revoked=frozenset(entry.key for entry in found if entry.marker == _REVOKED),
        types=frozenset(entry.type for entry in trusted),
    )


@dataclass(frozen=True)
class _Entry:
    marker: str
    hosts: str
    type: str
    key: bytes


def ssh_directory() -> Path | None:
    """``~/.ssh``; ``None`` for a user without a home, as in a container that runs under an arbitrary user id."""
    try:
        return Path.home() / ".ssh"
    except RuntimeError:
        return None


def _default_lines() -> Iterator[str]:
    directory = ssh_directory()
    for path in (_SYSTEM_FILE,) if directory is None else (directory / "known_hosts", _SYSTEM_FILE):
        try:
            yield from path.read_text(errors="replace").splitlines()
        except OSError:
            continue  # as OpenSSH does: a missing file knows no keys


def _read_lines(file: Path) -> Iterable[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError as error:
        raise UsageError(
            f"the file of known hosts {file.name} cannot be read: {error.strerror}", "check --known-hosts"
        ) from None


def _parse_entry(line: str) -> _Entry | None:
    """Parse a line; ``None`` for a comment and for a malformed line, which OpenSSH ignores too."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 1 + _KEY_FIELDS or fields[0].startswith("#"):
        return None
    try:
        key = base64.b64decode(fields[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return _Entry(marker, fields[0], fields[1], key)


def _matches(name: str, hosts: str) -> bool:
    if hosts.startswith("|1|"):
        return _matches_hash(name, hosts)
    matched = False
    for pattern in hosts.lower().split(","):
        if _matches_pattern(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _matches_hash(name: str, hashed: str) -> bool:
    """Return whether ``hashed`` is ``|1|salt|HMAC-SHA1 of the name``, each in base64."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _matches_pattern(name: str, pattern: str) -> bool:
    # Not fnmatch: the brackets of [host]:port are literal.
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name) is not None
