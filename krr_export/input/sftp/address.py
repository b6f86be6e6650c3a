"""Address of a directory on a server: ``sftp://USER@HOST[:PORT]/DIR``, parsed strictly and shown without the user."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from krr_export.errors import UsageError

_DEFAULT_PORT = 22
_FORM_HINT = "write sftp://USER@HOST[:PORT]/DIR, or /~/DIR below the user's home"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*)|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?")


@dataclass(frozen=True)
class Address:
    """The directory on a server that contains deliveries.

    Attributes:
        host: name or address, in lower case; IPv6 without brackets.
        port: of the SSH server.
        directory: as sent to the server: absolute, or relative to the user's home.
        user: never shown.
    """

    host: str
    port: int
    directory: str
    user: str = field(repr=False)

    @property
    def server(self) -> str:
        """The server for people, with its port if it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT else f"{host}:{self.port}"

    @property
    def known_hosts_name(self) -> str:
        """The name of the server in ``known_hosts`` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        return self.host if self.port == _DEFAULT_PORT else f"[{self.host}]:{self.port}"

    @property
    def location(self) -> str:
        """Server and directory, without the user."""
        return f"{self.server}{self.directory if self.directory.startswith('/') else f'/~/{self.directory}'}"


def parse_address(uri: str) -> Address:
    """Parse the URI of a directory on an SFTP server; ``%`` with two hexadecimal digits is a byte.

    Raises:
        UsageError: it is not such a URI, or contains a password. The message does not repeat it.
    """
    if any(not character.isprintable() for character in uri):
        raise UsageError("the URI holds a control character", _FORM_HINT)
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise UsageError("the URI's host or port makes no sense", _FORM_HINT) from None
    _check_parts(parts)
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host):
        raise UsageError("the URI names no host", _FORM_HINT)
    if port == 0:
        raise UsageError("the URI's host or port makes no sense", _FORM_HINT)
    return Address(host, port or _DEFAULT_PORT, _parse_directory(parts.path), _decode(parts.username or ""))


def _check_parts(parts: SplitResult) -> None:
    if parts.scheme != "sftp":
        raise UsageError("only an sftp:// URI can be fetched from", _FORM_HINT)
    if parts.password is not None:
        raise UsageError(
            "the URI holds a password, which every user of this machine can see in the list of processes",
            "take it out, change it, and log in with a key (--identity) or an SSH agent",
        )
    if not parts.username:
        raise UsageError("the URI names no user", _FORM_HINT)
    if parts.query or parts.fragment:
        raise UsageError("the URI holds a ? or # that stands for itself", "write %3F for ?, %23 for #")


def _parse_directory(path: str) -> str:
    directory = _decode(path)
    if not directory.startswith("/"):
        raise UsageError("the URI names no directory", _FORM_HINT)
    if directory == "/~" or directory.startswith("/~/"):
        return directory[2:].strip("/") or "."
    return directory.rstrip("/") or "/"


def _decode(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UsageError("the URI's percent signs do not stand for UTF-8", _FORM_HINT) from None
    if any(not character.isprintable() for character in decoded):
        raise UsageError("the URI holds a control character", _FORM_HINT)
    return decoded
