"""The stand-in's SOAP service answers as the register did, and tells what is wrong by faults."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from command import call
from cryptography import x509
from lxml import etree
from servers import stand_in_server
from servers.stand_in_server import PERSONS_PATH, PROVIDERS_PATH, ask, signer

from krr_export.changes.soap import messages, protocol
from krr_export.changes.soap.envelope import Envelope, SoapFaultError, make_envelope
from krr_export.changes.soap.names import SOAP_11, SOAP_12
from krr_export.changes.soap.signing import Signer, sign
from krr_export.synthetic import NightOptions
from krr_export.synthetic.register.state import notification_state
from krr_export.synthetic.sealing import make_keys
from krr_export.synthetic.services.served_register import ServedRegister, load_register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from command import Ran

    from krr_export.synthetic.persons import Person

DIGIPOST, EBOKS = "984661185", "996460320"
UNKNOWN = "24871056311"
PERSON_NAMESPACE = "{http://begrep.difi.no}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with keys, and an export of 300 persons."""
    directory = tmp_path_factory.mktemp("made")
    make_keys(directory / "keys", orgnr="991825827", bits=2048)
    assert call("sample", directory / "export.xml", "--records", "300", "--seed", "3").code == 0
    return directory


@pytest.fixture
def keys(made: Path) -> Path:
    return made / "keys"


@pytest.fixture
def register(made: Path) -> ServedRegister:
    """A register after a night, in pages of 50."""
    return load_register(made / "export.xml", NightOptions(0.2), page_size=50)


@pytest.fixture
def url(register: ServedRegister, keys: Path) -> Iterator[str]:
    with stand_in_server.served(register, keys) as url:
        yield url


def one(register: ServedRegister, **values: str | None) -> Person:
    """Somebody with these values; ``None`` is to be absent."""
    persons = register.changes_after(0).persons
    return next(person for person in persons if all(person.get(name) == value for name, value in values.items()))


def tags(person: etree._Element) -> set[str]:
    return {etree.QName(child).localname for child in person}


def test_persons_come_in_the_order_asked_with_what_was_asked_for(
    url: str, keys: Path, register: ServedRegister
) -> None:
    person = one(register, status="AKTIV", reservasjon="NEI", postkasseleverandoer_adresse=DIGIPOST)
    asked = [UNKNOWN, person["personidentifikator"], UNKNOWN]
    answer = ask(url, keys, messages.hent_personer(asked))
    assert (answer.name, answer.was_encrypted, answer.find_faults()) == ("HentPersonerRespons", True, [])
    assert [child.findtext(f"{PERSON_NAMESPACE}personidentifikator") for child in answer.message] == asked
    assert [child.findtext(f"{PERSON_NAMESPACE}status") for child in answer.message][::2] == ["IKKE_REGISTRERT"] * 2
    whole = tags(answer.message[1])
    assert {"SikkerDigitalPostAdresse", "X509Sertifikat"} <= whole
    assert "varslingsstatus" not in whole
    for need, shown in (("Sertifikat", "X509Sertifikat"), ("SikkerDigitalPost", "SikkerDigitalPostAdresse")):
        (found,) = ask(url, keys, messages.hent_personer(asked[1:2], ["Person", need])).message  # type: ignore[list-item]  # of both it is one
        assert tags(found) == {"personidentifikator", "reservasjon", "status", shown}


def test_who_asks_for_the_notification_status_gets_no_expired_data(
    url: str, keys: Path, register: ServedRegister
) -> None:
    everybody: list[Person] = []
    known = 0
    while known < register.latest:
        persons, known, _ = register.changes_after(known)
        everybody += persons
    expired = next(
        person
        for person in everybody
        if person["status"] == "AKTIV"
        and person["reservasjon"] == "NEI"
        and "mobiltelefonnummer_sist_oppdatert" in person
        and notification_state(person, register.now) == "KAN_IKKE_VARSLES"
    )
    fresh = next(person for person in everybody if notification_state(person, register.now) == "KAN_VARSLES")
    asked = [expired["personidentifikator"], fresh["personidentifikator"]]
    old, new = ask(url, keys, messages.hent_personer(asked, [*messages.ALL_GROUPS, "VarslingsStatus"])).message
    assert tags(old) == {"personidentifikator", "reservasjon", "status", "varslingsstatus"}
    assert old.findtext(f"{PERSON_NAMESPACE}varslingsstatus") == "KAN_IKKE_VARSLES"
    assert new.findtext(f"{PERSON_NAMESPACE}varslingsstatus") == "KAN_VARSLES"
    assert "Kontaktinformasjon" in tags(new)


def test_changes_come_page_after_page_and_the_first_number_is_included(
    url: str, keys: Path, register: ServedRegister
) -> None:
    seen: list[str | None] = []
    first = 0
    while True:
        answer = ask(url, keys, messages.hent_endringer(first)).message
        numbers = [int(answer.get(f"{name}EndringsNummer", "")) for name in ("fra", "til", "seneste")]
        assert (numbers[0], numbers[2]) == (first, register.latest)
        assert len(answer) <= 50
        seen += [child.findtext(f"{PERSON_NAMESPACE}personidentifikator") for child in answer]
        last, first = first, numbers[1] + 1
        if numbers[1] == numbers[2]:
            break
    assert len(seen) == len(set(seen)) > 300
    again = ask(url, keys, messages.hent_endringer(last)).message
    assert [child.findtext(f"{PERSON_NAMESPACE}personidentifikator") for child in again] == seen[-len(again) :]
    nothing = ask(url, keys, messages.hent_endringer(first)).message
    assert (len(nothing), nothing.get("tilEndringsNummer")) == (0, str(register.latest))


def test_pages_of_rest_hold_the_same_persons(register: ServedRegister) -> None:
    known, seen = 0, 0
    while known < register.latest:
        page, same = register.page_from(known), register.changes_after(known)
        assert (page["fraEndringsId"], page["tilEndringsId"], page["sisteEndringsId"]) == (known, *same[1:])
        identifiers = [person["personidentifikator"] for person in same.persons]
        assert [person["personidentifikator"] for person in page["list"]] == identifiers
        known, seen = page["tilEndringsId"], seen + len(identifiers)
    assert seen > 300
    assert register.page_from(known)["list"] == []


def test_the_printing_provider_has_a_certificate(url: str, keys: Path) -> None:
    provider, certificate = ask(url, keys, messages.hent_print_sertifikat()).message
    assert provider.text == DIGIPOST
    assert x509.load_der_x509_certificate(base64.b64decode(certificate.text or ""))


def perform(url: str, keys: Path, operation: messages.Operation, identifier: str, **values: str) -> str:
    answer = ask(url, keys, messages.mailbox_request(operation, identifier, **values)).message  # type: ignore[arg-type]  # no certificates here
    return " ".join(child.text or "" for child in answer)


def test_mailbox_providers_change_the_register_and_each_change_has_the_next_number(
    url: str, keys: Path, register: ServedRegister
) -> None:
    person = one(register, status="AKTIV", reservasjon="NEI", postkasseadresse=None)["personidentifikator"]
    before = register.latest
    mailbox = {"provider": DIGIPOST, "address": "rask.elv#1234"}
    assert perform(url, keys, "KanVelgeSikkerDigitalPostkasse", person) == "JA"
    assert perform(url, keys, "VelgSikkerDigitalPostkasse", person, provider=DIGIPOST) == "FEILET INGEN_POSTBOKS_FUNNET"
    assert perform(url, keys, "OppdaterPostkasse", person, **mailbox) == "FEILET INGEN_POSTBOKS_FUNNET"
    assert register.latest == before
    assert perform(url, keys, "OpprettPostkasse", person, **mailbox) == "OK"
    assert perform(url, keys, "OpprettPostkasse", person, **mailbox) == "FEILET POSTKASSE_EKSISTERER_ALLEREDE"
    assert perform(url, keys, "VelgSikkerDigitalPostkasse", person, provider=DIGIPOST) == "OK"
    assert perform(url, keys, "KanVelgeSikkerDigitalPostkasse", person) == "NEI ALLEREDE_AKTIV"
    other = {"provider": EBOKS, "address": "0012345678"}
    assert perform(url, keys, "OpprettOgVelgSikkerDigitalPostkasse", person, **other) == "FEILET ALLEREDE_AKTIV"
    assert perform(url, keys, "OppdaterPostkasse", person, **(mailbox | {"address": "rolig.fjord & vik#9"})) == "OK"
    assert register.latest == before + 3
    answer = ask(url, keys, messages.hent_endringer(before + 1)).message
    assert len(answer) == 1
    (address,) = answer.iter(f"{PERSON_NAMESPACE}postkasseadresse")
    assert address.text == "rolig.fjord & vik#9"
    assert perform(url, keys, "SlettPostkasse", person, provider=DIGIPOST) == "OK"
    (found,) = ask(url, keys, messages.hent_personer([person])).message
    assert not tags(found) & {"SikkerDigitalPostAdresse", "X509Sertifikat"}
    assert perform(url, keys, "OpprettOgVelgSikkerDigitalPostkasse", person, **other) == "OK"
    reserved = one(register, status="AKTIV", reservasjon="JA")["personidentifikator"]
    assert perform(url, keys, "KanVelgeSikkerDigitalPostkasse", reserved) == "NEI RESERVERT"
    assert perform(url, keys, "KanVelgeSikkerDigitalPostkasse", UNKNOWN) == "NEI BRUKER_IKKE_FUNNET"
    assert perform(url, keys, "SlettPostkasse", person, provider="123456785") == "FEILET UGYLDIG_ORGNR"


def changes(
    who: Signer,
    *,
    name: str = "HentEndringerForespoersel",
    service: str = "16-02",
    first: str = "1",
    soap: str = SOAP_12,
) -> bytes:
    """A signed request for changes, or nearly one."""
    namespace = f"http://kontaktinfo.difi.no/xsd/oppslagstjeneste/{service}"
    message = etree.Element(f"{{{namespace}}}{name}", fraEndringsNummer=first)
    etree.SubElement(message, f"{{{namespace}}}informasjonsbehov").text = "Person"
    envelope = make_envelope(message, soap=soap)
    sign(envelope, who)
    return etree.tostring(envelope.root)


def post(url: str, document: bytes) -> tuple[int, str, bytes]:
    """The status, the type and the content of what is answered."""
    try:
        with urllib.request.build_opener().open(url, document) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers["Content-Type"], answer.read()


def test_what_is_wrong_with_a_request_is_told_by_a_fault_and_changes_nothing(
    url: str, keys: Path, register: ServedRegister
) -> None:
    before = register.latest
    person = one(register, status="AKTIV", reservasjon="NEI", postkasseadresse=None)["personidentifikator"]
    mailbox = messages.mailbox_request(
        "OpprettOgVelgSikkerDigitalPostkasse", person, provider=DIGIPOST, address="rask.elv#1234"
    )
    client = signer(keys)
    good = protocol.sign_request(mailbox, client).document
    unsigned = etree.tostring(make_envelope(messages.hent_print_sertifikat()).root)
    for path, document, status, code in (
        (PROVIDERS_PATH, good.replace(b"rask.elv#1234", b"rask.elv#1235"), 500, "InvalidSecurity"),
        (PERSONS_PATH, changes(signer(keys, "publisher")), 400, "InvalidSecurity"),
        (PERSONS_PATH, unsigned, 400, "InvalidSecurity"),
        (PERSONS_PATH, good, 500, "Client"),
        (PROVIDERS_PATH, changes(client), 400, "Sender"),
        (PERSONS_PATH, changes(client, name="HentAltForespoersel"), 400, "Sender"),
        (PERSONS_PATH, changes(client, name="HentEndringerRespons"), 400, "Sender"),
        (PERSONS_PATH, changes(client, service="14-05", soap=SOAP_11), 500, "Client"),
        (PERSONS_PATH, changes(client, first="x"), 400, "Sender"),
        (PERSONS_PATH, changes(client, soap=SOAP_11), 500, "VersionMismatch"),
        (PERSONS_PATH, b"<a/>", 400, "Sender"),
        (PERSONS_PATH, b"x", 400, "Sender"),
        (PERSONS_PATH, b"<!DOCTYPE a>" + good, 400, "Sender"),
    ):
        answered, kind, content = post(url + path, document)
        envelope = Envelope.parse(content)
        with pytest.raises(SoapFaultError) as caught:
            envelope.raise_for_fault()
        assert (caught.value.code, answered) == (code, status)
        assert kind.startswith("application/soap+xml;" if envelope.soap == SOAP_12 else "text/xml;")
        assert person.encode() not in content
    assert register.latest == before
    assert post(url + PERSONS_PATH, changes(client))[0] == post(url + PROVIDERS_PATH, good)[0] == 200
    assert register.latest == before + 1
    assert post(url + "ws-v3", good)[0] == 404


def test_a_register_is_made_of_a_sample_that_another_night_can_follow(made: Path, krr: Callable[..., Ran]) -> None:
    """What ``sample --from`` refuses is refused in the same words."""
    faulty, small = made / "faulty.xml", made / "small.xml"
    call("sample", faulty, "--records", "100", "--faults", "20%")
    call("sample", small, "--records", "20", "--change-number", "10")
    alien = made / "alien.xml"
    alien.write_bytes((made / "export.xml").read_bytes())
    for base in (faulty, alien, made / "none.xml", made / "keys" / "receiver.pem"):
        refused = krr("stand-in", "--register", base, "--keys", made / "keys")
        as_sample = krr("sample", made / "next.xml", "--from", base, "--change", "1%")
        assert (refused.code, refused.last, refused.out) == (as_sample.code, as_sample.last, "")
        assert refused.code in {2, 3}
    refused = krr("stand-in", "--register", small, "--keys", made / "keys")
    assert (refused.code, "more persons than changes" in refused.last) == (2, True)
    for both in ((), ("--pages", made, "--register", small)):
        assert "give one of them" in krr("stand-in", *both, "--keys", made / "keys").last
