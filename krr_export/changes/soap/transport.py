"""One request over HTTP: no redirects, no proxies, encrypted but for this machine, limited in size and time."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from krr_export.changes.soap.documents import MAX_BYTES
from krr_export.changes.soap.envelope import Envelope
from krr_export.changes.soap.names import SOAP_12
from krr_export.errors import NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 60.0
"""Seconds that a connection, and each piece of an answer, is waited for."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PIECE_BYTES = 1 << 16
_ANSWERS = {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_REQUEST}
"""The statuses that an answer or a fault comes with (SOAP 1.2, part 2, 7.4.2)."""
_AGAIN = "run again later"


def check_url(url: str) -> SplitResult:
    """Take a service's address apart.

    Raises:
        UsageError: It is not https, or http on this machine; or it has a user or a password in it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError("this is not the address of a service", "https://HOST/PATH") from None
    if not parts.hostname or parts.username is not None or parts.password is not None or not url.isascii():
        raise UsageError("this is not the address of a service, without a user", "https://HOST/PATH")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError("the address does not begin with https://", "http:// is for 127.0.0.1 alone")
    return parts


def post(url: str, request: bytes, *, timeout: float = TIMEOUT) -> bytes:
    """Send a request and return the answer, or the fault, as it came.

    Raises:
        UsageError: The address will not do.
        InputError: The request is no envelope.
        NetworkError: The service cannot be reached, does not answer, or answers otherwise.
    """
    parts = check_url(url)
    soap = Envelope.parse(request).soap
    with closing(_connect(parts, timeout)) as connection:
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, request, dict(_headers(soap)))
            return _read(connection.getresponse())
        except ssl.SSLError:
            raise NetworkError(
                "the connection is not trusted: its certificate or its TLS", "check the address"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else "the connection failed or was cut"
            raise NetworkError(f"the service at {parts.hostname} cannot be asked: {reason}", _AGAIN) from None


def _connect(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _headers(soap: str) -> Mapping[str, str]:
    """Return the headers of a request; 1.1 asks for SOAPAction, which is empty in this service."""
    if soap == SOAP_12:
        return {"Content-Type": "application/soap+xml; charset=UTF-8"}
    return {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}


def _read(response: http.client.HTTPResponse) -> bytes:
    if response.status not in _ANSWERS:
        raise NetworkError(f"the service answered with HTTP status {response.status}", "check the address")
    data = bytearray()
    while piece := response.read(_PIECE_BYTES):
        data += piece
        if len(data) > MAX_BYTES:
            raise NetworkError(
                f"the answer has more than {MAX_BYTES >> 20} MiB", "no real answer is so: check the address"
            )
    if response.length:
        raise NetworkError("the answer was cut short", _AGAIN)
    return bytes(data)
