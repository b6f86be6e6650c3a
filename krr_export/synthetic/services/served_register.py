"""A made-up register that is served: made from an export and the night after it, asked and changed by many at once."""

from __future__ import annotations

import json
from itertools import takewhile
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from krr_export.domain.vocabulary import (
    IDENTIFIER,
    INACTIVE,
    STATUS,
)
from krr_export.synthetic.persons import PROVIDERS
from krr_export.synthetic.register.base_export import PersonReader, open_document
from krr_export.synthetic.register.next_night import check_numbers, draw_night, made_up_number
from krr_export.synthetic.register.pages import MAX_PERSONS
from krr_export.synthetic.register.rest_page import render_rest_page
from krr_export.synthetic.register.state import NOTIFICATION, OPERATIONS, Answer, Register, notification_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from krr_export.synthetic.persons import Person
    from krr_export.synthetic.register.next_night import NightOptions

_, _UNREGISTERED = INACTIVE


class Changes(NamedTuple):
    """Persons that changed, in the order of their last changes.

    Attributes:
        persons: copies; with the state that the register tells of them.
        last: the number of the last change among these.
        latest: the register's last change number.
    """

    persons: list[Person]
    last: int
    latest: int


class ServedRegister:
    """A register behind a lock.

    Args:
        register: whose ``last_changes`` have everybody, ascending.
        certificates: base64 of each provider's certificate, by organisation number.
        now: the moment at which it stands still.
        page_size: persons in a page, at most.

    Attributes:
        now: the moment at which it stands still.
    """

    def __init__(
        self, register: Register, certificates: Mapping[str, str], now: datetime, page_size: int = MAX_PERSONS
    ) -> None:
        self._register, self._certificates, self._size = register, certificates, page_size
        self.now = now
        self._lock = Lock()

    @property
    def latest(self) -> int:
        """The last change."""
        with self._lock:
            return self._register.change_number

    @property
    def print_certificate(self) -> tuple[str, str]:
        """The organisation number of the provider of printing, the post office, and base64 of its certificate."""
        organisation = PROVIDERS[0].organisation
        return organisation, self._certificates[organisation]

    def changes_after(self, known: int) -> Changes:
        """Return the persons of the page that follows a change number."""
        with self._lock:
            latest, numbers = self._register.change_number, self._register.last_changes
            newer = [*takewhile(lambda change: change[1] > known, reversed(numbers.items()))][::-1]
            found = newer[: self._size]
            last = found[-1][1] if len(found) < len(newer) else latest
            return Changes([dict(self._register.persons[identifier]) for identifier, _ in found], last, latest)

    def page_from(self, known: int) -> dict[str, Any]:
        """Return the page of REST that follows a change number."""
        persons, last, latest = self.changes_after(known)
        page: dict[str, Any] = json.loads(render_rest_page(persons, known, last, latest))
        return page

    def find(self, identifiers: Sequence[str]) -> list[Person]:
        """Return these persons as they are now, with their ``varslingsstatus``; who is unknown is not registered."""
        with self._lock:
            found = [self._register.persons.get(one, {IDENTIFIER: one, STATUS: _UNREGISTERED}) for one in identifiers]
            return [person | {NOTIFICATION: notification_state(person, self.now)} for person in found]

    def perform(self, operation: str, arguments: Sequence[str]) -> Answer:
        """Answer an operation of the mailbox providers.

        Args:
            operation: one of `OPERATIONS`.
            arguments: the values of the request's elements in order, XML-escaped.
        """
        with self._lock:
            return OPERATIONS[operation](self._register, *arguments)


def load_register(base: Path, options: NightOptions, page_size: int = MAX_PERSONS) -> ServedRegister:
    """Make a register from an export, and let the next night happen to it: the one that ``sample`` makes.

    Everybody is kept in memory.

    Args:
        base: an export that ``sample`` wrote without faults, with its expected findings beside it.
        options: of the night.
        page_size: persons in a page, at most.

    Raises:
        UsageError: the export has faults, or more persons than changes.
        InputError: it is not an export of this schema that ``sample`` wrote.
    """
    found, night, exported = draw_night(base, options)
    check_numbers(found)
    register = night.register
    persons: dict[str, Person] = {}
    numbers: dict[str, int] = {}
    with open_document(base, options.schema) as document:
        reader = PersonReader(document, options.schema)
        for block in document.blocks():
            for place, person in reader.read(block).items():
                persons[person[IDENTIFIER]] = person
                numbers[person[IDENTIFIER]] = made_up_number(found, place)
    register.persons = persons | register.persons
    changed = register.last_changes
    register.last_changes = {one: number for one, number in numbers.items() if one not in changed} | changed
    return ServedRegister(register, night.certificates, exported, page_size)
