"""The messages of the closed services: requests, and the answers that the register gave.

What a builder returns is valid by its XSD, or it raises.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lxml import etree

from krr_export.changes.soap.names import ON_BEHALF_OF, PROVIDERS_V1, SERVICE_16_02
from krr_export.changes.soap.schemas import ANSWER, REQUEST, find_faults
from krr_export.domain.organisation_numbers import WIDTH
from krr_export.domain.vocabulary import IDENTIFIER
from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Message: TypeAlias = etree._Element  # noqa: SLF001 - lxml has no public name for it
"""A message, or an element of a header."""

Need = Literal["Person", "Kontaktinfo", "Sertifikat", "SikkerDigitalPost", "VarslingsStatus"]
NEEDS: tuple[Need, ...] = get_args(Need)
"""What can be asked for about a person (informasjonsbehov)."""
ALL_GROUPS: tuple[Need, ...] = ("Person", "Kontaktinfo", "Sertifikat", "SikkerDigitalPost")
"""What a local copy needs. VarslingsStatus is not among it: it has the service leave out expired contact data. A page
that was asked for without a group shows it for nobody, and does not say so."""
MAX_PERSONS = 1000
"""Of one request."""

Operation = Literal[
    "KanVelgeSikkerDigitalPostkasse",
    "VelgSikkerDigitalPostkasse",
    "OpprettOgVelgSikkerDigitalPostkasse",
    "OpprettPostkasse",
    "OppdaterPostkasse",
    "SlettPostkasse",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
"""What a mailbox provider could ask for."""


def hent_personer(identifiers: Iterable[str], needs: Sequence[Need] = ALL_GROUPS) -> etree._Element:
    """Make HentPersonerForespoersel: a request for persons by identity number, 1 to 1000 of them.

    Raises:
        UsageError: it would not be valid.
    """
    message = _message(SERVICE_16_02, f"HentPersoner{REQUEST}")
    for name, values in (("informasjonsbehov", needs), (IDENTIFIER, identifiers)):
        for value in values:
            _add(message, name, value)
    return _checked(message)


def hent_endringer(first: int, needs: Sequence[Need] = ALL_GROUPS) -> etree._Element:
    """Make HentEndringerForespoersel: a request for one page of changes.

    Args:
        first: the first change number that is asked for, itself included (fraEndringsNummer).
        needs: the groups that are asked for.

    Raises:
        UsageError: it would not be valid.
    """
    message = _message(SERVICE_16_02, f"HentEndringer{REQUEST}")
    message.set("fraEndringsNummer", str(first))
    for need in needs:
        _add(message, "informasjonsbehov", need)
    return _checked(message)


def hent_print_sertifikat() -> etree._Element:
    """Make HentPrintSertifikatForespoersel: a request for the printing provider's certificate."""
    return _checked(_message(SERVICE_16_02, f"HentPrintSertifikat{REQUEST}"))


def paa_vegne_av(orgnr: str) -> etree._Element:
    """Make the header element that says for which organisation a request is made.

    Raises:
        UsageError: the number does not have nine digits.
    """
    if not (len(orgnr) == WIDTH and orgnr.isascii() and orgnr.isdigit()):
        raise UsageError("the organisation's number has nine digits", "check --paa-vegne-av")
    header = etree.Element(ON_BEHALF_OF, nsmap={None: SERVICE_16_02})
    _add(header, "PaaVegneAv", orgnr)
    return _checked(header)


def hent_personer_respons(persons: Iterable[etree._Element]) -> etree._Element:
    """Make HentPersonerRespons, of elements Person; they are moved there.

    Raises:
        UsageError: it would not be valid.
    """
    message = _message(SERVICE_16_02, f"HentPersoner{ANSWER}")
    message.extend(persons)
    return _checked(message)


def hent_endringer_respons(first: int, last: int, newest: int, persons: Iterable[etree._Element]) -> etree._Element:
    """Make HentEndringerRespons: one page of changes.

    Args:
        first: fraEndringsNummer, as it was asked for.
        last: tilEndringsNummer, the last change number in this page.
        newest: senesteEndringsNummer, the last one in the register.
        persons: elements Person; they are moved there.

    Raises:
        UsageError: it would not be valid.
    """
    message = _message(SERVICE_16_02, f"HentEndringer{ANSWER}")
    for name, number in (("fra", first), ("til", last), ("seneste", newest)):
        message.set(f"{name}EndringsNummer", str(number))
    message.extend(persons)
    return _checked(message)


def hent_print_sertifikat_respons(provider: str, certificate: bytes) -> etree._Element:
    """Make HentPrintSertifikatRespons, of an organisation number and a certificate in DER."""
    message = _message(SERVICE_16_02, f"HentPrintSertifikat{ANSWER}")
    _add(message, "postkasseleverandoerAdresse", provider)
    _add(message, "X509Sertifikat", base64.b64encode(certificate).decode())
    return _checked(message)


def mailbox_request(
    operation: Operation,
    identifier: str,
    *,
    provider: str | None = None,
    address: str | None = None,
    certificate: bytes | None = None,
) -> etree._Element:
    """Make a mailbox provider's request; which of the following it takes depends on the operation.

    Args:
        operation: one of `OPERATIONS`.
        identifier: the person's identity number.
        provider: the provider's organisation number.
        address: the mailbox's address.
        certificate: to encrypt post to it with, in DER.

    Raises:
        UsageError: it would not be valid.
    """
    encoded = None if certificate is None else base64.b64encode(certificate).decode()
    fields = {
        IDENTIFIER: identifier,
        "postkasseleverandoerOrgNummer": provider,
        "postkasseadresse": address,
        "x509Sertifikat": encoded,
    }
    return _provider_message(f"{operation}{REQUEST}", fields)


def mailbox_answer(operation: Operation, status: str, reason: str | None = None) -> etree._Element:
    """Make the register's answer to a mailbox provider: JA or NEI, or OK or FEILET, and a reason (beskrivelse).

    Raises:
        UsageError: it would not be valid.
    """
    return _provider_message(f"{operation}{ANSWER}", {"status": status, "beskrivelse": reason})


def _provider_message(name: str, fields: Mapping[str, str | None]) -> etree._Element:
    message = _message(PROVIDERS_V1, name)
    for field, value in fields.items():
        if value is not None:
            _add(message, field, value)
    return _checked(message)


def _message(namespace: str, name: str) -> etree._Element:
    return etree.Element(f"{{{namespace}}}{name}", nsmap={None: namespace})


def _add(parent: etree._Element, name: str, text: str) -> None:
    child = etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{name}")
    try:
        child.text = text
    except ValueError:  # what XML cannot hold
        raise UsageError(f"a {name} has a character that XML does not allow", "check what was given") from None


def _checked(message: etree._Element) -> etree._Element:
    if faults := find_faults(message):
        raise UsageError(f"the message would not be valid: {faults[0]}", "check what was given")
    return message
