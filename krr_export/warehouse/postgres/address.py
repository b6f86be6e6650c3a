"""The address of a PostgreSQL database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from krr_export.errors import UsageError

SCHEMES = ("postgresql", "postgres")
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_SECONDS_TO_CONNECT, _MILLISECONDS_OF_SILENCE = "15", "60000"
_SECRETS = {"password", "sslpassword"}


@dataclass(frozen=True)
class Address:
    """The address of a database.

    Attributes:
        uri: for libpq; it may have a password, and is not shown.
        shown: the servers and the database, for people.
        has_password: whether there is a password in it, which others may read in the list of processes.
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
        UsageError: it is no such address.
    """
    try:
        parts = urlsplit(uri)
        hosts, database = _hosts(parts.netloc), unquote(parts.path.removeprefix("/"))
        parameters = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise _no_address() from None
    # What is not written as usual may be a password in the wrong place: it is not shown.
    is_usual = re.fullmatch(r"[\w. -]*", database) and all(re.fullmatch("[a-z_]+", name) for name in parameters)
    if not uri.startswith(f"{parts.scheme}://") or parts.scheme not in SCHEMES or parts.fragment or not is_usual:
        raise _no_address()
    if "PGSSLMODE" not in os.environ and "sslmode" not in parameters:
        _demand_encryption(parameters, hosts)
    parameters.setdefault("connect_timeout", os.environ.get("PGCONNECT_TIMEOUT", _SECONDS_TO_CONNECT))
    parameters.setdefault("tcp_user_timeout", _MILLISECONDS_OF_SILENCE)
    parameters.setdefault("fallback_application_name", "krr-export")
    shown = f"postgresql://{','.join(hosts)}/{database}"
    complete = urlunsplit(parts._replace(query=urlencode(parameters, quote_via=quote)))
    return Address(complete, shown, ":" in parts.netloc.rpartition("@")[0] or not _SECRETS.isdisjoint(parameters))


def _hosts(netloc: str) -> list[str]:
    """Return the servers of an address, each with its port.

    Raises:
        ValueError: one is not written as usual.
    """
    servers = netloc.rpartition("@")[2]
    for server in servers.split(","):
        if not re.fullmatch(r"(?:[\w.-]*|\[[0-9a-fA-F:.]+\])(?::\d*)?", server):
            raise ValueError("no server")
    return servers.split(",") if servers else []


def _demand_encryption(parameters: dict[str, str], hosts: list[str]) -> None:
    """Set what makes a server elsewhere encrypt.

    Raises:
        UsageError: where the server is stands in a file, which may also say how it encrypts.
    """
    if "service" in parameters or "PGSERVICE" in os.environ:
        raise UsageError(
            "with a service the address must say how to encrypt", "add ?sslmode=verify-full, or set PGSSLMODE"
        )
    named = [parameters.get("host", ""), parameters.get("hostaddr", ""), os.environ.get("PGHOSTADDR", "")]
    named += [re.sub(r":\d*$", "", host).strip("[]") for host in hosts] or [os.environ.get("PGHOST", "")]
    for host in ",".join(named).split(","):
        if host not in _LOCAL and not host.startswith("/"):
            parameters["sslmode"] = "require"


def _no_address() -> UsageError:
    return UsageError("that is no address of PostgreSQL", "such as postgresql://HOST/DATABASE")
