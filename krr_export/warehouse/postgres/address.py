"""The address of a PostgreSQL database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from krr_export.errors import UsageError

SCHEMES = ("postgresql", "postgres")
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_SECONDS_TO_CONNECT = "15"


@dataclass(frozen=True)
class Address:
    """The address of a database.

    Attributes:
        uri: For libpq; it may have a password, and is not shown.
        shown: The same for people, without user, password and parameters.
        has_password: Whether there is a password in it, which others may read in the list of processes.
    """

    uri: str
    shown: str
    has_password: bool

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def parse_address(uri: str) -> Address:
    """Read an address such as ``postgresql://krr@db.example.no/warehouse``, with the parameters of libpq.

    A server elsewhere must encrypt, where neither the address nor the environment says how: these are personal data.

    Raises:
        UsageError: It is no such address.
    """
    try:
        parts = urlsplit(uri)
        host, port, has_password = parts.hostname or "", parts.port, parts.password is not None
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in SCHEMES or parts.fragment:
        raise _no_address()
    host = parameters.get("host", host) or os.environ.get("PGHOST", "")
    parameters.setdefault("connect_timeout", os.environ.get("PGCONNECT_TIMEOUT", _SECONDS_TO_CONNECT))
    if host not in _LOCAL and not host.startswith("/") and "PGSSLMODE" not in os.environ:
        parameters.setdefault("sslmode", "require")
    parameters.setdefault("fallback_application_name", "krr-export")
    shown = f"postgresql://{host if not host.startswith('/') else ''}{f':{port}' if port else ''}{parts.path}"
    complete = urlunsplit(parts._replace(query=urlencode(parameters)))
    return Address(complete, shown, has_password or "password" in parameters)


def _no_address() -> UsageError:
    return UsageError("that is no address of PostgreSQL", "such as postgresql://HOST/DATABASE")
