"""The strict verification of a signature: fixed algorithms, a pinned key, exactly the elements that must be signed."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256 as _SHA256
from lxml import etree

from krr_export.changes.soap import names
from krr_export.changes.soap.documents import bytes_of, canonical, check_children, malformed, text_of
from krr_export.domain.certificates import load_certificate
from krr_export.domain.times import to_instant
from krr_export.errors import InputError
from krr_export.input.delivery.keys import MINIMUM_BITS, fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection

    from cryptography import x509

    from krr_export.changes.soap.security import Secured

SKEW = timedelta(minutes=5)
"""By how much clocks may differ."""

_DS = f"{{{names.DS}}}"
_WSSE = f"{{{names.WSSE}}}"
_INCLUSIVE = f"{{{names.EXCLUSIVE_C14N}}}InclusiveNamespaces"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", flags=re.ASCII)
_CHANGED = "what was signed has been changed since"


@dataclass(frozen=True)
class Reference:
    """What the signature says of one element: its digest, and the prefixes that its canonical form declares."""

    digest: bytes
    prefixes: tuple[str, ...]

    def matches(self, octets: bytes) -> bool:
        """Return whether these octets have the digest."""
        return hmac.compare_digest(hashlib.sha256(octets).digest(), self.digest)


@dataclass(frozen=True)
class Signature:
    """A signature that is right and the trusted signer's; the digests in it are still to be compared.

    Attributes:
        value: the signature itself.
        certificate: the signer's.
        references: by the Ids of the elements that must be signed.
    """

    value: bytes
    certificate: x509.Certificate
    references: dict[str, Reference]

    def check_elements(self, secured: Secured) -> None:
        """Compare the digests of all elements but the body, which may be encrypted.

        Raises:
            InputError: an element is not what was signed.
        """
        for identity, element in secured.identities.items():
            if element is not secured.body:
                self.octets(identity, element)

    def octets(self, identity: str, element: etree._Element) -> bytes:
        """Return the canonical octets of an element, which are those that were signed.

        Raises:
            InputError: they are not.
        """
        reference = self.references[identity]
        octets = canonical(element, reference.prefixes)
        if not reference.matches(octets):
            raise malformed(_CHANGED)
        return octets


def verify_signature(secured: Secured, trusted: Collection[str], at: datetime) -> Signature:
    """Verify the signature over SignedInfo, and that it is over exactly the elements that must be signed.

    Args:
        secured: the message's parts.
        trusted: the fingerprints of the keys that are trusted.
        at: when the signer's certificate must be valid.

    Raises:
        InputError: it is not so.
    """
    signed_info, value, key_info = check_children(
        secured.signature, f"{_DS}SignedInfo", f"{_DS}SignatureValue", f"{_DS}KeyInfo"
    )
    prefixes, references = _read_signed_info(signed_info)
    if references.keys() != secured.identities.keys():
        raise malformed("not exactly the elements are signed that must be")
    certificate, key = _read_token(secured, key_info, trusted, at)
    signature = bytes_of(value)
    try:
        key.verify(signature, canonical(signed_info, prefixes), PKCS1v15(), _SHA256())
    except InvalidSignature:
        raise malformed(f"the signature is wrong, or {_CHANGED}") from None
    return Signature(signature, certificate, references)


def check_time(timestamp: etree._Element, at: datetime) -> datetime:
    """Check that a message is valid at a moment, give or take five minutes; return when it was made.

    Raises:
        InputError: it is not, or does not say when it is.
    """
    created, expires = (
        _moment(one) for one in check_children(timestamp, f"{{{names.WSU}}}Created", f"{{{names.WSU}}}Expires")
    )
    if created > expires:
        raise malformed("it expires before it was made")
    if not created - SKEW <= at <= expires + SKEW:
        raise InputError(
            f"the message was valid from {created:%Y-%m-%dT%H:%M:%SZ} to {expires:%Y-%m-%dT%H:%M:%SZ}, not now",
            "of an archived answer, say with --as-of when it was received",
        )
    return created


def _read_signed_info(signed_info: etree._Element) -> tuple[tuple[str, ...], dict[str, Reference]]:
    """Return the prefixes of SignedInfo's canonical form, and its references by Id."""
    head, elements = signed_info[:2], signed_info[2:]
    if [one.tag for one in head] != [f"{_DS}CanonicalizationMethod", f"{_DS}SignatureMethod"]:
        raise malformed("SignedInfo does not have the children that it must have")
    prefixes = _read_canonicalization(head[0])
    _check_algorithm(head[1], names.RSA_SHA256)
    check_children(head[1])
    references: dict[str, Reference] = {}
    for element in elements:
        identity, reference = _read_reference(element)
        if identity in references:
            raise malformed("an element is signed twice")
        references[identity] = reference
    return prefixes, references


def _read_reference(element: etree._Element) -> tuple[str, Reference]:
    if element.tag != f"{_DS}Reference" or not (uri := element.get("URI", "")).startswith("#") or len(uri) == 1:
        raise malformed("a reference of the signature is not to an element's Id")
    transforms, method, value = check_children(element, f"{_DS}Transforms", f"{_DS}DigestMethod", f"{_DS}DigestValue")
    (transform,) = check_children(transforms, f"{_DS}Transform")
    _check_algorithm(method, names.SHA256)
    check_children(method)
    return uri[1:], Reference(bytes_of(value), _read_canonicalization(transform))


def _read_canonicalization(element: etree._Element) -> tuple[str, ...]:
    """Return the prefixes that an exclusive canonicalization declares besides."""
    _check_algorithm(element, names.EXCLUSIVE_C14N)
    if len(element) == 0:
        return ()
    (inclusive,) = check_children(element, _INCLUSIVE)
    check_children(inclusive)
    return tuple(inclusive.get("PrefixList", "").split())


def _check_algorithm(element: etree._Element, needed: str) -> None:
    given = element.get("Algorithm")
    if given in {names.RSA_SHA1, names.SHA1}:
        raise InputError(
            "the message is signed with SHA-1, as those of version 14-05 were: such a signature proves nothing",
            "no signature with SHA-1 is trusted",
        )
    if given != needed:
        raise malformed(f"the algorithm of {etree.QName(element).localname} is not the service's")


def _read_token(
    secured: Secured, key_info: etree._Element, trusted: Collection[str], at: datetime
) -> tuple[x509.Certificate, rsa.RSAPublicKey]:
    """Return the signer's certificate and key: the one in the token that KeyInfo names, if that key is trusted."""
    (holder,) = check_children(key_info, f"{_WSSE}SecurityTokenReference")
    (reference,) = check_children(holder, f"{_WSSE}Reference")
    if reference.get("URI") != f"#{secured.token_identity}" or reference.get("ValueType") not in {
        None,
        names.X509_TOKEN,
    }:
        raise malformed("the signature does not name the token as its key")
    if secured.token.get("EncodingType") != names.BASE64 or secured.token.get("ValueType") != names.X509_TOKEN:
        raise malformed("its token is not a certificate")
    certificate = load_certificate(bytes_of(secured.token))
    if certificate is None:
        raise malformed("its token is not a certificate")
    return certificate, _trusted_key(certificate, trusted, at)


def _trusted_key(certificate: x509.Certificate, trusted: Collection[str], at: datetime) -> rsa.RSAPublicKey:
    try:
        key = certificate.public_key()
    except Exception:
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MINIMUM_BITS or fingerprint(key) not in trusted:
        raise InputError("the message is signed by another than who is trusted", "check --publisher-cert")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise InputError(
            "the signer's certificate was not valid at that time",
            "of an archived answer, say with --as-of when it was received",
        )
    return key


def _moment(element: etree._Element) -> datetime:
    text = text_of(element)
    moment = to_instant(text) if _TIME.fullmatch(text) else None
    if moment is None:
        raise malformed("its timestamp is not in UTC")
    return moment
