"""The register's own rules beyond the XSD: what each means, its source, and the columns that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krr_export.domain.vocabulary import (
    CERTIFICATE,
    EMAIL,
    EXPIRES_SOON_DAYS,
    IDENTIFIER,
    MAILBOX,
    MOBILE,
    PROVIDER,
    STATUS,
    UPDATED,
    VERIFIED,
)
from krr_export.findings.codes import CODES, SEVERITIES, Code

if TYPE_CHECKING:
    from collections.abc import Collection

    from krr_export.findings.codes import Severity

TIMES = (UPDATED[MOBILE], VERIFIED[MOBILE], UPDATED[EMAIL], VERIFIED[EMAIL])
DUPLICATE = "identifier-duplicate"

_NUMBERS = "Skatteetaten on fødselsnummer and D-nummer; the numbers to be issued from 2032"
_SYNTHETIC = "Skatteetaten (Tenor), Norsk helsenett and NAV on synthetic test persons"
_REGISTER = "what the register itself accepts of contact data"
_PROVIDERS = "the integration guide for digital post, and published examples of addresses: inferred"
_ORGANISATIONS = "Brønnøysundregistrene on organisation numbers"
_STATUSES = "the register on status: a deleted or unregistered person has no contact data"
_MAILBOXES = "the integration guide for digital post: what is sent is encrypted for the certificate"
_TIMES = "the register on sistOppdatert and sistVerifisert"
_X509 = "RFC 5280"
_SUBJECT = "the requirements for Norwegian business certificates (SEID): the subject names the organisation"

_ASK = "ask the sender to correct the value"
_ASK_RECORD = "ask the sender which of the two is right"


@dataclass(frozen=True)
class Rule:
    """A rule of the register.

    Attributes:
        code: its entry in the catalogue of findings.
        source: the law, document or fact behind it.
        columns: the columns that it reads; the first one present names the field in a report. Without them the rule is
            skipped.
    """

    code: Code
    source: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the code."""
        return self.code.name

    @property
    def refuses(self) -> str:
        """What ``--strict`` refuses if the rule is broken: the ``record``, or the whole ``export``.

        The export for duplicates: it is not known which of the records is wrong.
        """
        return "export" if self.name == DUPLICATE else "record"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as ``krr-export rules --json`` prints it."""
        code = self.code
        return {
            "code": code.name,
            "severity": code.severity,
            "text": code.text,
            "fix": code.fix,
            "source": self.source,
            "columns": list(self.columns),
            "strict_refuses": self.refuses,
        }


def _warning(name: str, text: str, fix: str, source: str, *columns: str) -> Rule:
    return Rule(Code(name, "warning", text, fix), source, columns)


def _info(name: str, text: str, fix: str, source: str, *columns: str) -> Rule:
    return Rule(Code(name, "info", text, fix), source, columns)


RULES: tuple[Rule, ...] = (
    _warning(
        "identifier-not-digits",
        "an identity number is not eleven digits",
        _ASK,
        _NUMBERS,
        IDENTIFIER,
    ),
    _warning(
        "identifier-check-digits",
        "an identity number's check digits are wrong, by today's rule and by that of 2032",
        _ASK,
        _NUMBERS,
        IDENTIFIER,
    ),
    _warning(
        "identifier-date",
        "an identity number does not begin with a date of any known kind of number",
        _ASK,
        _NUMBERS,
        IDENTIFIER,
    ),
    _warning(
        DUPLICATE,
        "an identity number occurs more than once in the export; the first occurrence is not counted",
        "count before you join: GROUP BY personidentifikator HAVING count(*) > 1 shows which; ask the sender",
        "the register holds each person once",
        IDENTIFIER,
    ),
    _info(
        "identifier-check-digits-2032",
        "an identity number's check digits are right only by the rule of 2032",
        "before 2032, ask the sender; later, nothing",
        _NUMBERS,
        IDENTIFIER,
    ),
    _info(
        "identifier-century",
        "a fødselsnummer's individual number and year belong to no century",
        "before 2032, ask the sender; later, nothing: newer numbers tell no century",
        _NUMBERS,
        IDENTIFIER,
    ),
    _info(
        "identifier-synthetic",
        "an identity number is synthetic, or an H-number: nobody's in the register",
        "nothing in a test environment; elsewhere, test data got into the export",
        _SYNTHETIC,
        IDENTIFIER,
    ),
    _warning(
        "mobile-pattern",
        "a mobile number has other characters than digits, spaces, hyphens, underscores and a plus in front",
        _ASK,
        _REGISTER,
        MOBILE,
    ),
    _warning(
        "mobile-first-digit",
        "a Norwegian mobile number does not begin with 4 or 9",
        _ASK,
        _REGISTER,
        MOBILE,
    ),
    _warning(
        "email-syntax",
        "an e-mail address is not one by its form",
        _ASK,
        f"{_REGISTER}: Apache Commons' EmailValidator",
        EMAIL,
    ),
    _warning(
        "mailbox-address-form",
        "a mailbox address does not have the form that its provider's addresses have",
        _ASK,
        _PROVIDERS,
        MAILBOX,
        PROVIDER,
    ),
    _warning(
        "provider-check-digit",
        "a mailbox provider's organisation number is not nine digits with the right check digit",
        _ASK,
        _ORGANISATIONS,
        PROVIDER,
    ),
    _warning(
        "provider-placeholder",
        "a mailbox provider's organisation number is one that documentation uses as an example",
        _ASK,
        "examples in the register's documentation",
        PROVIDER,
    ),
    _info(
        "provider-unknown",
        "a mailbox provider's organisation number is right, but not that of a known provider",
        "look it up at Brønnøysundregistrene: a new provider?",
        "the providers of digital mailboxes known to this version",
        PROVIDER,
    ),
    _warning(
        "inactive-with-contact",
        "a person who is deleted or not registered has a mobile number or an e-mail address",
        _ASK_RECORD,
        _STATUSES,
        MOBILE,
        EMAIL,
        STATUS,
    ),
    _warning(
        "inactive-with-mailbox",
        "a person who is deleted or not registered has a mailbox",
        _ASK_RECORD,
        _STATUSES,
        MAILBOX,
        STATUS,
    ),
    _warning(
        "inactive-with-certificate",
        "a person who is deleted or not registered has a certificate",
        _ASK_RECORD,
        _STATUSES,
        CERTIFICATE,
        STATUS,
    ),
    _warning(
        "mailbox-without-certificate",
        "a person has a mailbox and no certificate to encrypt for",
        _ASK_RECORD,
        _MAILBOXES,
        MAILBOX,
        CERTIFICATE,
    ),
    _warning(
        "certificate-without-mailbox",
        "a person has a certificate and no mailbox",
        _ASK_RECORD,
        _MAILBOXES,
        CERTIFICATE,
        MAILBOX,
    ),
    _info(
        "active-without-channel",
        "an active person has neither mobile number nor e-mail address",
        "nothing: about 3 in 100 have none; they cannot be notified",
        "the register's statistics",
        STATUS,
        MOBILE,
        EMAIL,
    ),
    _warning(
        "time-after-export",
        "contact data were updated or verified after the export was made",
        _ASK,
        _TIMES,
        *TIMES,
    ),
    _warning(
        "time-before-2000",
        "contact data were updated or verified before the year 2000: the register did not exist",
        _ASK,
        _TIMES,
        *TIMES,
    ),
    _info(
        "verified-before-updated",
        "contact data were updated after they were last verified",
        "nothing: the newer of the two times counts",
        _TIMES,
        VERIFIED[MOBILE],
        UPDATED[MOBILE],
        VERIFIED[EMAIL],
        UPDATED[EMAIL],
    ),
    _warning("certificate-unreadable", "a certificate is not X.509", _ASK, _X509, CERTIFICATE),
    _warning(
        "certificate-not-yet-valid",
        "a certificate was not valid yet when the export was made",
        "wait for a later export, or ask the mailbox provider",
        _X509,
        CERTIFICATE,
    ),
    _warning(
        "certificate-expired",
        "a certificate was no longer valid when the export was made",
        "ask the mailbox provider for its current one: what is encrypted for this one may not be read",
        _X509,
        CERTIFICATE,
    ),
    _info(
        "certificate-expires-soon",
        f"a certificate expires within {EXPIRES_SOON_DAYS} days of the export",
        "nothing, if the next exports bring its successor",
        _X509,
        CERTIFICATE,
    ),
    _warning(
        "certificate-of-another",
        "a certificate names another organisation than the mailbox's provider",
        _ASK_RECORD,
        _SUBJECT,
        CERTIFICATE,
        PROVIDER,
    ),
)
"""All rules."""

RULE_NAMES: tuple[str, ...] = tuple(rule.name for rule in RULES)

CATALOGUE: dict[str, Code] = {
    code.name: code
    for code in sorted((*CODES, *(rule.code for rule in RULES)), key=lambda code: SEVERITIES.index(code.severity))
}
"""Every code by its name: the most severe first, and within a severity the XSD's before the rules'."""


def severity_of(code: str, strict: Collection[str]) -> Severity:
    """Return the severity of a code if these rules are strict: breaking one, except duplicates, rejects the record."""
    return "reject" if code in strict and code != DUPLICATE else CATALOGUE[code].severity
