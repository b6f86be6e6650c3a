"""Certificates: each distinct one is parsed once, and compared with the export's time and the mailbox's provider."""

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

_REMEMBERED = 1024
"""Certificates that are remembered, by their SHA-256, for one may be as large as a record: an export holds few distinct
ones, or else one for each person, and then none comes again."""

# Attributes of a subject in DER, organizationIdentifier and serialNumber: nine digits, with NTRNO- (ETSI EN 319 412-1)
# or bare, as the profile takes them too.
_NUMBER = rb"[\x0c\x13](?:\x0fNTRNO-|\x09)([0-9]{9})"
_ORGANISATION_IDENTIFIER = re.compile(rb"\x06\x03\x55\x04\x61" + _NUMBER)
_SERIAL_NUMBER = re.compile(rb"\x06\x03\x55\x04\x05" + _NUMBER)

_SOON = timedelta(days=EXPIRES_SOON_DAYS)


@dataclass(frozen=True)
class CertificateFacts:
    """What the rules ask of a certificate.

    Attributes:
        valid_from: when it becomes valid.
        expires: when it ceases to be.
        organisation: the organisation number of its subject; ``None`` where it names none.
    """

    valid_from: datetime
    expires: datetime
    organisation: str | None


def facts_of(der: bytes) -> CertificateFacts | None:
    """Parse a certificate; ``None`` where it is not X.509 (RFC 5280) in DER."""
    certificate = load_certificate(der)
    if certificate is None:
        return None
    return CertificateFacts(
        certificate.not_valid_before_utc, certificate.not_valid_after_utc, _organisation(_subject(der))
    )


class CertificateJudge:
    """Judges certificates, and remembers what it has parsed.

    Args:
        exported_at: when the export was made.
    """

    def __init__(self, exported_at: datetime) -> None:
        self._exported = exported_at
        self._facts: dict[bytes, CertificateFacts | None] = {}

    def judge(self, view: BatchView) -> Iterator[Violation]:
        """The rules of certificates."""
        certificates = view.octets(CERTIFICATE)
        if certificates is None or not len(certificates.dictionary):
            return
        facts = [self._remembered(der) for der in certificates.dictionary.to_pylist()]
        codes = [self._code(fact) for fact in facts]
        for code in dict.fromkeys(filter(None, codes)):
            wrong = pa.array([other == code for other in codes])
            yield from violations(code, CERTIFICATE, wrong.take(certificates.indices))
        providers = view.texts(PROVIDER)
        if providers is not None:
            named = pa.array([fact.organisation if fact else None for fact in facts], pa.string())
            yield from violations(
                "certificate-of-another", CERTIFICATE, pc.not_equal(named.take(certificates.indices), providers)
            )

    def _remembered(self, der: bytes) -> CertificateFacts | None:
        digest = hashlib.sha256(der).digest()
        if digest not in self._facts:
            if len(self._facts) >= _REMEMBERED:
                self._facts.clear()
            self._facts[digest] = facts_of(der)
        return self._facts[digest]

    def _code(self, fact: CertificateFacts | None) -> str | None:
        if fact is None:
            return "certificate-unreadable"
        if fact.valid_from > self._exported:
            return "certificate-not-yet-valid"
        if fact.expires < self._exported:
            return "certificate-expired"
        return "certificate-expires-soon" if fact.expires - self._exported <= _SOON else None


def _organisation(subject: bytes) -> str | None:
    found = _ORGANISATION_IDENTIFIER.search(subject) or _SERIAL_NUMBER.search(subject)
    return found[1].decode() if found else None


def _subject(der: bytes) -> bytes:
    """The subject of a well-formed certificate, as it lies there: a library takes ten times as long to give it."""
    at = _content(der, _content(der, 0)[0])[0]  # Certificate, TBSCertificate
    if der[at] == _VERSION:
        at = _content(der, at)[1]
    for _ in ("serialNumber", "signature", "issuer", "validity"):
        at = _content(der, at)[1]
    start, end = _content(der, at)
    return der[start:end]


_VERSION = 0xA0
_LONG_FORM = 0x80


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element that begins here begins and ends (X.690, 8.1.3)."""
    length = der[at + 1]
    if length < _LONG_FORM:
        return at + 2, at + 2 + length
    start = at + 2 + length - _LONG_FORM
    return start, start + int.from_bytes(der[at + 2 : start])
