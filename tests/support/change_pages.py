"""Exports and pages of the change feed, read otherwise than the program reads them."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lxml import etree

if TYPE_CHECKING:
    from pathlib import Path

PERSON = "{http://begrep.difi.no}Person"
OSLO = ZoneInfo("Europe/Oslo")

Values = dict[str, str]


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def values_of(person: etree._Element) -> Values:
    """A person as values by path: another reading than the program's."""
    values: Values = {}

    def walk(element: etree._Element, path: str) -> None:
        for name, value in element.attrib.items():
            values[f"{path}/@{name}"] = str(value)
        for child in element.iterchildren("*"):
            walk(child, f"{path}/{etree.QName(child).localname}")
        if len(element) == 0:
            values[path] = element.text or ""

    walk(person, "")
    return values


def persons_of(document: bytes) -> dict[str, Values]:
    """Persons of a document in XML by identity number, in its order."""
    found = [values_of(person) for person in etree.fromstring(document).iter(PERSON)]
    persons = {values["/personidentifikator"]: values for values in found}
    assert len(persons) == len(found)
    return persons


PATHS = {
    "personidentifikator": "/personidentifikator",
    "reservasjon": "/reservasjon",
    "status": "/status",
    "varslingsstatus": "/varslingsstatus",
    "mobiltelefonnummer": "/Kontaktinformasjon/Mobiltelefonnummer",
    "mobiltelefonnummer_oppdatert": "/Kontaktinformasjon/Mobiltelefonnummer/@sistOppdatert",
    "mobiltelefonnummer_sist_verifisert": "/Kontaktinformasjon/Mobiltelefonnummer/@sistVerifisert",
    "epostadresse": "/Kontaktinformasjon/Epostadresse",
    "epostadresse_oppdatert": "/Kontaktinformasjon/Epostadresse/@sistOppdatert",
    "epostadresse_sist_verifisert": "/Kontaktinformasjon/Epostadresse/@sistVerifisert",
    "postkasseadresse": "/SikkerDigitalPostAdresse/postkasseadresse",
    "postkasseleverandoeradresse": "/SikkerDigitalPostAdresse/postkasseleverandoerAdresse",
    "sertifikat": "/X509Sertifikat",
}
"""From the names in JSON to those in XML."""


def from_json(person: dict[str, Any]) -> Values:
    """A person of a JSON page as one in XML."""
    flat = {**person, **(person.get("kontaktinformasjon") or {}), **(person.get("digital_post") or {})}
    known = {name: value for name, value in flat.items() if name in PATHS and value is not None}
    assert {*flat} - {*PATHS} <= {"kontaktinformasjon", "digital_post", "spraak"}
    if "sertifikat" in known:
        known["sertifikat"] = "".join(re.findall(r"^[A-Za-z0-9+/=]+$", known["sertifikat"], re.MULTILINE))
    return {PATHS[name]: value for name, value in known.items()}


def normal(values: Values, *without: str) -> Values:
    """With moments for times, and without what a page cannot have."""
    normalized = {}
    for path, value in values.items():
        normalized[path] = in_utc(value) if "@" in path else value
    return {path: value for path, value in normalized.items() if path not in without}


def in_utc(text: str) -> str:
    """A time in UTC; without an offset it is Norwegian."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=OSLO)).astimezone(UTC).isoformat()


class Page:
    """What a page says."""

    def __init__(self, path: Path) -> None:
        self.path, content = path, path.read_bytes()
        if path.suffix == ".json":
            document = json.loads(content)
            listed = [from_json(person) for person in document["list"]]
            self.persons = {values["/personidentifikator"]: values for values in listed}
            assert len(listed) == len(self.persons)
            names = "fraEndringsId", "tilEndringsId", "sisteEndringsId"
            self.first, self.last, self.latest = (document[name] for name in names)
        else:
            [root] = etree.fromstring(content).xpath("//*[local-name() = 'HentEndringerRespons']")
            self.persons = persons_of(content)
            names = "fraEndringsNummer", "tilEndringsNummer", "senesteEndringsNummer"
            self.first, self.last, self.latest = (int(root.get(name)) for name in names)

    @property
    def inclusive(self) -> bool:
        return self.path.suffix == ".xml"


def pages_in(directory: Path) -> list[Page]:
    """The pages by their names; their numbers follow on each other."""
    pages = [Page(path) for path in sorted(directory.iterdir())]
    for before, page in pairwise(pages):
        assert page.first == before.last + page.inclusive
        assert before.persons
    assert {page.latest for page in pages} == {pages[-1].last}
    assert all(re.fullmatch(rf"endringer-0*{page.first}-0*{page.last}\.\w+", page.path.name) for page in pages)
    return pages


def numbers_of(path: Path) -> tuple[datetime, int]:
    root = etree.fromstring(read(path))
    return datetime.fromisoformat(root.get("eksportTidspunkt", "")), int(root.get("senesteEndringsNummer", ""))
