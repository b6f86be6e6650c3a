"""Certificates of a profile: those on most records are kept to be read at the end, and shown if an organisation's."""

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
"""So many certificates are kept whole: those on most records."""

LONGEST_KEPT = 16 << 10
"""Octets. No certificate is longer; a value may be, up to the limit of a record: it is counted, but not kept."""


@dataclass
class Certificates:
    """The certificates of records.

    Attributes:
        distinct: records by the SHA-256 of the certificate.
        kept: those on most records, in DER, by their SHA-256; of one batch, all but those that are too long.
    """

    distinct: Distinct[bytes] = field(default_factory=Distinct)
    kept: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, later: Certificates) -> None:
        """Take in the certificates of a later batch.

        A certificate that is among those on most records in the end was so after the last batch that has it: so it is
        enough to keep those that are so after each.
        """
        self.distinct.add(later.distinct)
        records = self.distinct.records
        found = {digest: der for digest, der in later.kept.items() if digest in records}
        self.kept.update(found)
        if len(self.kept) > MOST_KEPT:
            first = heapq.nsmallest(MOST_KEPT, self.kept, key=lambda digest: (-records[digest], digest))
            self.kept = {digest: self.kept[digest] for digest in first}


def certificates_of(column: pa.DictionaryArray | pa.BinaryArray) -> Certificates:
    """The certificates of a column: each distinct one is hashed once."""
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
    """Whose certificate it is: an organisation's.

    Attributes:
        name: the organisation's, as the certificate has it.
        organisation_number: ``None`` where it names none that is valid.
        expires: the end of its validity, ISO 8601 in UTC.
    """

    name: str
    organisation_number: str | None
    expires: str


def subject_of(der: bytes) -> Subject | None:
    """The organisation that a certificate is for.

    ``None`` where it cannot be read, names no organisation, or anything in its subject may be of a person: a name, an
    e-mail address, a title, or a serial number that is no organisation number (SEID, ETSI EN 319 412). Of the subject
    nothing but the organisation's name and number is ever told: a common name may be a person's.
    """
    certificate = load_certificate(der)
    if certificate is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a subject that is odd
            subject = certificate.subject
    except ValueError:
        return None
    return _organisation(subject, format_utc(certificate.not_valid_after_utc))


_LONG_NUMBER = re.compile(r"\d(?:[\W_]?\d){7}")


def may_be_personal(text: str) -> bool:
    """Whether a name holds what no organisation's or domain's does: eight digits in a row, or an e-mail address.

    Digits may be set apart, as in telephone numbers.
    """
    return "@" in text or _LONG_NUMBER.search(text) is not None


_NUMBER = re.compile(r"(?:NTRNO-)?(\d{9})", re.ASCII)
"""An organisation number in a subject: bare, or as ETSI EN 319 412-1 writes the identifier of a legal person."""


def _organisation(subject: x509.Name, expires: str) -> Subject | None:
    values: dict[str, list[str]] = {}
    for attribute in subject:
        values.setdefault(attribute.oid.dotted_string, []).append(str(attribute.value))
    names = values.get(_ORGANISATION, [])
    if not values.keys() <= _OF_ORGANISATIONS or len(names) != 1:
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
_OF_ORGANISATIONS = frozenset(
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
