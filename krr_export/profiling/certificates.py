"""Certificates of a profile: those on most records are stored and parsed at the end, and shown if an organisation's."""

from __future__ import annotations

import hashlib
import heapq
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from krr_export.domain.certificates import load_certificate
from krr_export.domain.organisation_numbers import are_valid
from krr_export.profiling.distinct import Distinct
from krr_export.util.formatting import format_utc

if TYPE_CHECKING:
    from cryptography import x509

MOST_KEPT = 50
"""The number of certificates that are stored whole: those on most records."""

LONGEST_KEPT = 16 << 10
"""Octets. No certificate is longer; a value may be, up to the limit of a record: it is counted, but not stored."""


@dataclass
class Certificates:
    """The certificates of records.

    Attributes:
        distinct: records by the SHA-256 of the certificate.
        kept: those on most records, in DER, by their SHA-256; of one batch, all except those that are too long.
    """

    distinct: Distinct[bytes] = field(default_factory=Distinct)
    kept: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, later: Certificates) -> None:
        """Add the certificates of a later batch.

        A certificate that is among those on most records in the end was among them after the last batch that has it.
        So it is enough to store those that are among them after each batch.
        """
        self.distinct.add(later.distinct)
        records = self.distinct.records
        found = {digest: der for digest, der in later.kept.items() if digest in records}
        self.kept.update(found)
        if len(self.kept) > MOST_KEPT:
            first = heapq.nsmallest(MOST_KEPT, self.kept, key=lambda digest: (-records[digest], digest))
            self.kept = {digest: self.kept[digest] for digest in first}


def count_certificates(column: pa.DictionaryArray | pa.BinaryArray) -> Certificates:
    """Count the certificates of a column; each distinct one is hashed once."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    counts = np.bincount(column.indices.drop_null().to_numpy(), minlength=len(column.dictionary))
    used = np.flatnonzero(counts)
    certificates = Certificates()
    for der, records in zip(column.dictionary.take(used).to_pylist(), counts[used].tolist(), strict=True):
        digest = hashlib.sha256(der).digest()
        certificates.distinct.count(digest, records)
        if len(der) <= LONGEST_KEPT:
            certificates.kept[digest] = der
    return certificates


@dataclass(frozen=True)
class Subject:
    """The organisation that a certificate is for.

    Attributes:
        name: of the organisation, as in the certificate.
        organisation_number: ``None`` if the certificate has no valid one.
        expires: the end of its validity, ISO 8601 in UTC.
    """

    name: str
    organisation_number: str | None
    expires: str


def parse_subject(der: bytes) -> Subject | None:
    """Return the organisation that a certificate is for.

    ``None`` if it cannot be read, names no organisation, or anything in its subject may concern a person: a name, an
    e-mail address, a title, or a serial number that is no organisation number (SEID, ETSI EN 319 412). Of the subject,
    only the organisation's name and number are ever shown: a common name may be a person's.
    """
    certificate = load_certificate(der)
    if certificate is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about an odd subject
            subject = certificate.subject
    except ValueError:
        return None
    return _parse_organisation(subject, format_utc(certificate.not_valid_after_utc))


_LONG_NUMBER = re.compile(r"\d(?:[\W_]?\d){7}")


def may_be_personal(text: str) -> bool:
    """Return whether a name has what no organisation's or domain's has: eight digits in a row, or an e-mail address.

    The digits may be separated, as in telephone numbers.
    """
    return "@" in text or _LONG_NUMBER.search(text) is not None


_NUMBER = re.compile(r"(?:NTRNO-)?(\d{9})", re.ASCII)
"""An organisation number in a subject: bare, or as ETSI EN 319 412-1 writes the identifier of a legal person."""


def _parse_organisation(subject: x509.Name, expires: str) -> Subject | None:
    values: dict[str, list[str]] = {}
    for attribute in subject:
        values.setdefault(attribute.oid.dotted_string, []).append(str(attribute.value))
    names = values.get(_ORGANISATION, [])
    if not values.keys() <= _ORGANISATION_ATTRIBUTES or len(names) != 1:
        return None
    numbers = [*values.get(_SERIAL_NUMBER, []), *values.get(_IDENTIFIER, [])]
    found = [match[1] if (match := _NUMBER.fullmatch(number)) else None for number in numbers]
    if None in found or len(set(found)) > 1 or not names[0].isprintable() or may_be_personal(names[0]):
        return None
    valid = bool(found) and are_valid(pa.array(found[:1], pa.string()))[0].as_py()
    return Subject(names[0], found[0] if valid else None, expires)


_ORGANISATION = "2.5.4.10"
_SERIAL_NUMBER = "2.5.4.5"
_IDENTIFIER = "2.5.4.97"
_ORGANISATION_ATTRIBUTES = frozenset(
    {
        "2.5.4.3",  # common name
        _SERIAL_NUMBER,
        "2.5.4.6",  # country
        "2.5.4.7",  # locality
        "2.5.4.8",  # state
        "2.5.4.9",  # street
        _ORGANISATION,
        "2.5.4.11",  # organisational unit
        "2.5.4.15",  # business category
        "2.5.4.17",  # postal code
        _IDENTIFIER,
        "0.9.2342.19200300.100.1.25",  # domain component
    }
)
"""Attributes that the subject of an organisation's certificate may have (X.520, RFC 4519); all others may be a
person's."""
