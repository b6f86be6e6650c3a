"""One night of a made-up register: what citizens, mailbox providers and authorities do to it, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from krr_export.domain.vocabulary import (
    ACTIVE,
    CERTIFICATE,
    CHANNELS,
    DELETED,
    IDENTIFIER,
    MAILBOX,
    PROVIDER,
    RESERVATION,
    RESERVED,
    STATUS,
    UPDATED,
    VERIFIED,
)
from krr_export.errors import UsageError
from krr_export.synthetic.identifiers import identity_numbers
from krr_export.synthetic.persons import PROVIDERS, REASONS, Persons, write_time
from krr_export.synthetic.register.state import OPERATIONS, Answer, Cause, Register
from krr_export.synthetic.register.survey import NEW_BIRTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from random import Random

    from krr_export.synthetic.persons import Person
    from krr_export.synthetic.register.survey import Survey

_T = TypeVar("_T")

_NEW = 0.1
"""New persons, as a share of those who may change; at least one."""
_AGAIN = 0.15
"""The share of persons who may change once more."""
_WITH_MAILBOX = 0.45
"""The share of new persons who get a mailbox."""
_REMOVES_CHANNEL = 0.2
"""The share of those with two channels who remove one, when they change one."""
_NOT_CHOSEN = 0.2
"""The share of mailboxes that are created, but not chosen."""
_MOST_NEW = 700_000
"""Persons whom all nights of a register may add: about so many identity numbers are kept for them."""


class Night:
    """Draws what happens, and lets it happen to a register.

    Args:
        survey: of the export that the night begins with.
        rng: for everything.
        end: when the night ends: the time of the next export.
        share: of persons who may change; with 0 nothing happens.

    Attributes:
        register: the persons who may have changed, and new ones.
        certificates: base64 of each provider's certificate, by organisation number.
        answers: how often an operation of the mailbox providers got an answer, by both: ``SlettPostkasse OK``.

    Raises:
        UsageError: more persons would be added than there are identity numbers for.
    """

    def __init__(self, survey: Survey, rng: Random, end: datetime, share: float) -> None:
        begin = survey.header.exported_at
        self._random, self._naive = rng.random, survey.naive_times
        self._persons = Persons(rng, exported=begin, certificates=len(PROVIDERS), naive_times=self._naive)
        self._begin, self._length, self._now = begin, end - begin, begin
        self.certificates = self._persons.provider_certificates() | survey.certificates
        self.register = Register(
            survey.chosen.values(),
            change_number=survey.header.seneste_endringsnummer,
            clock=lambda: self._now,
            certificates=self.certificates,
            naive_times=self._naive,
        )
        self.answers: Counter[str] = Counter()
        self._identifiers = _unused_numbers(rng, survey.added_before)
        self._kinds = (
            *[self._verify] * 8,
            *[self._move] * 5,
            *[self._use_mailbox] * 5,
            self._turn_reservation,
            self._delete,
        )
        new = max(1, round(len(survey.chosen) * _NEW)) if share else 0
        if new + len(survey.added_before) > _MOST_NEW:
            raise UsageError(f"no more than {_MOST_NEW} persons can be added to a made-up register", "change fewer")
        self._run([*self._plan(), *[self._add] * new, *[self._fail] * bool(share)])

    def _plan(self) -> Iterator[Callable[[], object]]:
        """Yield what happens to the chosen persons: to each once, to some twice."""
        for identifier, person in self.register.persons.items():
            if person[STATUS] != ACTIVE:
                yield partial(self._add, identifier)
                continue
            yield partial(self._pick(self._kinds), identifier)
            if self._random() < _AGAIN:
                yield partial(self._pick(self._kinds), identifier)

    def _run(self, steps: list[Callable[[], object]]) -> None:
        """Take the steps in a drawn order, spread over the night."""
        order = sorted(range(len(steps)), key=lambda _: self._random())
        for place, index in enumerate(order, 1):
            self._now = self._begin + self._length * place / (len(steps) + 1)
            steps[index]()

    def _add(self, identifier: str | None = None) -> None:
        """Add a new person, or one who was not registered."""
        person: Person = {}
        while person.get(STATUS) != ACTIVE:
            person = self._persons.draw()
        now = write_time(self._now, naive=self._naive)
        times = {name: now for names in (UPDATED, VERIFIED) for name in names.values() if name in person}
        person |= times | {IDENTIFIER: identifier or next(self._identifiers)}
        for column in (MAILBOX, PROVIDER, CERTIFICATE):
            person.pop(column, None)
        self.register.add(person)
        if self._random() < _WITH_MAILBOX:
            self._use_mailbox(person[IDENTIFIER])

    def _verify(self, identifier: str) -> None:
        person = self.register.persons[identifier]
        if any(channel in person for channel in CHANNELS):
            self.register.verify_channels(identifier)
        else:
            self._move(identifier)

    def _move(self, identifier: str) -> None:
        """Give a person a new address of a channel, or remove it if there is another one."""
        person, channel = self.register.persons[identifier], self._pick(CHANNELS)
        if person[STATUS] == DELETED:
            return
        if all(name in person for name in CHANNELS) and self._random() < _REMOVES_CHANNEL:
            self.register.remove_channel(identifier, channel)
        else:
            self.register.set_channel(identifier, channel, self._persons.address(channel))

    def _turn_reservation(self, identifier: str) -> None:
        person = self.register.persons[identifier]
        if person[STATUS] != DELETED:
            self.register.set_reservation(identifier, reserved=person.get(RESERVATION) != RESERVED)

    def _delete(self, identifier: str) -> None:
        if self.register.persons[identifier][STATUS] != DELETED:
            self.register.delete(identifier, self._pick(REASONS))

    def _use_mailbox(self, identifier: str) -> None:
        """Let a provider do what is possible, after asking."""
        answer = self._call("KanVelgeSikkerDigitalPostkasse", identifier)
        if answer.cause is Cause.ALREADY_ACTIVE:
            self._pick((self._update_mailbox, self._delete_mailbox, self._switch_mailbox))(identifier)
            return
        provider = self._pick(PROVIDERS)
        at_provider = identifier, provider.organisation
        created = *at_provider, self._persons.mailbox_address(provider)
        if answer.cause or self._random() < 0.5:  # noqa: PLR2004 - one or the other
            answer = self._call("OpprettOgVelgSikkerDigitalPostkasse", *created)
            if answer.cause is Cause.RESERVED:
                self._verify(identifier)
            return
        self._call("OpprettPostkasse", *created)
        if self._random() >= _NOT_CHOSEN:
            self._call("VelgSikkerDigitalPostkasse", *at_provider)

    def _update_mailbox(self, identifier: str) -> None:
        """Let the provider create what is there already, and then update it."""
        own = self.register.persons[identifier][PROVIDER]
        provider = next((provider for provider in PROVIDERS if provider.organisation == own), PROVIDERS[0])
        created = identifier, own, self._persons.mailbox_address(provider)
        self._call("OpprettPostkasse", *created)
        self._call("OppdaterPostkasse", *created)

    def _delete_mailbox(self, identifier: str) -> None:
        self._call("SlettPostkasse", identifier, self.register.persons[identifier][PROVIDER])

    def _switch_mailbox(self, identifier: str) -> None:
        """Let another provider create a mailbox, the first delete its own, and the other choose."""
        own = self.register.persons[identifier][PROVIDER]
        other = self._pick([provider for provider in PROVIDERS if provider.organisation != own])
        at_other = identifier, other.organisation
        self._call("OpprettPostkasse", *at_other, self._persons.mailbox_address(other))
        self._call("VelgSikkerDigitalPostkasse", *at_other)
        self._call("SlettPostkasse", identifier, own)
        self._call("VelgSikkerDigitalPostkasse", *at_other)

    def _fail(self) -> None:
        """Let a provider make every other mistake, which changes nothing."""
        unknown, provider = next(self._identifiers), PROVIDERS[0]
        created = provider.organisation, self._persons.mailbox_address(provider)
        self._call("KanVelgeSikkerDigitalPostkasse", unknown)
        self._call("OpprettPostkasse", unknown[:-1], *created)
        self._call("SlettPostkasse", unknown, provider.organisation[:-1])
        for identifier, person in self.register.persons.items():
            if person[STATUS] == ACTIVE and MAILBOX not in person:
                self._call("OpprettPostkasse", identifier, *created, "bm90IGEgY2VydGlmaWNhdGU=")
                self._call("OppdaterPostkasse", identifier, *created)
                return

    def _call(self, operation: str, *arguments: str) -> Answer:
        answer = OPERATIONS[operation](self.register, *arguments)
        self.answers[f"{operation} {answer}"] += 1
        return answer

    def _pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._random() * len(choices))]


def _unused_numbers(rng: Random, used: set[str]) -> Iterator[str]:
    return (number for number in identity_numbers(rng, births=NEW_BIRTHS) if number not in used)
