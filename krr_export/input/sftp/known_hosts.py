"""Which keys a server is known by: ``known_hosts`` as OpenSSH reads it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

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

_SYSTEM = Path("/etc/ssh/ssh_known_hosts")
_REVOKED = "@revoked"
_KEY_FIELDS = 2  # its type, its base64; a comment may follow


@dataclass(frozen=True)
class KnownKeys:
    """What is known of one server.

    Attributes:
        trusted: its keys, in the encoding of SSH (RFC 4253, 6.6).
        revoked: keys that must not be trusted, whoever has them.
        types: of the trusted keys, such as ``ssh-ed25519``.
    """

    trusted: frozenset[bytes]
    revoked: frozenset[bytes]
    types: frozenset[str]


def known_keys(name: str, file: Path | None) -> KnownKeys:
    """Look a server up.

    Args:
        name: ``host``, or ``[host]:port`` where the port is not 22.
        file: the file to look into; by default the user's own and the system's.

    Raises:
        UsageError: The file that was asked for cannot be read.
    """
    lines = _lines_of(file) if file is not None else _usual_lines()
    found = [entry for entry in map(_entry, lines) if entry is not None and _matches(name, entry.hosts)]
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


def usual_directory() -> Path | None:
    """``~/.ssh``; ``None`` for a user without a home, as in a container that is run as any number."""
    try:
        return Path.home() / ".ssh"
    except RuntimeError:
        return None


def _usual_lines() -> Iterator[str]:
    own = usual_directory()
    for path in (_SYSTEM,) if own is None else (own / "known_hosts", _SYSTEM):
        try:
            yield from path.read_text(errors="replace").splitlines()
        except OSError:
            continue  # as OpenSSH does: then nothing is known from it


def _lines_of(file: Path) -> Iterable[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError as error:
        raise UsageError(
            f"the file of known hosts {file.name} cannot be read: {error.strerror}", "check --known-hosts"
        ) from None


def _entry(line: str) -> _Entry | None:
    """A line's entry; ``None`` for a comment and for what is none, which OpenSSH passes over too."""
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
        return _is_hash_of(name, hosts)
    matched = False
    for pattern in hosts.lower().split(","):
        if _is_like(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _is_hash_of(name: str, hashed: str) -> bool:
    """Whether this is ``|1|salt|HMAC-SHA1 of the name``, each in base64."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _is_like(name: str, pattern: str) -> bool:
    # Not fnmatch: the brackets of [host]:port stand for themselves.
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name) is not None
