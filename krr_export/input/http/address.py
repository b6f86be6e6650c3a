"""Addresses of services: TLS, except on this machine's own loopback."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from krr_export.errors import UsageError

REGISTER = "https://kontaktregisteret.no"
MASKINPORTEN = "https://maskinporten.no/"
"""In production; for tests each has ``test.`` before its name."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class ServiceAddress:
    """Where a service is.

    Attributes:
        secure: whether it speaks TLS.
        host: its name or address.
        port: its port.
        path: of its base, with a slash at the end.
    """

    secure: bool
    host: str
    port: int
    path: str

    @property
    def server(self) -> str:
        """Host and port, for messages; without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self._scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as a URL, with a slash at the end."""
        return f"{self._scheme}://{self.server}{self.path}"

    @property
    def _scheme(self) -> str:
        return "https" if self.secure else "http"


def parse_service_address(
    option: str, given: str, *, needs_tls: bool = True, example: str = REGISTER
) -> ServiceAddress:
    """Parse the base URL of a service.

    Args:
        option: that it was given with, for messages.
        given: such as ``https://kontaktregisteret.no``.
        needs_tls: without TLS, only a service on this machine.
        example: of an address, for messages.

    Raises:
        UsageError: it is not a URL, has more than host, port and path, or is neither TLS nor loopback. The message
            does not repeat it: it may contain a password.
    """
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in _PORTS or not host or not plain or not _is_printable(given):
        raise UsageError(f"{option} is not the address of a service", f"such as {example}")
    if needs_tls and parts.scheme == "http" and host not in _LOOPBACK:
        raise UsageError(f"{option} is without TLS", "give https://; http:// is for 127.0.0.1 alone")
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    return ServiceAddress(parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
