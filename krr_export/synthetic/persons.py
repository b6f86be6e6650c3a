"""Synthetic persons, as column names and values, with the shares that the register has published."""

from __future__ import annotations

import base64
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from krr_export.domain.vocabulary import MOBILE
from krr_export.synthetic.certificates import distinct_certificates, make_certificate
from krr_export.synthetic.identifiers import identity_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

Person = dict[str, str]
"""Values, XML-escaped, by the names of the columns that the person has."""

DRAWN = frozenset(
    {
        "personidentifikator",
        "reservasjon",
        "status",
        "beskrivelse",
        "varslingsstatus",
        "mobiltelefonnummer",
        "mobiltelefonnummer_sist_oppdatert",
        "mobiltelefonnummer_sist_verifisert",
        "epostadresse",
        "epostadresse_sist_oppdatert",
        "epostadresse_sist_verifisert",
        "postkasseadresse",
        "postkasseleverandoer_adresse",
        "x509_sertifikat",
    }
)
"""The columns that persons are drawn with; a schema may lack some and have others."""

DELETED = 0.027
UNREGISTERED = 0.003
RESERVED = 0.03
MAILBOX = 0.45
D_NUMBER = 0.04
"""Shares of all persons."""

_ACTIVE = 1 - DELETED - UNREGISTERED
_MOBILE_ONLY, _EMAIL_ONLY, _NEITHER = 0.16, 0.08, 0.03
_BOTH = 1 - _MOBILE_ONLY - _EMAIL_ONLY - _NEITHER
_NEVER_VERIFIED = 0.15
_UNDATED = 0.01
_HAS_RESERVATION = 0.3
"""Share of the deleted and unregistered."""

_MAX_AGE = 1500
"""Days since the oldest verification; a channel was updated at most twice as long ago."""
_RECENT_MONTHS = 18
"""eForvaltningsforskriften § 32: older contact data may not be used to notify."""

UPDATED, VERIFIED = "_sist_oppdatert", "_sist_verifisert"

REASONS = ("Selvvalgt", "Død", "Utgått", "UtgåttTest", "NyIdentitet", "Forsvunnet")
_DOMAINS = ("example.no", "example.com", "example.org", "example.net", "epost.example", "firma.example", "post.test")
# As in the population register's test data, names are an adjective and a noun.
_ADJECTIVES = "blid bred dyp fin flott glad grei kjapp klok lun lys mild modig myk rask rolig snill sprek stille varm"
_NOUNS = "bekk bjelle bro elv fjell fjord gren hage havn hylle kopp lampe nese skog sky snor sti stol strand vott"

SPARE_TIMES = {UPDATED: "2013-01-10T13:08:00.000+01:00", VERIFIED: "2014-12-10T13:08:00.000+01:00"}
"""By the ending of a column's name. A time that a fault inserts is between them, so that it breaks no rule."""

_OSLO = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True)
class Provider:
    """A mailbox provider."""

    organisation: str
    name: str
    numbered: bool
    """Whether its mailbox addresses are ten digits."""


PROVIDERS = (
    Provider("984661185", "Digipost AS", numbered=False),
    Provider("996460320", "e-Boks AS", numbered=True),
    Provider("922020175", "e-Boks Norge AS", numbered=True),
)


class Persons:
    """Draws persons one by one, from one source of random numbers.

    Phone numbers are in the series 42, 43 and 44, which the register accepts as mobile and nobody has.
    """

    def __init__(self, rng: Random, *, exported: datetime, certificates: int, naive_times: bool) -> None:
        self._random = rng.random
        self._identities = identity_numbers(rng)
        self._d_numbers = identity_numbers(rng, d_numbers=True)
        self._days, self._recent_days = _days(exported, naive=naive_times)
        self._times_of_day = _times_of_day(rng, "" if naive_times else ".000")
        self._mailboxes = _mailboxes(rng, exported, certificates)
        self._default_values = _default_values(self._mailboxes[0])
        times = {ending: time[:19] if naive_times else time for ending, time in SPARE_TIMES.items()}
        self._times = {name: time for name in DRAWN for ending, time in times.items() if name.endswith(ending)}
        self._names = [f"{first}.{last}" for first in _ADJECTIVES.split() for last in _NOUNS.split()]

    def draw(self) -> Person:
        """Draw the next person."""
        random = self._random
        person = {"personidentifikator": next(self._d_numbers if random() < D_NUMBER else self._identities)}
        kind = random()
        if kind >= _ACTIVE:
            self._add_inactive(person, deleted=kind < _ACTIVE + DELETED)
            return person
        person["reservasjon"] = "JA" if random() * _ACTIVE < RESERVED else "NEI"
        person["status"] = "AKTIV"
        channels = random()
        is_recent = False
        if channels < 1 - _EMAIL_ONLY - _NEITHER:
            is_recent = self._add_channel(person, "mobiltelefonnummer", self._mobile())
        if channels < _BOTH or 1 - _EMAIL_ONLY - _NEITHER <= channels < 1 - _NEITHER:
            is_recent |= self._add_channel(person, "epostadresse", self._email())
        can_be_notified = is_recent and person["reservasjon"] == "NEI"
        person["varslingsstatus"] = "KAN_VARSLES" if can_be_notified else "KAN_IKKE_VARSLES"
        if random() * _ACTIVE < MAILBOX:
            self._add_mailbox(person)
        return person

    def complete(self, person: Person) -> Person:
        """Return the person as active and with every column; the missing values and all times are constant."""
        return self._default_values | person | self._times | {"status": "AKTIV"}

    def _add_inactive(self, person: Person, *, deleted: bool) -> None:
        if self._random() < _HAS_RESERVATION:
            person["reservasjon"] = "NEI"
        person["status"] = "SLETTET" if deleted else "IKKE_REGISTRERT"
        person["varslingsstatus"] = "KAN_IKKE_VARSLES"
        if deleted:
            person["beskrivelse"] = REASONS[int(self._random() * len(REASONS))]

    def _add_channel(self, person: Person, column: str, value: str) -> bool:
        """Add the value with its times; return whether it is recent enough for notifications."""
        random = self._random
        person[column] = value
        if random() < _UNDATED:
            return False
        # Most were confirmed recently; the older, the fewer.
        verified = int(random() ** 4 * _MAX_AGE)
        updated = verified + 1 + int(random() ** 2 * _MAX_AGE)
        person[f"{column}_sist_oppdatert"] = self._time(updated)
        if random() < _NEVER_VERIFIED:
            return updated < self._recent_days
        person[f"{column}_sist_verifisert"] = self._time(verified)
        return verified < self._recent_days

    def address(self, channel: str) -> str:
        """Draw an address of a channel."""
        return self._mobile() if channel == MOBILE else self._email()

    def mailbox_address(self, provider: Provider) -> str:
        """Draw a mailbox address of the form that the provider gives."""
        random = self._random
        if provider.numbered:
            return f"{int(random() * 20_000_000):010}"
        name = self._names[int(random() * len(self._names))]
        return f"{name}#{1000 + int(random() * 9000)}"

    def provider_certificates(self) -> dict[str, str]:
        """Return base64 of a certificate of each provider that these persons have mailboxes at."""
        return {provider.organisation: next(certificate) for provider, certificate in self._mailboxes}

    def _add_mailbox(self, person: Person) -> None:
        provider, certificate = self._mailboxes[int(self._random() * len(self._mailboxes))]
        person["postkasseadresse"] = self.mailbox_address(provider)
        person["postkasseleverandoer_adresse"] = provider.organisation
        person["x509_sertifikat"] = next(certificate)

    def _mobile(self) -> str:
        number = 42_000_000 + int(self._random() * 3_000_000)
        return f"+47{number}" if number & 1 else f"{number}"

    def _email(self) -> str:
        random = self._random
        name = self._names[int(random() * len(self._names))]
        return f"{name}{int(random() * 1000)}@{_DOMAINS[int(random() * len(_DOMAINS))]}"

    def _time(self, age: int) -> str:
        day, offset = self._days[age]
        return f"{day}{self._times_of_day[int(self._random() * len(self._times_of_day))]}{offset}"


@lru_cache(maxsize=4)
def _days(exported: datetime, *, naive: bool) -> tuple[list[tuple[str, str]], int]:
    """Return the days before the export as ``2014-02-25T`` and ``+01:00``, latest first, and how many are recent.

    The day on which 18 months end is left out: the hour would decide.
    """
    last = exported.astimezone(_OSLO).replace(hour=12, minute=0, second=0, microsecond=0)
    limit = months_before(last, _RECENT_MONTHS)
    days = [day for age in range(1, 2 * _MAX_AGE + 2) if (day := last - timedelta(days=age)) != limit]
    written = [(iso[:11], "" if naive else iso[-6:]) for iso in (day.isoformat() for day in days)]
    return written, sum(day > limit for day in days)


def months_before(day: datetime, months: int) -> datetime:
    """Return the same day of the month so many calendar months earlier, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def write_time(moment: datetime, *, naive: bool) -> str:
    """Return a time as persons have it: Norwegian, whole seconds, with an offset or without.

    Without one, the hour that occurs twice in October is left out.
    """
    local = moment.astimezone(_OSLO).replace(microsecond=0)
    if not naive:
        return local.isoformat(timespec="milliseconds")
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        local -= timedelta(hours=2)
    return f"{local:%Y-%m-%dT%H:%M:%S}"


def parse_time(text: str) -> datetime:
    """Return the moment of a time as persons have it."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=_OSLO)


def _times_of_day(rng: Random, fraction: str) -> list[str]:
    """Return times of day, none before 03:00: summer time begins and ends in those hours."""
    random, hours, rest = rng.random, [f"{hour:02}:" for hour in range(24)], _within_an_hour(fraction)
    seconds = [3 * 3600 + int(random() * 21 * 3600) for _ in range(1 << 14)]
    return [hours[second // 3600] + rest[second % 3600] for second in seconds]


@cache
def _within_an_hour(fraction: str) -> list[str]:
    """Return each second of an hour as ``59:59.000``."""
    return [f"{second // 60:02}:{second % 60:02}{fraction}" for second in range(3600)]


def _mailboxes(rng: Random, exported: datetime, certificates: int) -> list[tuple[Provider, Iterator[str]]]:
    """Return providers with the certificates of their mailboxes: always the same, or with 0, always a new one."""
    mailboxes: list[tuple[Provider, Iterator[str]]] = []
    for number in range(certificates or len(PROVIDERS)):
        provider = PROVIDERS[number % len(PROVIDERS)]
        der = make_certificate(
            rng, provider.organisation, provider.name, exported - timedelta(days=_certificate_age(number))
        )
        same = repeat(base64.b64encode(der).decode())
        mailboxes.append((provider, same if certificates else distinct_certificates(rng, der)))
    return mailboxes


def _certificate_age(number: int) -> int:
    """Return the age in days of the certificate with this number: none is about to expire."""
    return 400 + number % 200


def _default_values(mailbox: tuple[Provider, Iterator[str]]) -> Person:
    """Return a value for every column except times, for persons who lack some."""
    provider, certificate = mailbox
    return {
        "reservasjon": "NEI",
        "status": "AKTIV",
        "beskrivelse": "Syntetisk",
        "varslingsstatus": "KAN_IKKE_VARSLES",
        "mobiltelefonnummer": "42000000",
        "epostadresse": "syntetisk@example.no",
        "postkasseadresse": "syntetisk.person#0001",
        "postkasseleverandoer_adresse": provider.organisation,
        "x509_sertifikat": next(certificate),
    }
