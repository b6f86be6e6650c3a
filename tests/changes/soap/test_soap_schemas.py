"""The project's own XSDs and WSDL of the closed services say what the published ones say; builders keep to them."""

from __future__ import annotations

import copy
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soap_parties
from lxml import etree

from krr_export.changes.soap import messages
from krr_export.changes.soap.names import PROVIDERS_V1, SERVICE_14_05, SERVICE_16_02
from krr_export.changes.soap.schemas import ANSWER, REQUEST, check_known, find_faults
from krr_export.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP = Path(__file__).parents[3]
XSD = TOP / "xsd"
PUBLISHED = TOP.parent / "shared" / "reference"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published schemas are not at hand (../shared/reference)"
)
ORGNR = soap_parties.ORGNR
NUMBER = "12824747235"


def _mailbox_messages() -> Iterator[etree._Element]:
    for operation in messages.OPERATIONS:
        provider = None if operation == "KanVelgeSikkerDigitalPostkasse" else ORGNR
        opens = operation in messages.OPERATIONS[2:5]
        yield messages.mailbox_request(
            operation,
            NUMBER,
            provider=provider,
            address="ola.nordmann#1234" if opens else None,
            certificate=b"DER" if opens else None,
        )
        yield messages.mailbox_answer(operation, "OK" if provider else "JA", "ALLEREDE_AKTIV")


def valid_messages() -> list[etree._Element]:
    """One valid message of each kind that 16-02 and the mailbox providers' service have, and the header."""
    return [
        messages.hent_personer([NUMBER, NUMBER], messages.NEEDS),
        messages.hent_personer_respons(soap_parties.persons(2)),
        messages.hent_endringer(0),
        messages.hent_endringer_respons(1, 2, 3, soap_parties.persons(2)),
        messages.hent_print_sertifikat(),
        messages.hent_print_sertifikat_respons(ORGNR, b"DER"),
        messages.paa_vegne_av(ORGNR),
        *_mailbox_messages(),
    ]


TEXTS = (
    *("", " ", "x", "JA", "NEI", "OK", "FEILET", "Person", "VarslingsStatus", "Spraak", "RESERVERT", "1", "-1", "1.5"),
    *(str(2**63 - 1), str(2**63), str(-(2**63)), str(-(2**63) - 1), " 7 ", "x" * 7, "x" * 8, "x" * 10, "x" * 11),
    *("x" * 12, "x" * 20, "x" * 21, "x" * 100, "x" * 101, "AAAA", "=", "AKTIV", "KAN_VARSLES", "2026-02-26T11:22:25Z"),
)


def changed(message: etree._Element) -> Iterator[etree._Element]:
    """The message itself, and others, each off it in one way."""
    yield message
    for position, element in enumerate(message.iter(etree.Element)):
        for change in _changes(element):
            other = copy.deepcopy(message)
            change(list(other.iter(etree.Element))[position])
            yield other


def _changes(element: etree._Element) -> Iterator[Callable[[etree._Element], object]]:
    attributes = [*map(str, element.keys()), "fraEndringsNummer", "other", "{urn:other}other"]
    if len(element) == 0:
        yield from (partial(_write, text=text) for text in TEXTS)
    for name in attributes:
        yield from (partial(_set, name=name, value=text) for text in TEXTS)
        yield partial(_set, name=name, value=None)
    tag = etree.QName(element)
    for other in (f"{{{tag.namespace}}}other", tag.localname, f"{{{SERVICE_14_05}}}{tag.localname}"):
        yield partial(_rename, tag=other)
    yield lambda one: etree.SubElement(one, tag)
    yield lambda one: etree.SubElement(one, f"{{{tag.namespace}}}informasjonsbehov")
    yield partial(_write, text="text")
    yield lambda one: one.__delitem__(slice(None))
    if element.getparent() is not None:
        yield _remove
        yield lambda one: one.addnext(copy.deepcopy(one))
        yield _move_last
        for count in (999, 1000, 1001):
            yield partial(_repeat, count=count)


def _write(element: etree._Element, text: str) -> None:
    element.text = text


def _rename(element: etree._Element, tag: str) -> None:
    element.tag = tag


def _set(element: etree._Element, name: str, value: str | None) -> None:
    element.attrib.pop(name, None)
    if value is not None:
        element.set(name, value)


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _move_last(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.append(element)


def _repeat(element: etree._Element, *, count: int) -> None:
    for _ in range(count - 1):
        element.addnext(copy.deepcopy(element))


PAIRS = {
    SERVICE_16_02: ("oppslagstjeneste-ws-16-02.xsd", "xsd/oppslagstjeneste-ws-16-02.xsd"),
    SERVICE_14_05: ("oppslagstjeneste-ws-14-05.xsd", "xsd/oppslagstjeneste-ws-14-05.xsd"),
    PROVIDERS_V1: ("postkasseleverandoer-messages.xsd", "postkasse/postkasseleverandoer-messages.xsd"),
}


@cache
def own(namespace: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD / PAIRS[namespace][0]))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, etree.XMLSchema]:
    """The published schemas in one directory: that of the mailbox providers imports one of the others."""
    folder = tmp_path_factory.mktemp("published")
    for path in PUBLISHED.rglob("*.xsd"):
        (folder / path.name).write_bytes(path.read_bytes())
    return {namespace: etree.XMLSchema(etree.parse(folder / Path(name).name)) for namespace, (_, name) in PAIRS.items()}


def cases(namespace: str) -> Iterator[etree._Element]:
    """Messages of a service, valid and not; those of 14-05 are 16-02's under another name."""
    for message in valid_messages():
        of = etree.QName(message).namespace
        if namespace == PROVIDERS_V1 and of == PROVIDERS_V1:
            yield from changed(message)
        if namespace != PROVIDERS_V1 and of == SERVICE_16_02:
            text = etree.tostring(message).replace(SERVICE_16_02.encode(), namespace.encode())
            yield from changed(etree.fromstring(text))


@pytest.mark.slow
@needs_published
@pytest.mark.parametrize("namespace", PAIRS)
def test_the_published_schema_comes_to_the_same_verdict(namespace: str, published: dict[str, etree.XMLSchema]) -> None:
    verdicts = {True: 0, False: 0}
    for message in cases(namespace):
        document = etree.ElementTree(etree.fromstring(etree.tostring(message)))
        verdict = own(namespace).validate(document)
        assert published[namespace].validate(document) == verdict, etree.tostring(document)[:2000]
        verdicts[verdict] += 1
    assert min(verdicts.values()) > 50


def _normal(element: etree._Element) -> tuple[object, ...]:
    """What an element of a WSDL says, whatever its prefixes; without the address, where nothing is any more."""
    attributes = {str(name): _expanded(element, str(value)) for name, value in element.items() if name != "location"}
    return element.tag, sorted(attributes.items()), [_normal(child) for child in element.iterchildren(etree.Element)]


def _expanded(element: etree._Element, value: str) -> str:
    prefix, colon, name = value.partition(":")
    return f"{{{element.nsmap[prefix]}}}{name}" if colon and prefix in element.nsmap else value


@needs_published
def test_the_wsdl_says_what_the_published_one_says() -> None:
    name = "oppslagstjeneste-ws-16-02.wsdl"
    ours, theirs = (etree.parse(path).getroot() for path in (XSD / name, PUBLISHED / "xsd" / name))
    assert _normal(ours) == _normal(theirs)
    assert _normal(ours)[2]


SMALL_CHANGES = (
    (r' maxOccurs="unbounded"', ""),
    (r' maxOccurs="1000"', ' maxOccurs="999"'),
    (r' maxOccurs="1000"', ' maxOccurs="1001"'),
    (r' minOccurs="0"', ""),
    (r' minOccurs="1"', ' minOccurs="0"'),
    (r' use="required"', ""),
    (r'<xs:enumeration value="(JA|OK|FEILET|Person|RESERVERT|VarslingsStatus)"/>', ""),
    (r'base="xs:long"', 'base="xs:integer"'),
    (r'base="xs:long"', 'base="xs:unsignedLong"'),
    (r'elementFormDefault="qualified"', ""),
    (r'(<xs:element name="\w+" type="[pl]:\w+")>', r'\1 minOccurs="0">'),
    (r'type="p:\w+"', 'type="xs:string"'),
)


@pytest.mark.slow
def test_each_small_change_of_the_schemas_shows_on_some_message(tmp_path: Path) -> None:
    # What the messages are worth: where they do not tell two schemas apart, equal verdicts would show nothing.
    for path in XSD.glob("*.xsd"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    unnoticed = []
    for namespace in (SERVICE_16_02, PROVIDERS_V1):
        name = PAIRS[namespace][0]
        text = (XSD / name).read_text(encoding="utf-8")
        documents = [etree.ElementTree(etree.fromstring(etree.tostring(case))) for case in cases(namespace)]
        verdicts = [own(namespace).validate(document) for document in documents]
        for pattern, new in SMALL_CHANGES:
            for match in re.finditer(pattern, text):
                mutated = text[: match.start()] + match.expand(new) + text[match.end() :]
                schema = etree.XMLSchema(etree.fromstring(mutated.encode(), base_url=str(tmp_path / name)))
                if all(schema.validate(one) == known for one, known in zip(documents, verdicts, strict=True)):
                    unnoticed.append((name, match.start(), match[0], new))
    assert unnoticed == []


def test_what_builders_make_is_valid() -> None:
    assert [find_faults(message) for message in valid_messages()] == [[]] * len(valid_messages())


@pytest.mark.parametrize(
    "make",
    [
        lambda: messages.hent_personer([]),
        lambda: messages.hent_personer([NUMBER], []),
        lambda: messages.hent_personer(["1282474723"]),
        lambda: messages.hent_personer([NUMBER] * 1001),
        lambda: messages.hent_personer(["1282474723\0"]),
        lambda: messages.hent_endringer(2**63),
        lambda: messages.hent_endringer(1, ["Spraak"]),  # type: ignore[list-item]  # that is the point
        lambda: messages.paa_vegne_av("99182582"),
        lambda: messages.paa_vegne_av("99182582x"),
        lambda: messages.hent_personer_respons([]),
        lambda: messages.mailbox_request("SlettPostkasse", NUMBER),
        lambda: messages.mailbox_request("KanVelgeSikkerDigitalPostkasse", NUMBER, provider=ORGNR),
        lambda: messages.mailbox_answer("SlettPostkasse", "JA"),
        lambda: messages.mailbox_answer("SlettPostkasse", "FEILET", "because"),
    ],
)
def test_a_builder_makes_nothing_that_is_not_valid_and_quotes_no_value(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert NUMBER[:10] not in str(caught.value)
    assert "because" not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [b"<a/>", b'<Person xmlns="http://begrep.difi.no"/>', f'<OtherRespons xmlns="{SERVICE_16_02}"/>'.encode()],
)
def test_what_is_no_message_of_these_services_is_refused(message: bytes) -> None:
    for ending in (ANSWER, REQUEST):
        with pytest.raises(InputError, match="the body is not"):
            check_known(etree.fromstring(message), ending)


def test_the_places_of_faults_have_no_values() -> None:
    page = messages.hent_endringer_respons(1, 2, 3, soap_parties.persons(2))
    page[1][0].text = "hemmelig"
    (place,) = find_faults(page)
    assert "hemmelig" not in place
    assert place == "*/Person/personidentifikator"
