"""Rules of certificates: each is parsed once, and compared with the export's time and the mailbox's provider."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.certificates import load_certificate
from krr_export.domain.vocabulary import CERTIFICATE, EXPIRES_SOON_DAYS, PROVIDER
from krr_export.rules.violations import violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation

_CACHE_SIZE = 1024
"""Parsed certificates in the cache. An export has few distinct ones, or one for each person, and then none is repeated.
The key is the SHA-256: a certificate may be as large as a record."""

# Attributes of a subject in DER, organizationIdentifier and serialNumber: nine digits, with NTRNO- (ETSI EN 319 412-1)
# or bare, as in the profile.
_NUMBER = rb"[\x0c\x13](?:\x0fNTRNO-|\x09)([0-9]{9})"
_ORGANISATION_IDENTIFIER = re.compile(rb"\x06\x03\x55\x04\x61" + _NUMBER)
_SERIAL_NUMBER = re.compile(rb"\x06\x03\x55\x04\x05" + _NUMBER)

_SOON = timedelta(days=EXPIRES_SOON_DAYS)


@dataclass(frozen=True)
class CertificateInfo:
    """The parts of a certificate that the rules need.

    Attributes:
        valid_from: when it becomes valid.
        expires: when it expires.
        organisation: the organisation number of its subject; ``None`` if it names none.
    """

    valid_from: datetime
    expires: datetime
    organisation: str | None


def parse_certificate(der: bytes) -> CertificateInfo | None:
    """Parse a certificate; ``None`` if it is not X.509 (RFC 5280) in DER."""
    certificate = load_certificate(der)
    if certificate is None:
        return None
    return CertificateInfo(
        certificate.not_valid_before_utc, certificate.not_valid_after_utc, _find_organisation(_subject_bytes(der))
    )


class CertificateJudge:
    """Applies the rules of certificates; caches parsed certificates.

    Args:
        exported_at: when the export was made.
    """

    def __init__(self, exported_at: datetime) -> None:
        self._exported = exported_at
        self._cache: dict[bytes, CertificateInfo | None] = {}

    def find_violations(self, view: BatchView) -> Iterator[Violation]:
        """Yield the violations of the rules of certificates."""
        certificates = view.octets(CERTIFICATE)
        if certificates is None or not len(certificates.dictionary):
            return
        infos = [self._parse_cached(der) for der in certificates.dictionary.to_pylist()]
        codes = [self._code(info) for info in infos]
        for code in dict.fromkeys(filter(None, codes)):
            wrong = pa.array([other == code for other in codes])
            yield from violations(code, CERTIFICATE, wrong.take(certificates.indices))
        providers = view.texts(PROVIDER)
        if providers is not None:
            named = pa.array([info.organisation if info else None for info in infos], pa.string())
            yield from violations(
                "certificate-of-another", CERTIFICATE, pc.not_equal(named.take(certificates.indices), providers)
            )

    def _parse_cached(self, der: bytes) -> CertificateInfo | None:
        digest = hashlib.sha256(der).digest()
        if digest not in self._cache:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[digest] = parse_certificate(der)
        return self._cache[digest]

    def _code(self, info: CertificateInfo | None) -> str | None:
        if info is None:
            return "certificate-unreadable"
        if info.valid_from > self._exported:
            return "certificate-not-yet-valid"
        if info.expires < self._exported:
            return "certificate-expired"
        return "certificate-expires-soon" if info.expires - self._exported <= _SOON else None


def _find_organisation(subject: bytes) -> str | None:
    found = _ORGANISATION_IDENTIFIER.search(subject) or _SERIAL_NUMBER.search(subject)
    return found[1].decode() if found else None


def _subject_bytes(der: bytes) -> bytes:
    """Return the encoded subject of a well-formed certificate: a library takes ten times as long."""
    offset = _content_range(der, _content_range(der, 0)[0])[0]  # Certificate, TBSCertificate
    if der[offset] == _VERSION:
        offset = _content_range(der, offset)[1]
    for _ in ("serialNumber", "signature", "issuer", "validity"):
        offset = _content_range(der, offset)[1]
    start, end = _content_range(der, offset)
    return der[start:end]


_VERSION = 0xA0
_LONG_FORM = 0x80


def _content_range(der: bytes, offset: int) -> tuple[int, int]:
    """Return begin and end of the content of the element at this offset (X.690, 8.1.3)."""
    length = der[offset + 1]
    if length < _LONG_FORM:
        return offset + 2, offset + 2 + length
    start = offset + 2 + length - _LONG_FORM
    return start, start + int.from_bytes(der[offset + 2 : start])
