"""Kinds of persons that break one of the register's own rules, but are valid by the XSD."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from krr_export.domain.mailbox_providers import PLACEHOLDERS
from krr_export.domain.vocabulary import (
    CERTIFICATE,
    EMAIL,
    IDENTIFIER,
    MAILBOX,
    MOBILE,
    PROVIDER,
    STATUS,
    UPDATED,
    VERIFIED,
)
from krr_export.rules.catalogue import DUPLICATE
from krr_export.synthetic.certificates import VALID_FOR, make_certificate
from krr_export.synthetic.identifiers import check_digits, check_digits_of_2032
from krr_export.synthetic.persons import PROVIDERS

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.persons import Person

Identify: TypeAlias = Callable[[str], str | None]
"""From the identity number that a person would have to the injected one; ``None`` if there is none now."""

MAILBOX_COLUMNS = frozenset({MAILBOX, PROVIDER, CERTIFICATE})
"""A person has all or none of these, unless that is the fault."""

_DIGIPOST, _EBOKS = (provider.organisation for provider in PROVIDERS[:2])
_NO_PROVIDER = "974760673"
"""A valid organisation number: that of Brønnøysundregistrene."""

_ADDRESS = "syntetisk.person#0001"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RuleViolation:
    """One kind of persons that break a rule.

    Attributes:
        name: in one or two words.
        codes: names of rules: exactly the expected findings of the field.
        column: the name of the column concerned.
        values: of columns that all persons of this kind have.
        without: columns that they lack. They also lack a mailbox, unless it is among the values.
        identify: makes the identity number, if that is the fault.
        is_synthetic: whether the identity number is still of a synthetic kind.
        field: the label of the field concerned, as in ``findings.Finding``.
    """

    name: str
    codes: tuple[str, ...]
    column: str
    values: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    identify: Identify | None = None
    is_synthetic: bool = True
    field: str = ""

    @property
    def rejects(self) -> bool:
        """Whether the XSD rejects the record: never."""
        return False

    def apply(self, person: Person) -> Person | None:
        """Return a complete person with the violation; ``None`` if it is not possible now."""
        if self.identify is None:
            return {**person, **self.values}
        number = self.identify(person[IDENTIFIER])
        return None if number is None else {**person, IDENTIFIER: number}

    def columns(self, columns: frozenset[str]) -> frozenset[str]:
        """Return those of the columns that the person has."""
        return (columns - MAILBOX_COLUMNS - self.without) | set(self.values)


def rule_violations(schema: RecordSchema, rng: Random, exported: datetime, earlier: Identify) -> list[RuleViolation]:
    """Return every kind that records of this schema can have.

    Args:
        schema: of a record.
        rng: for certificates.
        exported: when the export is made.
        earlier: returns the identity number of an earlier record.
    """
    labels = {column.name: column.label for column in schema.fields}
    kinds = (
        *_identifier_violations(earlier),
        *_contact_violations(exported),
        *_mailbox_violations(rng, exported),
        *_status_violations(rng, exported),
    )
    return [
        replace(fault, field=labels[fault.column])
        for fault in kinds
        if labels.keys() >= {IDENTIFIER, fault.column, *fault.values, *fault.without}
    ]


def _identifier_violations(earlier: Identify) -> Iterator[RuleViolation]:
    undated, centuryless = _undated_numbers(), _centuryless_numbers()

    def fault(name: str, code: str, identify: Identify, *, is_synthetic: bool) -> RuleViolation:
        return RuleViolation(name, (code,), IDENTIFIER, identify=identify, is_synthetic=is_synthetic)

    yield fault("letter", "identifier-not-digits", lambda number: number[:-1] + "X", is_synthetic=False)
    yield fault("wrong-check-digits", "identifier-check-digits", _with_wrong_check_digits, is_synthetic=True)
    yield fault("day-32", "identifier-date", lambda _: next(undated, None), is_synthetic=False)
    yield fault("twice", DUPLICATE, earlier, is_synthetic=True)
    yield fault("of-2032", "identifier-check-digits-2032", _with_check_digits_of_2032, is_synthetic=True)
    yield fault("no-century", "identifier-century", lambda _: next(centuryless, None), is_synthetic=False)


def _with_wrong_check_digits(number: str) -> str:
    """Change the last digit: no rule allows its remainder then."""
    return f"{number[:-1]}{(int(number[-1]) + 1) % 10}"


def _with_check_digits_of_2032(number: str) -> str | None:
    final_digits = check_digits_of_2032(number[:9])
    return final_digits and number[:9] + final_digits


def _undated_numbers() -> Iterator[str]:
    """Return identity numbers with day 32, each once."""
    return _with_check_digits(f"3282{rest:05}" for rest in range(100_000))


def _centuryless_numbers() -> Iterator[str]:
    """Return numbers that are not synthetic, but nobody's: such years and individual numbers were never issued."""
    every = product(range(1, 29), range(1, 13), range(40, 54), range(500, 900))
    return _with_check_digits(f"{day:02}{month:02}{year:02}{individual:03}" for day, month, year, individual in every)


def _with_check_digits(numbers: Iterator[str]) -> Iterator[str]:
    """Append check digits to the numbers; those without possible check digits are skipped."""
    return (digits + final_digits for digits in numbers if (final_digits := check_digits(digits)) is not None)


def _contact_violations(exported: datetime) -> Iterator[RuleViolation]:
    def fault(name: str, code: str, column: str, value: str) -> RuleViolation:
        return RuleViolation(name, (code,), column, {column: value})

    yield fault("letter-in-number", "mobile-pattern", MOBILE, "4200000O")
    yield fault("landline", "mobile-first-digit", MOBILE, "+4722000000")
    yield fault("no-domain", "email-syntax", EMAIL, "syntetisk@example")
    yield fault("tomorrow", "time-after-export", VERIFIED[MOBILE], _format_time(exported + _DAY))
    yield fault("year-1999", "time-before-2000", UPDATED[EMAIL], "1999-12-31T12:00:00.000+01:00")
    yield fault("updated-later", "verified-before-updated", VERIFIED[EMAIL], "2012-06-01T12:00:00.000+02:00")


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _mailbox_violations(rng: Random, exported: datetime) -> Iterator[RuleViolation]:
    def certificate(number: str = _DIGIPOST, age: timedelta = VALID_FOR / 2) -> str:
        der = make_certificate(rng, number, "Eksempel AS", exported - age)
        return base64.b64encode(der).decode()

    def fault(name: str, code: str, column: str, *, provider: str = _DIGIPOST, **given: str) -> RuleViolation:
        values = {MAILBOX: _ADDRESS, PROVIDER: provider} | given
        return RuleViolation(
            name, (code,), column, values | ({} if CERTIFICATE in given else {CERTIFICATE: certificate(provider)})
        )

    def certificate_fault(name: str, code: str, value: str) -> RuleViolation:
        return fault(name, code, CERTIFICATE, **{CERTIFICATE: value})

    yield fault("of-another-provider", "mailbox-address-form", MAILBOX, **{MAILBOX: "0000000001"})
    yield fault("wrong-check-digit", "provider-check-digit", PROVIDER, provider="984661186")
    yield fault("from-the-documentation", "provider-placeholder", PROVIDER, provider=PLACEHOLDERS[0])
    yield fault("no-provider", "provider-unknown", PROVIDER, provider=_NO_PROVIDER)
    yield certificate_fault("text", "certificate-unreadable", base64.b64encode(b"intet sertifikat").decode())
    yield certificate_fault("from-tomorrow", "certificate-not-yet-valid", certificate(age=-_DAY))
    yield certificate_fault("until-yesterday", "certificate-expired", certificate(age=VALID_FOR + _DAY))
    yield certificate_fault("until-next-month", "certificate-expires-soon", certificate(age=VALID_FOR - 30 * _DAY))
    yield certificate_fault("of-another-provider", "certificate-of-another", certificate(_EBOKS))


def _status_violations(rng: Random, exported: datetime) -> Iterator[RuleViolation]:
    der = make_certificate(rng, _DIGIPOST, "Eksempel AS", exported - VALID_FOR / 2)
    deleted = {STATUS: "SLETTET"}
    mailbox = {MAILBOX: _ADDRESS, PROVIDER: _DIGIPOST}
    certificate = {CERTIFICATE: base64.b64encode(der).decode()}
    mobile = frozenset({MOBILE, UPDATED[MOBILE], VERIFIED[MOBILE]})
    email = frozenset({EMAIL, UPDATED[EMAIL], VERIFIED[EMAIL]})
    unsafe, homeless = "mailbox-without-certificate", "certificate-without-mailbox"
    yield RuleViolation("deleted", ("inactive-with-contact",), MOBILE, deleted, email)
    yield RuleViolation("deleted", ("inactive-with-mailbox", unsafe), MAILBOX, deleted | mailbox, mobile | email)
    yield RuleViolation(
        "deleted", ("inactive-with-certificate", homeless), CERTIFICATE, deleted | certificate, mobile | email
    )
    yield RuleViolation("no-certificate", (unsafe,), MAILBOX, mailbox)
    yield RuleViolation("no-mailbox", (homeless,), CERTIFICATE, certificate)
