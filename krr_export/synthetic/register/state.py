"""A made-up register: persons that change one at a time, each change with the next number.

It answers the operations of the mailbox providers as the register's documentation says, and knows the changes that
citizens, the population register and the register itself make. It reads and writes nothing.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from krr_export.domain.certificates import load_certificate
from krr_export.domain.mailbox_providers import PROVIDERS
from krr_export.domain.vocabulary import (
    ACTIVE,
    CERTIFICATE,
    CHANNELS,
    DELETED,
    IDENTIFIER,
    MAILBOX,
    NOTIFICATION_STATES,
    PROVIDER,
    RESERVATION,
    RESERVED,
    STATUS,
    UPDATED,
    USABLE_MONTHS,
    VERIFIED,
)
from krr_export.synthetic.identifiers import check_digits
from krr_export.synthetic.persons import months_before, parse_time, write_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from krr_export.synthetic.persons import Person

NOTIFICATION, REASON = "varslingsstatus", "beskrivelse"
"""Columns that only some versions of Person have: a schema without them leaves them out."""

_NOT_RESERVED = "NEI"
_MAILBOX_COLUMNS = (MAILBOX, PROVIDER, CERTIFICATE)
_OSLO = ZoneInfo("Europe/Oslo")
_CAN_BE_NOTIFIED, _CANNOT_BE_NOTIFIED = NOTIFICATION_STATES


class Cause(StrEnum):
    """Why an operation of the mailbox providers failed; the values of ``beskrivelse`` in its answer."""

    RESERVED = "RESERVERT"
    ALREADY_ACTIVE = "ALLEREDE_AKTIV"
    NO_MAILBOX = "INGEN_POSTBOKS_FUNNET"
    NO_PERSON = "BRUKER_IKKE_FUNNET"
    MAILBOX_EXISTS = "POSTKASSE_EKSISTERER_ALLEREDE"
    INVALID_CERTIFICATE = "UGYLDIG_SERTIFIKAT"
    INVALID_IDENTIFIER = "UGYLDIG_PERSONNUMMER"
    INVALID_EMAIL = "UGYLDIG_EPOSTADRESSE"
    """No operation carries an e-mail address, so this is never the answer."""
    INVALID_PROVIDER = "UGYLDIG_ORGNR"


class Answer(NamedTuple):
    """The answer to an operation of the mailbox providers."""

    status: Literal["JA", "NEI", "OK", "FEILET"]
    cause: Cause | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.cause}" if self.cause else self.status


@dataclass(frozen=True)
class Mailbox:
    """A mailbox at one provider.

    Attributes:
        address: the mailbox address.
        certificate: base64 of the provider's certificate; ``None`` for a mailbox of a faulty person without one.
    """

    address: str
    certificate: str | None


class Register:
    """Persons by identity number, and the number of the last change of each that changed.

    A person has at most one chosen mailbox, which is the one that the register hands out. Others may wait to be chosen.
    All values are XML-escaped, as in `Person`.

    Args:
        persons: at the beginning; they are copied.
        change_number: the register's last change number at the beginning.
        clock: returns the present moment, with an offset.
        certificates: base64 of each provider's present certificate, by organisation number: for a mailbox that is
            created without one.
        naive_times: whether times are written without an offset.

    Attributes:
        persons: the present state of each.
        change_number: the last change number.
        last_changes: the number of each changed person's last change, by identity number, ascending.
    """

    def __init__(
        self,
        persons: Iterable[Person],
        *,
        change_number: int,
        clock: Callable[[], datetime],
        certificates: Mapping[str, str],
        naive_times: bool = False,
    ) -> None:
        self.persons = {person[IDENTIFIER]: dict(person) for person in persons}
        self.change_number = change_number
        self.last_changes: dict[str, int] = {}
        self._clock = clock
        self._certificates = certificates
        self._naive_times = naive_times
        self._waiting: dict[tuple[str, str], Mailbox] = {}

    # The operations of the mailbox providers.

    def can_choose_mailbox(self, identifier: str) -> Answer:
        """Answer KanVelgeSikkerDigitalPostkasse: whether the person may choose a mailbox."""
        cause = self._person_fault(identifier) or self._choice_fault(identifier)
        return Answer("NEI", cause) if cause else Answer("JA")

    def choose_mailbox(self, identifier: str, provider: str) -> Answer:
        """Answer VelgSikkerDigitalPostkasse: choose the mailbox that waits at this provider."""
        cause = self._fault(identifier, provider) or self._choice_fault(identifier)
        if cause is None and (identifier, provider) not in self._waiting:
            cause = Cause.NO_MAILBOX
        if cause:
            return Answer("FEILET", cause)
        self._choose(identifier, provider, self._waiting.pop((identifier, provider)))
        return self._changed(identifier)

    def create_mailbox(self, identifier: str, provider: str, address: str, certificate: str | None = None) -> Answer:
        """Answer OpprettPostkasse: create a mailbox, which waits to be chosen."""
        certificate = certificate or self._certificates.get(provider)
        cause = self._creation_fault(identifier, provider, certificate)
        if cause:
            return Answer("FEILET", cause)
        self._waiting[identifier, provider] = Mailbox(address, certificate)
        return self._changed(identifier)

    def create_and_choose_mailbox(
        self, identifier: str, provider: str, address: str, certificate: str | None = None
    ) -> Answer:
        """Answer OpprettOgVelgSikkerDigitalPostkasse: create a mailbox and choose it."""
        certificate = certificate or self._certificates.get(provider)
        cause = self._creation_fault(identifier, provider, certificate) or self._choice_fault(identifier)
        if cause:
            return Answer("FEILET", cause)
        self._choose(identifier, provider, Mailbox(address, certificate))
        return self._changed(identifier)

    def update_mailbox(self, identifier: str, provider: str, address: str, certificate: str | None = None) -> Answer:
        """Answer OppdaterPostkasse: give a mailbox another address and, if given, another certificate."""
        cause = self._fault(identifier, provider)
        old = None if cause else self._mailbox(identifier, provider)
        if cause is None and old is None:
            cause = Cause.NO_MAILBOX
        if cause is None and certificate is not None and not is_certificate(certificate):
            cause = Cause.INVALID_CERTIFICATE
        if cause or old is None:
            return Answer("FEILET", cause)
        mailbox = Mailbox(address, certificate or old.certificate)
        if (identifier, provider) in self._waiting:
            self._waiting[identifier, provider] = mailbox
        else:
            self._choose(identifier, provider, mailbox)
        return self._changed(identifier)

    def delete_mailbox(self, identifier: str, provider: str) -> Answer:
        """Answer SlettPostkasse: delete the person's mailbox at this provider, chosen or not."""
        cause = self._fault(identifier, provider)
        if cause is None and self._mailbox(identifier, provider) is None:
            cause = Cause.NO_MAILBOX
        if cause:
            return Answer("FEILET", cause)
        if self._waiting.pop((identifier, provider), None) is None:
            self._remove(identifier, _MAILBOX_COLUMNS)
        return self._changed(identifier)

    # The changes that others make. They are about persons who are in the register, active but where it says otherwise.

    def add(self, person: Person) -> None:
        """Add a new person, or one who comes back, as given."""
        self.persons[person[IDENTIFIER]] = dict(person)
        self._changed(person[IDENTIFIER])

    def set_channel(self, identifier: str, channel: str, value: str) -> None:
        """Give the person a new address of a channel, updated and verified now."""
        now = write_time(self._clock(), naive=self._naive_times)
        self.persons[identifier] |= {channel: value, UPDATED[channel]: now, VERIFIED[channel]: now}
        self._changed(identifier)

    def remove_channel(self, identifier: str, channel: str) -> None:
        """Remove the person's address of a channel, with its times."""
        self._remove(identifier, (channel, UPDATED[channel], VERIFIED[channel]))
        self._changed(identifier)

    def verify_channels(self, identifier: str) -> None:
        """Move the dates of verification of all the person's channels to the present."""
        person, now = self.persons[identifier], write_time(self._clock(), naive=self._naive_times)
        person |= {VERIFIED[channel]: now for channel in CHANNELS if channel in person}
        self._changed(identifier)

    def set_reservation(self, identifier: str, *, reserved: bool) -> None:
        """Reserve the person against digital communication, or end the reservation."""
        self.persons[identifier][RESERVATION] = RESERVED if reserved else _NOT_RESERVED
        self._changed(identifier)

    def delete(self, identifier: str, reason: str) -> None:
        """Delete the person, who stays without contact data, mailbox and certificate."""
        kept = {IDENTIFIER: identifier, STATUS: DELETED, REASON: reason}
        self.persons[identifier] = kept
        self._waiting = {key: mailbox for key, mailbox in self._waiting.items() if key[0] != identifier}
        self._changed(identifier)

    def _changed(self, identifier: str) -> Answer:
        """Give the change its number, and set what follows from the person's new state."""
        self.change_number += 1
        self.last_changes.pop(identifier, None)
        self.last_changes[identifier] = self.change_number
        person = self.persons[identifier]
        person[NOTIFICATION] = notification_state(person, self._clock())
        return Answer("OK")

    def _remove(self, identifier: str, columns: Iterable[str]) -> None:
        for column in columns:
            self.persons[identifier].pop(column, None)

    def _choose(self, identifier: str, provider: str, mailbox: Mailbox) -> None:
        self.persons[identifier] |= {MAILBOX: mailbox.address, PROVIDER: provider}
        if mailbox.certificate is not None:
            self.persons[identifier][CERTIFICATE] = mailbox.certificate

    def _mailbox(self, identifier: str, provider: str) -> Mailbox | None:
        """Return the person's mailbox at this provider, chosen or not."""
        person = self.persons[identifier]
        if person.get(PROVIDER) == provider:
            return Mailbox(person[MAILBOX], person.get(CERTIFICATE))
        return self._waiting.get((identifier, provider))

    def _person_fault(self, identifier: str) -> Cause | None:
        if not _is_identifier(identifier):
            return Cause.INVALID_IDENTIFIER
        return None if self.persons.get(identifier, {}).get(STATUS) == ACTIVE else Cause.NO_PERSON

    def _fault(self, identifier: str, provider: str) -> Cause | None:
        if provider not in PROVIDERS:
            return Cause.INVALID_PROVIDER
        return self._person_fault(identifier)

    def _choice_fault(self, identifier: str) -> Cause | None:
        person = self.persons[identifier]
        if person.get(RESERVATION) == RESERVED:
            return Cause.RESERVED
        return Cause.ALREADY_ACTIVE if MAILBOX in person else None

    def _creation_fault(self, identifier: str, provider: str, certificate: str | None) -> Cause | None:
        if cause := self._fault(identifier, provider):
            return cause
        if certificate is None or not is_certificate(certificate):
            return Cause.INVALID_CERTIFICATE
        return Cause.MAILBOX_EXISTS if self._mailbox(identifier, provider) else None


def is_certificate(text: str) -> bool:
    """Return whether a text is base64 of an X.509 certificate."""
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return load_certificate(der) is not None


def notification_state(person: Person, now: datetime) -> str:
    """Return whether the person may be notified: active, not reserved, and with a channel that is recent enough."""
    is_open = person[STATUS] == ACTIVE and person.get(RESERVATION) != RESERVED
    limit = months_before(now.astimezone(_OSLO), USABLE_MONTHS)
    times = [person[name] for by_channel in (UPDATED, VERIFIED) for name in by_channel.values() if name in person]
    is_recent = any(parse_time(time) > limit for time in times)
    return _CAN_BE_NOTIFIED if is_open and is_recent else _CANNOT_BE_NOTIFIED


def _is_identifier(text: str) -> bool:
    return text.isascii() and text.isdigit() and check_digits(text[:9]) == text[9:]


OPERATIONS: Mapping[str, Callable[..., Answer]] = MappingProxyType(
    {
        "KanVelgeSikkerDigitalPostkasse": Register.can_choose_mailbox,
        "VelgSikkerDigitalPostkasse": Register.choose_mailbox,
        "OpprettPostkasse": Register.create_mailbox,
        "OpprettOgVelgSikkerDigitalPostkasse": Register.create_and_choose_mailbox,
        "OppdaterPostkasse": Register.update_mailbox,
        "SlettPostkasse": Register.delete_mailbox,
    }
)
"""The operations of the mailbox providers by their names: methods whose arguments are in the order of the request's
elements."""


def is_expired(person: Person) -> bool:
    """Return whether a person's contact data are too old to be used: nothing else keeps her from being notified."""
    is_open = person[STATUS] == ACTIVE and person.get(RESERVATION) != RESERVED
    return is_open and person[NOTIFICATION] == _CANNOT_BE_NOTIFIED
