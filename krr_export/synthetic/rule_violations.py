"""The kinds of person that break one of the register's own rules, and are valid by the XSD: what to plant for each."""

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
"""From the identity number that a person would have to the one planted; ``None`` where there is none this time."""

MAILBOX_COLUMNS = frozenset({MAILBOX, PROVIDER, CERTIFICATE})
"""A person has all of these or none, unless that is the fault."""

_DIGIPOST, _EBOKS = (provider.organisation for provider in PROVIDERS[:2])
_NO_PROVIDER = "974760673"
"""A right organisation number, that of Brønnøysundregistrene."""

_ADDRESS = "syntetisk.person#0001"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RuleFault:
    """One kind of person that breaks a rule.

    Attributes:
        name: in a word or two.
        codes: names of rules: what is to be found at the field, no more and no less.
        column: the name of the column concerned.
        values: of columns that all persons of this kind have.
        without: columns that they lack. They lack a mailbox too, unless it is among the values.
        identify: makes the identity number, where it is the fault.
        is_synthetic: whether the identity number is of a synthetic kind all the same.
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
        """Whether the XSD refuses the record: it never does."""
        return False

    def edited(self, person: Person) -> Person | None:
        """A complete person made faulty; ``None`` where it cannot be this time."""
        if self.identify is None:
            return {**person, **self.values}
        number = self.identify(person[IDENTIFIER])
        return None if number is None else {**person, IDENTIFIER: number}

    def columns(self, columns: frozenset[str]) -> frozenset[str]:
        """Which of the columns the person has."""
        return (columns - MAILBOX_COLUMNS - self.without) | set(self.values)


def rule_faults(schema: RecordSchema, rng: Random, exported: datetime, earlier: Identify) -> list[RuleFault]:
    """Every kind that records of this schema can be of.

    Args:
        schema: what a record holds.
        rng: certificates are made from it.
        exported: when the export is made.
        earlier: gives the identity number of an earlier record.
    """
    labels = {column.name: column.label for column in schema.fields}
    kinds = (
        *_of_identifiers(earlier),
        *_of_contact(exported),
        *_of_mailboxes(rng, exported),
        *_of_status(rng, exported),
    )
    return [
        replace(fault, field=labels[fault.column])
        for fault in kinds
        if labels.keys() >= {IDENTIFIER, fault.column, *fault.values, *fault.without}
    ]


def _of_identifiers(earlier: Identify) -> Iterator[RuleFault]:
    undated, centuryless = _undated_numbers(), _centuryless_numbers()

    def fault(name: str, code: str, identify: Identify, *, is_synthetic: bool) -> RuleFault:
        return RuleFault(name, (code,), IDENTIFIER, identify=identify, is_synthetic=is_synthetic)

    yield fault("letter", "identifier-not-digits", lambda number: number[:-1] + "X", is_synthetic=False)
    yield fault("wrong-check-digits", "identifier-check-digits", _with_wrong_check_digits, is_synthetic=True)
    yield fault("day-32", "identifier-date", lambda _: next(undated, None), is_synthetic=False)
    yield fault("twice", DUPLICATE, earlier, is_synthetic=True)
    yield fault("of-2032", "identifier-check-digits-2032", _of_2032, is_synthetic=True)
    yield fault("no-century", "identifier-century", lambda _: next(centuryless, None), is_synthetic=False)


def _with_wrong_check_digits(number: str) -> str:
    """The last digit is another: its remainder is then none that any rule allows."""
    return f"{number[:-1]}{(int(number[-1]) + 1) % 10}"


def _of_2032(number: str) -> str | None:
    closing = check_digits_of_2032(number[:9])
    return closing and number[:9] + closing


def _undated_numbers() -> Iterator[str]:
    """Numbers of the 32nd, each once."""
    return _closed(f"3282{rest:05}" for rest in range(100_000))


def _centuryless_numbers() -> Iterator[str]:
    """Numbers that are not synthetic, and not anybody's: their years and individual numbers were never given out."""
    every = product(range(1, 29), range(1, 13), range(40, 54), range(500, 900))
    return _closed(f"{day:02}{month:02}{year:02}{individual:03}" for day, month, year, individual in every)


def _closed(numbers: Iterator[str]) -> Iterator[str]:
    """Those of the numbers that have check digits, with them."""
    return (digits + closing for digits in numbers if (closing := check_digits(digits)) is not None)


def _of_contact(exported: datetime) -> Iterator[RuleFault]:
    def fault(name: str, code: str, column: str, value: str) -> RuleFault:
        return RuleFault(name, (code,), column, {column: value})

    yield fault("letter-in-number", "mobile-pattern", MOBILE, "4200000O")
    yield fault("landline", "mobile-first-digit", MOBILE, "+4722000000")
    yield fault("no-domain", "email-syntax", EMAIL, "syntetisk@example")
    yield fault("tomorrow", "time-after-export", VERIFIED[MOBILE], _written(exported + _DAY))
    yield fault("year-1999", "time-before-2000", UPDATED[EMAIL], "1999-12-31T12:00:00.000+01:00")
    yield fault("updated-later", "verified-before-updated", VERIFIED[EMAIL], "2012-06-01T12:00:00.000+02:00")


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _of_mailboxes(rng: Random, exported: datetime) -> Iterator[RuleFault]:
    def certificate(number: str = _DIGIPOST, age: timedelta = VALID_FOR / 2) -> str:
        der = make_certificate(rng, number, "Eksempel AS", exported - age)
        return base64.b64encode(der).decode()

    def fault(name: str, code: str, column: str, *, provider: str = _DIGIPOST, **given: str) -> RuleFault:
        values = {MAILBOX: _ADDRESS, PROVIDER: provider} | given
        return RuleFault(
            name, (code,), column, values | ({} if CERTIFICATE in given else {CERTIFICATE: certificate(provider)})
        )

    def of_certificate(name: str, code: str, value: str) -> RuleFault:
        return fault(name, code, CERTIFICATE, **{CERTIFICATE: value})

    yield fault("of-another-provider", "mailbox-address-form", MAILBOX, **{MAILBOX: "0000000001"})
    yield fault("wrong-check-digit", "provider-check-digit", PROVIDER, provider="984661186")
    yield fault("from-the-documentation", "provider-placeholder", PROVIDER, provider=PLACEHOLDERS[0])
    yield fault("no-provider", "provider-unknown", PROVIDER, provider=_NO_PROVIDER)
    yield of_certificate("text", "certificate-unreadable", base64.b64encode(b"intet sertifikat").decode())
    yield of_certificate("from-tomorrow", "certificate-not-yet-valid", certificate(age=-_DAY))
    yield of_certificate("until-yesterday", "certificate-expired", certificate(age=VALID_FOR + _DAY))
    yield of_certificate("until-next-month", "certificate-expires-soon", certificate(age=VALID_FOR - 30 * _DAY))
    yield of_certificate("of-another-provider", "certificate-of-another", certificate(_EBOKS))


def _of_status(rng: Random, exported: datetime) -> Iterator[RuleFault]:
    der = make_certificate(rng, _DIGIPOST, "Eksempel AS", exported - VALID_FOR / 2)
    deleted = {STATUS: "SLETTET"}
    mailbox = {MAILBOX: _ADDRESS, PROVIDER: _DIGIPOST}
    certificate = {CERTIFICATE: base64.b64encode(der).decode()}
    mobile = frozenset({MOBILE, UPDATED[MOBILE], VERIFIED[MOBILE]})
    email = frozenset({EMAIL, UPDATED[EMAIL], VERIFIED[EMAIL]})
    unsafe, homeless = "mailbox-without-certificate", "certificate-without-mailbox"
    yield RuleFault("deleted", ("inactive-with-contact",), MOBILE, deleted, email)
    yield RuleFault("deleted", ("inactive-with-mailbox", unsafe), MAILBOX, deleted | mailbox, mobile | email)
    yield RuleFault(
        "deleted", ("inactive-with-certificate", homeless), CERTIFICATE, deleted | certificate, mobile | email
    )
    yield RuleFault("no-certificate", (unsafe,), MAILBOX, mailbox)
    yield RuleFault("no-mailbox", (homeless,), CERTIFICATE, certificate)
