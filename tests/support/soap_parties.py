"""The parties of the old web service, with keys made once, and messages between them at one fixed moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from lxml import etree

from krr_export.changes.soap import messages, protocol
from krr_export.changes.soap.encryption import Recipient
from krr_export.changes.soap.signing import Signer
from krr_export.input.delivery.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.changes.soap.names import Cipher

NOW = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC)
ORGNR = "991825827"
SAMPLE = Path(__file__).parents[2] / "samples/16-02.xml"
PERSON = "{http://begrep.difi.no}Person"


@cache
def party(name: str, bits: int = 2048) -> Signer:
    """A party with a key and a certificate of its own, always the same within a run."""
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.SERIAL_NUMBER, ORGNR)]
    )
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, NOW - timedelta(9), NOW + timedelta(9))
    return Signer(key, builder.sign(key, SHA256()))


def trust(*names: str) -> set[str]:
    """The fingerprints of parties' keys."""
    return {fingerprint(party(name).key.public_key()) for name in names}


def persons(count: int = 3) -> list[etree._Element]:
    """The first persons of a synthetic export."""
    return etree.parse(SAMPLE).getroot().findall(PERSON)[:count]


def request(on_behalf_of: str | None = ORGNR) -> protocol.SignedRequest:
    """A request for changes."""
    return protocol.sign_request(messages.hent_endringer(600), party("client"), on_behalf_of=on_behalf_of, now=NOW)


def answer(
    message: etree._Element | None = None,
    *,
    confirms: bytes = b"signature",
    signer: str = "register",
    recipient: str | None = "client",
    cipher: Cipher = "aes256-cbc",
) -> bytes:
    """The register's answer: a page of changes, or this message."""
    page = messages.hent_endringer_respons(600, 700, 900, persons()) if message is None else message
    to = None if recipient is None else Recipient(party(recipient).certificate, cipher)
    return protocol.seal_answer(page, party(signer), confirms=confirms, recipient=to, now=NOW)


def open_answer(
    data: bytes,
    *,
    key: str = "client",
    trusted: str = "register",
    request_signature: bytes | None = b"signature",
    at: datetime = NOW,
) -> protocol.Opened:
    """What the client makes of an answer."""
    return protocol.open_answer(
        data, trust(trusted), lambda: party(key).key, request_signature=request_signature, at=at
    )


def open_request(data: bytes, *, trusted: str = "client", at: datetime = NOW) -> protocol.Opened:
    """What the register makes of a request."""
    return protocol.open_request(data, trust(trusted), at=at)


def find(root: etree._Element, path: str, namespaces: Mapping[str, str] | None = None) -> etree._Element:
    """The one element at a path, with the usual prefixes."""
    found = root.xpath(path, namespaces={**PREFIXES, **(namespaces or {})})
    assert isinstance(found, list)
    (element,) = found
    assert isinstance(element, etree._Element)  # noqa: SLF001 - lxml has no public name for it
    return element


PREFIXES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsse11": "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
    "o": "http://kontaktinfo.difi.no/xsd/oppslagstjeneste/16-02",
    "p": "http://begrep.difi.no",
}
"""Written here anew, so that a slip in the package's own names shows."""
