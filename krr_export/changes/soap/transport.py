"""One request of SOAP over HTTP: no redirects, no proxies, encrypted but for this machine, limited in size and time."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from krr_export.changes.soap.documents import MAX_BYTES
from krr_export.changes.soap.envelope import Envelope
from krr_export.changes.soap.names import SOAP_12
from krr_export.errors import NetworkError
from krr_export.input.http.address import parse_service_address
from krr_export.input.http.exchange import Limits, Request, TransientError
from krr_export.input.http.exchange import post as post_once

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from krr_export.input.http.address import ServiceAddress
    from krr_export.input.http.exchange import Answer

LIMITS = Limits(silence=60.0, size=MAX_BYTES)
ANSWERS = frozenset({HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_REQUEST})
"""The statuses that an answer or a fault comes with (SOAP 1.2, part 2, 7.4.2)."""


def parse_url(option: str, url: str) -> ServiceAddress:
    """Parse a service's address, whose path is used as it is.

    Args:
        option: that it was given with, for messages.
        url: such as ``https://HOST/PATH``.

    Raises:
        UsageError: it is not https, or http on this machine; or it has more than host, port and path.
    """
    address = parse_service_address(option, url)
    return replace(address, path=urlsplit(url).path or "/")


def make_request(document: bytes) -> Request:
    """Make the request of HTTP for a signed one.

    Raises:
        InputError: it is no envelope.
    """
    return Request("", document, _headers(Envelope.parse(document).soap))


def read_answer(address: ServiceAddress, answer: Answer) -> bytes:
    """Return the answer, or the fault, as it came.

    Raises:
        NetworkError: the service answered otherwise.
    """
    if answer.status not in ANSWERS:
        raise NetworkError(f"{address.server} answered with HTTP status {answer.status}", "check the address")
    return answer.body


def post(address: ServiceAddress, document: bytes, trusted: ssl.SSLContext, limits: Limits = LIMITS) -> bytes:
    """Send a request and return the answer, or the fault, as it came.

    Raises:
        InputError: the request is no envelope, or the answer is too large.
        NetworkError: the service cannot be reached, does not answer, or answers otherwise.
    """
    try:
        return read_answer(address, post_once(address, make_request(document), trusted, limits))
    except TransientError as error:
        raise NetworkError(error.what, "run again later") from None


def _headers(soap: str) -> Mapping[str, str]:
    """Return the headers of a request; 1.1 asks for SOAPAction, which is empty in this service."""
    if soap == SOAP_12:
        return {"Content-Type": "application/soap+xml; charset=UTF-8"}
    return {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
