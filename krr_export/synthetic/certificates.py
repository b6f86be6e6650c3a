"""X.509 certificates like those of mailbox providers: real DER, made from the seed, only useful for parsing."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from random import Random

VALID_FOR = timedelta(days=3 * 365)
_KEY_BITS = 2048
_ISSUER = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "NO"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Eksempel Sertifikater AS"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Syntetiske testdata"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Eksempel Class 3 Test CA 3"),
    ]
)
_SITE = "http://pki.example.no/virksomhetssertifikat/class3-test-ca3"
_DIRECTORY = "ldap://ldap.example.no/dc=eksempel,cn=class3-test-ca3?crl"


def make_certificate(rng: Random, organisation: str, name: str, valid_from: datetime) -> bytes:
    """Make a provider's certificate in DER, about 1.25 kB: the same for the same state of ``rng`` on every machine.

    The subject's key is a number of the right size with unknown factors, and the issuer's signature is Ed25519, which
    needs no random numbers: so the machine's own random numbers are not used.
    """
    issuer = ed25519.Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    key = _public_key(rng)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(_ISSUER)
        .subject_name(_subject(organisation, name))
        .public_key(key)
        .serial_number(_serial_number(rng))
        .not_valid_before(valid_from)
        .not_valid_after(valid_from + VALID_FOR)
    )
    for extension, critical in _extensions(issuer.public_key(), key):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer, None).public_bytes(Encoding.DER)


def distinct_certificates(rng: Random, template: bytes) -> Iterator[str]:
    """Yield without end base64 of copies of a certificate that differ in the subject's key.

    To sign each would take longer than everything else; so these have the template's signature, which is wrong.
    """
    modulus = x509.load_der_x509_certificate(template).public_key()
    if not isinstance(modulus, rsa.RSAPublicKey):
        raise TypeError("the template's key is not RSA")
    octets = modulus.public_numbers().n.to_bytes(_KEY_BITS // 8, "big")
    # The first and last octets do not change: the number keeps its size, and stays odd.
    start = template.index(octets) + 1
    end = start + len(octets) - 2
    head, tail = template[:start], template[end:]
    while True:
        yield base64.b64encode(head + rng.randbytes(end - start) + tail).decode()


def _public_key(rng: Random) -> rsa.RSAPublicKey:
    modulus = rng.getrandbits(_KEY_BITS) | 1 << (_KEY_BITS - 1) | 1
    return rsa.RSAPublicNumbers(65537, modulus).public_key()


def _serial_number(rng: Random) -> int:
    return rng.getrandbits(79) | 1 << 79


def _subject(organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NO"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sikker digital post, syntetisk"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, organisation),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRNO-{organisation}"),
        ]
    )


def _extensions(
    issuer: ed25519.Ed25519PublicKey, subject: rsa.RSAPublicKey
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False
    yield x509.SubjectKeyIdentifier.from_public_key(subject), False
    yield _key_usage(), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]), False
    yield _policies(), False
    yield x509.CRLDistributionPoints([_distribution_point(url) for url in (f"{_SITE}.crl", _DIRECTORY)]), False
    yield _authority_access(), False


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _policies() -> x509.CertificatePolicies:
    # 2.999 is the arc reserved for examples.
    notice = x509.UserNotice(None, "Kun for test.")
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier("2.999.1.1.1.3.6"), [f"{_SITE}/cps.html", notice])]
    )


def _distribution_point(url: str) -> x509.DistributionPoint:
    return x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)


def _authority_access() -> x509.AuthorityInformationAccess:
    places = {
        AuthorityInformationAccessOID.OCSP: "http://ocsp.example.no/class3-test-ca3",
        AuthorityInformationAccessOID.CA_ISSUERS: f"{_SITE}.cer",
    }
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places.items()]
    )
