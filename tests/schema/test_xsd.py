"""The project's own schemas say what the published ones say, and what each validating engine makes of them is known."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import xmlschema
from exports.mutant_values import values
from exports.mutants import XSD, Mutant, fewer, mutants, mutants_of
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

VERSIONS = ("14-05", "16-02")
TOP = Path(__file__).parents[2]
PUBLISHED = TOP.parent / "shared" / "reference" / "xsd"
PARTS = 4

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published schemas are not at hand (../shared/reference/xsd)"
)


EXPORT_14_05 = [XSD / f"{name}-14-05.xsd" for name in ("kontaktregister-export", "oppslagstjeneste-metadata")]
"""The files of the export's schema: others of that version are of the web service."""


def own(version: str) -> Path:
    """The project's schema of the export with this version's Person."""
    return XSD / f"kontaktregister-export-{version}.xsd"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The published schema of the export; for 16-02 as the publisher never wrote it, importing 16-02's Person."""
    folder = tmp_path_factory.mktemp("published")

    @cache
    def path(version: str) -> Path:
        text = (PUBLISHED / "kontaktregister-export-14-05.xsd").read_text(encoding="utf-8")
        metadata = PUBLISHED / f"oppslagstjeneste-metadata-{version}.xsd"
        text, times = re.subn(r'(?<=schemaLocation=")[^"]+', metadata.as_uri(), text)
        assert times == 1
        written = folder / f"kontaktregister-export-{version}.xsd"
        written.write_text(text, encoding="utf-8")
        return written

    return path


@cache
def all_mutants(version: str, published: Path) -> list[Mutant]:
    """The mutants by the project's own schema and by the published one, each document once."""
    every = chain(mutants(version), mutants_of(xmlschema.XMLSchema(published)))
    return list({mutant.document: mutant for mutant in every}.values())


# The last document only: schemas are compared document by document, and all parsed documents would be much memory.
parsed = lru_cache(maxsize=1)(etree.fromstring)
resource = lru_cache(maxsize=1)(xmlschema.XMLResource)


@cache
def libxml2(schema: Path) -> Callable[[bytes], bool]:
    """The verdict of libxml2 by this schema."""
    compiled = etree.XMLSchema(etree.parse(schema))
    return cache(lambda document: compiled.validate(parsed(document)))


@cache
def xmlschema_package(schema: Path) -> Callable[[bytes], bool | None]:
    """The verdict of the xmlschema package by this schema; None where it cannot come to one."""
    compiled = xmlschema.XMLSchema(schema)

    @cache
    def verdict(document: bytes) -> bool | None:
        try:
            return compiled.is_valid(resource(document))
        except KeyError:  # a type named by xsi:type that the schema does not have
            return False
        except OverflowError:  # a year that is too much for it
            return None

    return verdict


@needs_published
@pytest.mark.parametrize("version", VERSIONS)
def test_libxml2_says_the_same_by_the_published_schema(version: str, published: Callable[[str], Path]) -> None:
    ours, theirs = libxml2(own(version)), libxml2(published(version))
    cases = all_mutants(version, published(version))
    assert [case.name for case in cases if ours(case.document) != theirs(case.document)] == []


@needs_published
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("version", VERSIONS)
def test_xmlschema_says_the_same_by_the_published_schema(
    version: str, part: int, published: Callable[[str], Path]
) -> None:
    ours, theirs = xmlschema_package(own(version)), xmlschema_package(published(version))
    cases = fewer(version, all_mutants(version, published(version)))[part::PARTS]
    assert [case.name for case in cases if ours(case.document) != theirs(case.document)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_mutants_are_many_and_distinct_and_of_both_verdicts(version: str) -> None:
    cases = mutants(version)
    assert len(cases) > 5000
    assert [name for name, times in Counter(case.name for case in cases).items() if times > 1] == []
    assert len({case.document for case in cases}) == len(cases)
    verdicts = Counter(libxml2(own(version))(case.document) for case in cases)
    assert verdicts[True] > 2000
    assert verdicts[False] > 4000
    assert libxml2(own(version))(cases[0].document), "the document that all come from is valid"


def test_an_element_added_to_the_schema_gives_mutants_of_its_own(tmp_path: Path) -> None:
    for path in EXPORT_14_05:
        text = path.read_text(encoding="utf-8")
        anchor = '<xs:element name="status" '
        new = '<xs:element name="nytt" type="xs:long" minOccurs="0"/>'
        (tmp_path / path.name).write_text(text.replace(anchor, new + anchor), encoding="utf-8")
    changed = [case.name for case in mutants_of(xmlschema.XMLSchema(tmp_path / own("14-05").name))]
    assert sum("/nytt: " in name for name in changed) > 100
    assert len(changed) > len(mutants()) + 500


SMALL_CHANGES = (
    *(
        (rf'ength value="{limit}"', f'ength value="{limit + step}"')
        for limit in (3, 8, 20, 50, 100)
        for step in (-1, 1)
    ),
    *(('<xs:length value="11"/>', f'<xs:{facet} value="11"/>') for facet in ("minLength", "maxLength")),
    (r'<xs:enumeration value="\w+"/>', ""),
    (r'<xs:restriction base="xs:string">', '<xs:restriction base="xs:token">'),
    (r'<xs:restriction base="xs:base64Binary"/>', '<xs:restriction base="xs:string"/>'),
    (r'type="xs:dateTime"', 'type="xs:string"'),
    (r'type="xs:dateTime"', 'type="xs:date"'),
    (r'type="xs:long"', 'type="xs:integer"'),
    (r'type="xs:long"', 'type="xs:unsignedLong"'),
    (r' use="required"', ""),
    (r'(?<="xs:dateTime")>', ' use="required">'),
    (r' minOccurs="0"', ""),
    (r' maxOccurs="unbounded"', ""),
    (r'(<xs:element name="\w+" type="p:(?!Person)\w+")>', r'\1 minOccurs="0">'),
    (r'(<xs:element name="\w+" type="p:(?!Person)\w+"[^>]*)>', r'\1 maxOccurs="2">'),
    (r'(<xs:element name="\w+" type="p:(?!Person)\w+"[^>]*)>', r'\1 nillable="true">'),
    (r'elementFormDefault="qualified"', 'elementFormDefault="qualified" attributeFormDefault="qualified"'),
)


def test_each_small_change_of_the_schema_shows_on_some_mutant(tmp_path: Path) -> None:
    # What the mutants are worth: where they do not tell two schemas apart, equal verdicts would show nothing.
    texts = {path.name: path.read_text(encoding="utf-8") for path in EXPORT_14_05}
    unnoticed = {}
    for pattern, new in SMALL_CHANGES:
        matches = [(name, match) for name, text in texts.items() for match in re.finditer(pattern, text)]
        assert matches, pattern
        for name, match in matches:
            for other, text in texts.items():
                (tmp_path / other).write_text(text, encoding="utf-8")
            changed = texts[name][: match.start()] + match.expand(new) + texts[name][match.end() :]
            (tmp_path / name).write_text(changed, encoding="utf-8")
            compiled = etree.XMLSchema(etree.parse(tmp_path / own("14-05").name))
            unnoticed[name, match.start(), match[0], new] = compiled
    known = libxml2(own("14-05"))
    for case in mutants():
        document, verdict = parsed(case.document), known(case.document)
        unnoticed = {change: one for change, one in unnoticed.items() if one.validate(document) == verdict}
    assert list(unnoticed) == []


@dataclass(frozen=True)
class Disagreement:
    """A way in which the engines are known to differ, and which mutants show it."""

    title: str
    pattern: str
    libxml2: tuple[bool, ...]
    xmlschema: bool | None
    specification: bool


DISAGREEMENTS = (
    Disagreement(
        "base64 with characters that are not base64's",
        r"X509Sertifikat: = ",
        libxml2=(True,),
        xmlschema=False,
        specification=False,
    ),
    Disagreement(
        "dateTime after white space",
        r"@(eksport|sist)\w+ = .*, (two spaces|space|tab|line feed|carriage return|line end of two) (before|around)",
        libxml2=(False,),
        xmlschema=True,
        specification=True,
    ),
    Disagreement(
        "dateTime of a year beyond twelve digits or so",
        r"@(eksport|sist)\w+ = '\d{12,}-",
        libxml2=(True, False),
        xmlschema=None,
        specification=True,
    ),
    Disagreement(
        "white space that is such to Unicode only",
        r"@\w+ = .*(no-break space|em space|next line)|: (only )?a no-break space",
        libxml2=(False,),
        xmlschema=True,
        specification=False,
    ),
    Disagreement(
        "long with underscores or with digits that are such to Unicode only",
        r"@senesteEndringsNummer = '(1_000|\\u0661|\\uff11)'",
        libxml2=(False,),
        xmlschema=True,
        specification=False,
    ),
)


@pytest.mark.parametrize("version", VERSIONS)
def test_libxml2_and_xmlschema_differ_in_the_known_ways_only(version: str) -> None:
    one, other = libxml2(own(version)), xmlschema_package(own(version))
    met: Counter[str] = Counter()
    unknown = []
    for case in fewer(version, mutants(version)):
        verdicts = one(case.document), other(case.document)
        if verdicts[0] != verdicts[1]:
            known = [
                way.title
                for way in DISAGREEMENTS
                if verdicts[0] in way.libxml2 and verdicts[1] == way.xmlschema and re.search(way.pattern, case.name)
            ]
            met.update(known)
            if len(known) != 1:
                unknown.append((case.name, *verdicts))
    assert unknown == []
    assert set(met) == {way.title for way in DISAGREEMENTS}


def test_every_known_disagreement_is_documented() -> None:
    text = (TOP / "docs/reference/xsd.md").read_text(encoding="utf-8")
    for way in DISAGREEMENTS:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {way.title}")]
        assert row.endswith("**valid** |" if way.specification else "**invalid** |")


# --- the simple types by the letter of XML Schema 1.0, Part 2 ---------------------------------------------------------

XML_SPACE = " \t\r\n"
DATE_TIME = re.compile(
    r"-?(?P<year>[1-9]\d{4,}|\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])"
    r"T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?)"
    r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
BASE64 = re.compile(
    r"(?:(?:[A-Za-z0-9+/] ?){4})*"
    r"(?:(?:[A-Za-z0-9+/] ?){2}[AEIMQUYcgkosw048] ?=|[A-Za-z0-9+/] ?[AQgw] ?= ?=)?",
)


def is_date_time(text: str) -> bool:
    match = DATE_TIME.fullmatch(text)
    if not match or int(match["year"]) == 0:
        return False
    year, month = int(match["year"]), int(match["month"])
    leap = year % 400 == 0 or (year % 4 == 0 and year % 100 != 0)
    return int(match["day"]) <= (28 + leap if month == 2 else 30 + (month + month // 8) % 2)


def is_long(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9]+", text)) and -(2**63) <= int(text) < 2**63


def is_base64(text: str) -> bool:
    return bool(BASE64.fullmatch(text))


GRAMMAR = {"dateTime": is_date_time, "long": is_long, "base64Binary": is_base64}


def collapsed(text: str) -> str:
    """White space as all these types ask: runs of the four characters that XML calls so become one space."""
    return re.sub(f"[{XML_SPACE}]+", " ", text).strip(XML_SPACE)


@pytest.mark.parametrize("type_name", GRAMMAR)
def test_libxml2_errs_about_simple_types_in_the_documented_ways_only(type_name: str) -> None:
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:element name="a" type="xs:{type_name}"/></xs:schema>'
    )
    compiled = etree.XMLSchema(etree.fromstring(schema))
    simple = xmlschema.XMLSchema(schema).elements["a"].type.simple_type
    assert simple
    for label, markup in values(simple):
        element = etree.fromstring(f"<a>{markup}</a>".encode())
        text = element.text or ""
        by_letter = GRAMMAR[type_name](collapsed(text))
        if compiled.validate(element) == by_letter:
            continue
        if by_letter:
            # Refused though valid. What is so refused is a rejected record with a reason: no harm is done.
            too_great = re.match(r"\d{19}", text)
            assert type_name == "dateTime", label
            assert text[0] in XML_SPACE or too_great, label
        else:
            # Taken though invalid: libxml2 passes over all that is not base64's. The tool must decode strictly.
            assert type_name == "base64Binary", label
            assert is_base64(collapsed(re.sub(r"[^A-Za-z0-9+/= ]", "", text))), label


# --- what the tool reads from the schemas beside the types ------------------------------------------------------------


def declarations() -> Iterator[tuple[str, etree._Element]]:
    for path in sorted(XSD.glob("*.xsd")):
        for node in etree.parse(path).iter("{*}element", "{*}attribute"):
            if "name" in node.attrib:
                yield f"{path.name}: {node.get('name')}", node


def test_every_element_and_attribute_is_documented_by_an_english_sentence() -> None:
    names = []
    for name, node in declarations():
        sentences = node.xpath("*[local-name()='annotation']/*[@xml:lang='en']/text()")
        assert isinstance(sentences, list)
        (sentence,) = sentences
        assert re.fullmatch(r"[A-Z][^\n]{10,}[^.]\.", str(sentence)), name
        assert ". " not in str(sentence), f"{name}: one sentence is asked for"
        names.append(name)
    of_exports = [name for name in names if name.startswith(("kontaktregister-", "oppslagstjeneste-metadata-"))]
    assert len(of_exports) == len(VERSIONS) * (3 + 14), "the root and its two attributes, Person and what is in it"


def test_only_the_mailbox_provider_is_a_free_string_of_few_values() -> None:
    marked = [
        name.partition(": ")[2]
        for name, node in declarations()
        if node.xpath("*[local-name()='annotation']/*[@source='krr-export']/text()") == ["low-cardinality"]
    ]
    assert marked == ["postkasseleverandoerAdresse"] * len(VERSIONS)


def test_no_value_is_supplied_by_the_schemas() -> None:
    # A default would make what is written differ from what was delivered.
    assert [name for name, node in declarations() if {"default", "fixed"} & set(node.attrib)] == []
