"""The signature of a message: token, timestamp and signature in a header Security, as Oppslagstjenesten 16-02 asks."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256 as _SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.changes.soap.envelope import Envelope

LIFE = timedelta(seconds=120)
"""Of a request, by the publisher's documentation."""
_PREFIXES = {"wsse": names.WSSE, "wsu": names.WSU}


@dataclass(frozen=True)
class Signer:
    """Who signs: a private key, and the certificate of that key."""

    key: RSAPrivateKey
    certificate: x509.Certificate


def sign(
    envelope: Envelope,
    signer: Signer,
    *,
    now: datetime | None = None,
    life: timedelta = LIFE,
    confirms: bytes | None = None,
) -> bytes:
    """Sign an envelope in place: its body, a new timestamp, and what else the service has signed.

    Args:
        envelope: it has a header. The elements in it are signed too.
        signer: who signs.
        now: when it is made; the present by default.
        life: how long it is valid.
        confirms: in an answer, the value of the request's signature.

    Returns:
        The value of the signature.
    """
    assert envelope.header is not None  # noqa: S101 - made with one
    parts = [*envelope.header, envelope.body]
    security = etree.SubElement(envelope.header, names.SECURITY, nsmap=_PREFIXES)
    security.set(f"{{{envelope.soap}}}mustUnderstand", "1")
    token = _add_token(security, signer.certificate)
    parts.append(_add_timestamp(security, now or datetime.now(UTC), life))
    if confirms is not None:
        confirmation = etree.SubElement(security, names.CONFIRMATION, nsmap={"wsse11": names.WSSE11})
        confirmation.set("Value", base64.b64encode(confirms).decode())
        parts.append(confirmation)
    for part in parts:
        part.set(names.ID, new_id())
    return _add_signature(security, parts, token, signer.key)


def new_id() -> str:
    """Return an Id that no other element has."""
    return f"id-{secrets.token_hex(16)}"


def instant(moment: datetime) -> str:
    """Return a moment as xs:dateTime in UTC, with milliseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _add_token(security: etree._Element, certificate: x509.Certificate) -> str:
    token = etree.SubElement(security, names.TOKEN, EncodingType=names.BASE64, ValueType=names.X509_TOKEN)
    token.text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    identity = new_id()
    token.set(names.ID, identity)
    return identity


def _add_timestamp(security: etree._Element, now: datetime, life: timedelta) -> etree._Element:
    timestamp = etree.SubElement(security, names.TIMESTAMP)
    for name, moment in (("Created", now), ("Expires", now + life)):
        etree.SubElement(timestamp, f"{{{names.WSU}}}{name}").text = instant(moment)
    return timestamp


def _add_signature(security: etree._Element, parts: Sequence[etree._Element], token: str, key: RSAPrivateKey) -> bytes:
    signature = etree.SubElement(security, names.SIGNATURE, nsmap={"ds": names.DS})
    signed_info = _add(signature, "SignedInfo")
    _add(signed_info, "CanonicalizationMethod", names.EXCLUSIVE_C14N)
    _add(signed_info, "SignatureMethod", names.RSA_SHA256)
    for part in parts:
        _add_reference(signed_info, part)
    value = key.sign(canonical(signed_info), PKCS1v15(), _SHA256())
    _add(signature, "SignatureValue").text = base64.b64encode(value).decode()
    holder = etree.SubElement(_add(signature, "KeyInfo"), f"{{{names.WSSE}}}SecurityTokenReference")
    etree.SubElement(holder, f"{{{names.WSSE}}}Reference", URI=f"#{token}", ValueType=names.X509_TOKEN)
    return value


def _add_reference(signed_info: etree._Element, part: etree._Element) -> None:
    reference = _add(signed_info, "Reference")
    reference.set("URI", f"#{part.get(names.ID)}")
    _add(_add(reference, "Transforms"), "Transform", names.EXCLUSIVE_C14N)
    _add(reference, "DigestMethod", names.SHA256)
    digest = hashlib.sha256(canonical(part)).digest()
    _add(reference, "DigestValue").text = base64.b64encode(digest).decode()


def _add(parent: etree._Element, name: str, algorithm: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{names.DS}}}{name}")
    if algorithm is not None:
        child.set("Algorithm", algorithm)
    return child
