"""The made-up register answers the mailbox providers as documented, and each change gets the next number."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from krr_export.synthetic.certificates import make_certificate
from krr_export.synthetic.register.state import OPERATIONS, Cause, Register, notification_state

if TYPE_CHECKING:
    from krr_export.synthetic.persons import Person

NOW = datetime(2026, 3, 1, 11, 0, 0, 123456, tzinfo=UTC)
ACTIVE, WITH_MAILBOX, RESERVED, DELETED, UNKNOWN = (
    "03851598730",
    "41819077302",
    "21837749090",
    "05835717978",
    "24871056311",
)
DIGIPOST, EBOKS = "984661185", "996460320"


def certificate(name: str) -> str:
    return base64.b64encode(make_certificate(Random(name), DIGIPOST, name, NOW)).decode()  # noqa: S311 - no secret


FIRST, SECOND = certificate("first"), certificate("second")


@pytest.fixture
def register() -> Register:
    persons: list[Person] = [
        {"personidentifikator": ACTIVE, "status": "AKTIV", "reservasjon": "NEI"},
        {
            "personidentifikator": WITH_MAILBOX,
            "status": "AKTIV",
            "mobiltelefonnummer": "42000000",
            "epostadresse": "syntetisk@example.no",
            "postkasseadresse": "syntetisk#0001",
            "postkasseleverandoer_adresse": DIGIPOST,
            "x509_sertifikat": FIRST,
        },
        {"personidentifikator": RESERVED, "status": "AKTIV", "reservasjon": "JA"},
        {"personidentifikator": DELETED, "status": "SLETTET"},
    ]
    return Register(persons, change_number=100, clock=lambda: NOW, certificates={DIGIPOST: FIRST, EBOKS: SECOND})


def mailbox(register: Register, identifier: str) -> tuple[str | None, str | None, str | None]:
    person = register.persons[identifier]
    address, provider = person.get("postkasseadresse"), person.get("postkasseleverandoer_adresse")
    return address, provider, person.get("x509_sertifikat")


OF_PERSON = ["KanVelgeSikkerDigitalPostkasse"]
OF_PROVIDER = ["VelgSikkerDigitalPostkasse", "SlettPostkasse"]
OF_MAILBOX = ["OpprettPostkasse", "OpprettOgVelgSikkerDigitalPostkasse", "OppdaterPostkasse"]


def call(register: Register, name: str, identifier: str, provider: str = DIGIPOST, *more: str) -> str:
    arguments = [identifier, provider, "syntetisk#0002", *more]
    return str(OPERATIONS[name](register, *arguments[: 1 if name in OF_PERSON else 2 if name in OF_PROVIDER else None]))


def test_every_operation_of_the_service_is_there() -> None:
    assert {*OPERATIONS} == {*OF_PERSON, *OF_PROVIDER, *OF_MAILBOX}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_wrong_or_unknown_person_is_refused(register: Register, name: str) -> None:
    no = "NEI" if name in OF_PERSON else "FEILET"
    for wrong in ("", "0385159873", "03851598731", "0385159873x", "038515987300"):
        assert call(register, name, wrong) == f"{no} UGYLDIG_PERSONNUMMER"
    assert call(register, name, UNKNOWN) == call(register, name, DELETED) == f"{no} BRUKER_IKKE_FUNNET"
    assert (register.change_number, register.last_changes) == (100, {})


@pytest.mark.parametrize("name", [*OF_PROVIDER, *OF_MAILBOX])
def test_a_wrong_provider_is_refused(register: Register, name: str) -> None:
    for wrong in ("", DIGIPOST[:-1], "974760673"):
        assert call(register, name, ACTIVE, wrong) == "FEILET UGYLDIG_ORGNR"
    assert register.change_number == 100


@pytest.mark.parametrize("name", OF_MAILBOX)
def test_a_wrong_certificate_is_refused(register: Register, name: str) -> None:
    identifier = WITH_MAILBOX if name == "OppdaterPostkasse" else ACTIVE
    before = dict(register.persons[identifier])
    for wrong in ("AAAA*", "AAAA", FIRST[:-8]):
        assert call(register, name, identifier, DIGIPOST, wrong) == "FEILET UGYLDIG_SERTIFIKAT"
    assert register.persons[identifier] == before


def test_whether_a_person_may_choose(register: Register) -> None:
    assert str(register.can_choose_mailbox(ACTIVE)) == "JA"
    assert str(register.can_choose_mailbox(WITH_MAILBOX)) == "NEI ALLEREDE_AKTIV"
    assert str(register.can_choose_mailbox(RESERVED)) == "NEI RESERVERT"
    assert register.change_number == 100


def test_a_created_mailbox_shows_when_it_is_chosen(register: Register) -> None:
    assert call(register, "VelgSikkerDigitalPostkasse", ACTIVE, EBOKS) == "FEILET INGEN_POSTBOKS_FUNNET"
    assert call(register, "OpprettPostkasse", ACTIVE, EBOKS) == "OK"
    assert mailbox(register, ACTIVE) == (None, None, None)
    assert call(register, "OpprettPostkasse", ACTIVE, EBOKS) == "FEILET POSTKASSE_EKSISTERER_ALLEREDE"
    assert call(register, "VelgSikkerDigitalPostkasse", ACTIVE, EBOKS) == "OK"
    assert mailbox(register, ACTIVE) == ("syntetisk#0002", EBOKS, SECOND)
    assert call(register, "VelgSikkerDigitalPostkasse", ACTIVE, EBOKS) == "FEILET ALLEREDE_AKTIV"
    assert (register.change_number, register.last_changes) == (102, {ACTIVE: 102})


def test_created_and_chosen_in_one(register: Register) -> None:
    name = "OpprettOgVelgSikkerDigitalPostkasse"
    assert call(register, name, ACTIVE, DIGIPOST, SECOND) == "OK"
    assert mailbox(register, ACTIVE) == ("syntetisk#0002", DIGIPOST, SECOND)
    assert call(register, name, ACTIVE, DIGIPOST) == "FEILET POSTKASSE_EKSISTERER_ALLEREDE"
    assert call(register, name, WITH_MAILBOX, EBOKS) == "FEILET ALLEREDE_AKTIV"
    assert call(register, name, RESERVED, EBOKS) == "FEILET RESERVERT"
    assert call(register, "VelgSikkerDigitalPostkasse", RESERVED, EBOKS) == "FEILET RESERVERT"


def test_updated_mailboxes_keep_the_certificate_unless_another_is_given(register: Register) -> None:
    assert call(register, "OppdaterPostkasse", WITH_MAILBOX, DIGIPOST) == "OK"
    assert mailbox(register, WITH_MAILBOX) == ("syntetisk#0002", DIGIPOST, FIRST)
    assert call(register, "OppdaterPostkasse", WITH_MAILBOX, DIGIPOST, SECOND) == "OK"
    assert mailbox(register, WITH_MAILBOX) == ("syntetisk#0002", DIGIPOST, SECOND)
    assert call(register, "OppdaterPostkasse", WITH_MAILBOX, EBOKS) == "FEILET INGEN_POSTBOKS_FUNNET"


def test_a_waiting_mailbox_is_updated_and_deleted_unseen(register: Register) -> None:
    before = mailbox(register, WITH_MAILBOX)
    assert call(register, "OpprettPostkasse", WITH_MAILBOX, EBOKS) == "OK"
    register.update_mailbox(WITH_MAILBOX, EBOKS, "0000000001")
    assert mailbox(register, WITH_MAILBOX) == before
    assert call(register, "SlettPostkasse", WITH_MAILBOX) == "OK"
    assert mailbox(register, WITH_MAILBOX) == (None, None, None)
    assert call(register, "VelgSikkerDigitalPostkasse", WITH_MAILBOX, EBOKS) == "OK"
    assert mailbox(register, WITH_MAILBOX) == ("0000000001", EBOKS, SECOND)
    assert call(register, "SlettPostkasse", WITH_MAILBOX, DIGIPOST) == "FEILET INGEN_POSTBOKS_FUNNET"


def test_a_provider_without_a_certificate_must_give_one() -> None:
    person = {"personidentifikator": ACTIVE, "status": "AKTIV"}
    register = Register([person], change_number=0, clock=lambda: NOW, certificates={})
    assert register.create_mailbox(ACTIVE, DIGIPOST, "syntetisk#0002").cause is Cause.INVALID_CERTIFICATE
    assert str(register.create_mailbox(ACTIVE, DIGIPOST, "syntetisk#0002", FIRST)) == "OK"
    assert person == {"personidentifikator": ACTIVE, "status": "AKTIV"}, "the register has a copy"


def test_who_is_deleted_has_nothing_left(register: Register) -> None:
    register.create_mailbox(WITH_MAILBOX, EBOKS, "0000000001")
    register.delete(WITH_MAILBOX, "Utgått")
    assert register.persons[WITH_MAILBOX] == {
        "personidentifikator": WITH_MAILBOX,
        "status": "SLETTET",
        "beskrivelse": "Utgått",
        "varslingsstatus": "KAN_IKKE_VARSLES",
    }
    register.add({"personidentifikator": WITH_MAILBOX, "status": "AKTIV"})
    assert call(register, "VelgSikkerDigitalPostkasse", WITH_MAILBOX, EBOKS) == "FEILET INGEN_POSTBOKS_FUNNET"


def test_what_citizens_change_is_dated_now_and_numbered(register: Register) -> None:
    register.set_channel(ACTIVE, "epostadresse", "ny@example.no")
    person, now = register.persons[ACTIVE], "2026-03-01T12:00:00.000+01:00"
    assert person["epostadresse"] == "ny@example.no"
    assert person["epostadresse_sist_oppdatert"] == person["epostadresse_sist_verifisert"] == now
    assert person["varslingsstatus"] == "KAN_VARSLES"
    register.set_reservation(ACTIVE, reserved=True)
    assert (person["reservasjon"], person["varslingsstatus"]) == ("JA", "KAN_IKKE_VARSLES")
    register.verify_channels(WITH_MAILBOX)
    other = register.persons[WITH_MAILBOX]
    assert other["mobiltelefonnummer_sist_verifisert"] == other["epostadresse_sist_verifisert"] == now
    register.remove_channel(WITH_MAILBOX, "epostadresse")
    assert [name for name in other if name.startswith("epostadresse")] == []
    register.set_reservation(ACTIVE, reserved=False)
    assert list(register.last_changes.items()) == [(WITH_MAILBOX, 104), (ACTIVE, 105)]


@pytest.mark.parametrize(("days", "state"), [(1, "KAN_VARSLES"), (-1, "KAN_IKKE_VARSLES")])
def test_contact_data_serves_for_eighteen_months(days: int, state: str) -> None:
    moment = datetime(2024, 9, 1, 11, 0, 0, tzinfo=UTC) + timedelta(days=days)
    person = {"status": "AKTIV", "mobiltelefonnummer": "42000000"}
    for column in ("mobiltelefonnummer_sist_oppdatert", "mobiltelefonnummer_sist_verifisert"):
        assert notification_state(person | {column: moment.isoformat()}, NOW) == state
    assert notification_state(person, NOW) == "KAN_IKKE_VARSLES"
