"""Certificates of whomever, for tests, and how openssl reads them."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_ATTRIBUTES = {
    "O": NameOID.ORGANIZATION_NAME,
    "secondO": NameOID.ORGANIZATION_NAME,
    "CN": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "givenName": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}


@cache
def _key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


@cache
def made(**subject: str) -> bytes:
    """A certificate in DER for a subject of these attributes, always the same."""
    name = x509.Name([x509.NameAttribute(_ATTRIBUTES[attribute], value) for attribute, value in subject.items()])
    builder = (
        x509.CertificateBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")]))
        .subject_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2028, 1, 1, tzinfo=UTC))
    )
    return builder.sign(_key(), None).public_bytes(Encoding.DER)


def by_openssl(der: bytes) -> tuple[str, str, str]:
    """The organisation's name and number, and the end of validity in ISO 8601, as openssl reads them."""
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-enddate", "-dateopt", "iso_8601"]
    text = subprocess.run([*command, "-nameopt", "RFC2253,utf8"], input=der, check=True, capture_output=True).stdout
    found = re.search(r"serialNumber=(\d{9}).*\bO=([^,]+),.*notAfter=(\S+) (\S+)Z", text.decode(), re.DOTALL)
    assert found is not None, "openssl names no such organisation"
    return found[2], found[1], f"{found[3]}T{found[4]}Z"
