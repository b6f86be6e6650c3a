"""A changed schema is read by both readers unchanged, and alike: its names and types are written nowhere else."""

from __future__ import annotations

import re
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING

import pytest
import xmlschema
from agreement import disagreements, outcome, pick_out, pieces_of
from exports.mutants import XSD, mutants_of
from exports.odd_exports import Author
from exports.tiny_xml import export, person

from krr_export.schema.registry import load_schema
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.schema.record_schema import RecordSchema

pytestmark = pytest.mark.slow

_BEFORE = '<xs:element name="status" '
"""Where elements are added to a record."""


def simple(name: str, *facets: str, base: str = "xs:string") -> str:
    """A simple type."""
    return (
        f'<xs:simpleType name="{name}"><xs:restriction base="{base}">{"".join(facets)}</xs:restriction></xs:simpleType>'
    )


def facet(name: str, value: str) -> str:
    return f'<xs:{name} value="{value}"/>'


def optional(kind: str) -> str:
    return f'<xs:element name="nytt" type="{kind}" minOccurs="0"/>'


def content(name: str, base: str, *narrowed: str, attributes: str = "", by: str = "restriction") -> str:
    """A type of text and attributes, which extends a simple type, or restricts another of its kind."""
    inner = f'<xs:{by} base="{base}">{"".join(narrowed)}{attributes}</xs:{by}>'
    return f'<xs:complexType name="{name}"><xs:simpleContent>{inner}</xs:simpleContent></xs:complexType>'


def in_place(*facets: str) -> str:
    return f'<xs:simpleType><xs:restriction base="xs:string">{"".join(facets)}</xs:restriction></xs:simpleType>'


NOTED = content("noted", "xs:string", attributes='<xs:attribute name="av"/>', by="extension")
JA, NEI = facet("enumeration", "JA"), facet("enumeration", "NEI")
TEXT_WITH_ATTRIBUTES = {
    "p:noted": NOTED,
    "p:short_noted": NOTED + content("short_noted", "p:noted", facet("maxLength", "3")),
    "p:listed_noted": NOTED + content("listed_noted", "p:noted", in_place(JA)),
    "p:narrowed_noted": NOTED
    + content("wide_noted", "p:noted", in_place(JA, NEI))
    + content("narrowed_noted", "p:wide_noted", facet("maxLength", "2")),
}
"""Likewise, of elements alone."""

TYPES = {
    **TEXT_WITH_ATTRIBUTES,
    "xs:anySimpleType": "",
    "xs:string": "",
    "xs:token": "",
    "xs:normalizedString": "",
    "xs:anyURI": "",
    "xs:date": "",
    "xs:dateTime": "",
    "xs:int": "",
    "xs:unsignedByte": "",
    "xs:decimal": "",
    "xs:boolean": "",
    "xs:hexBinary": "",
    "xs:base64Binary": "",
    "p:lengths": simple("lengths", facet("minLength", "2"), facet("maxLength", "4")),
    "p:pattern": simple("pattern", facet("pattern", "[a-z]{3}")),
    "p:listed": simple("listed", facet("enumeration", "JA"), facet("enumeration", "blåbær"), facet("enumeration", "")),
    "p:listed_and_short": simple(
        "listed_and_short", facet("maxLength", "2"), facet("enumeration", "JA"), facet("enumeration", "NEI")
    ),
    "p:lengths_of_both": simple("at_least", facet("minLength", "3"))
    + simple("lengths_of_both", facet("maxLength", "4"), base="p:at_least"),
    "p:long": simple("long", facet("minLength", "1"), facet("maxLength", "99999999999999999999")),
    "p:listed_spaces": simple(
        "listed_spaces", facet("whiteSpace", "collapse"), facet("enumeration", "a  b"), facet("enumeration", "JA")
    ),
    "p:collapsed": simple("collapsed", facet("whiteSpace", "collapse"), facet("maxLength", "4")),
    "p:times": simple("times", facet("enumeration", "2014-02-25T12:08:00Z"), base="xs:dateTime"),
    "p:later": simple("later", facet("minInclusive", "2014-02-25T12:08:00Z"), base="xs:dateTime"),
    "p:certificates": simple("certificates", facet("enumeration", "AAAA"), base="xs:base64Binary"),
    "p:octets": simple("octets", facet("minLength", "3"), facet("maxLength", "4"), base="xs:base64Binary"),
    "p:hex": simple("hex", facet("length", "2"), base="xs:hexBinary"),
    "p:either": '<xs:simpleType name="either"><xs:union memberTypes="xs:int xs:date"/></xs:simpleType>',
    "p:restricted": '<xs:simpleType name="either"><xs:union memberTypes="xs:int xs:date"/></xs:simpleType>'
    + simple("restricted", base="p:either"),
    "p:one": '<xs:simpleType name="either"><xs:union memberTypes="xs:int xs:date"/></xs:simpleType>'
    + simple("one", facet("enumeration", "1"), base="p:either"),
    "p:numbers": '<xs:simpleType name="numbers"><xs:list itemType="xs:int"/></xs:simpleType>',
}
"""Types that a register could come to use, and what declares them."""

ALL_TEXT = {"xs:anySimpleType", "xs:string", "xs:token", "xs:normalizedString"}
"""Those that any text is of."""

VALUES = (
    *(
        "",
        "a",
        "ab",
        "abc",
        "abcd",
        "abcde",
        "JA",
        "NEI",
        "blåbær",
        " a ",
        "a  b",
        "a\tb",
        "\\N",
        "æøå",
        "😀😀",
        "a&#9;b",
    ),
    *("0", "1", "-1", "007", "256", "2147483648", "1.0", "1 2", "true", "TRUE", "NaN", "http://example.no/a b", "%"),
    *("2014-02-25", "2014-02-30", "2014-02-25Z", "2014-02-25T12:08:00Z", "2014-02-25T13:08:00+01:00"),
    *("2014-02-25T12:07:59Z", "2014-02-25T12:08:00.0Z", "2014-02-25T12:08:00", "2013-10-27T02:30:00"),
    *("0A0b", "0A0", "0A0B0C", "AAAA", "AAAAAA==", "AAAAAAA=", "AA==", "AAAAAAAA", "AB==", "AAAA*", "AA AA"),
)

CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "a required element": ((_BEFORE, optional("xs:string").replace(' minOccurs="0"', "") + _BEFORE),),
    "an attribute of the record": (
        (
            '<xs:element name="X509Sertifikat"(?s:.*?)</xs:sequence>',
            r'\g<0><xs:attribute name="kilde" type="p:reservasjon"/>',
        ),
    ),
    "a required attribute of the record": (
        (
            '<xs:element name="X509Sertifikat"(?s:.*?)</xs:sequence>',
            r'\g<0><xs:attribute name="nummer" type="xs:string" use="required"/>',
        ),
    ),
    "an attribute of a group": (
        (
            '<xs:element name="Epostadresse"(?s:.*?)</xs:sequence>',
            r'\g<0><xs:attribute name="lest" type="xs:dateTime"/>',
        ),
    ),
    "a choice": (
        (
            r'(<xs:complexType name="Kontaktinformasjon">\s*)<xs:sequence>((?s:.*?))</xs:sequence>',
            r"\1<xs:choice>\2</xs:choice>",
        ),
    ),
    "an element with the record's name": ((_BEFORE, optional("xs:string").replace("nytt", "Person") + _BEFORE),),
    "elements without a namespace": (('elementFormDefault="qualified"', ""),),
}


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., RecordSchema]:
    """The schema 14-05 with changes, each a regular expression and its replacement."""

    def make(*changes: tuple[str, str]) -> RecordSchema:
        for path in (XSD / f"{name}-14-05.xsd" for name in ("kontaktregister-export", "oppslagstjeneste-metadata")):
            text = path.read_text(encoding="utf-8")
            if path.name.startswith("oppslag"):
                for old, new in changes:
                    text, times = re.subn(old, new, text)
                    assert times == 1, old
            (tmp_path / path.name).write_text(text, encoding="utf-8")
        return load_schema(tmp_path / "kontaktregister-export-14-05.xsd")

    return make


@pytest.mark.parametrize("kind", TYPES)
def test_an_added_element_and_attribute_of_any_type(
    kind: str, changed: Callable[..., RecordSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_out(monkeypatch)
    attribute = r'\g<0><xs:attribute name="ny" type="' + ("xs:int" if kind in TEXT_WITH_ATTRIBUTES else kind) + '"/>'
    schema = changed(
        (_BEFORE, optional(kind) + _BEFORE),
        ('<xs:element name="X509Sertifikat"(?s:.*?)</xs:sequence>', attribute),
        ("</xs:schema>", TYPES[kind] + "</xs:schema>"),
    )
    records = [
        *(person(f"<nytt>{value}</nytt>") for value in VALUES),
        *(person().replace("<Person>", f'<Person ny="{value}">') for value in VALUES),
    ]
    document = export(*(each for record in records for each in (record, person())))
    read = outcome(document, schema, "auto")
    assert (read.error, disagreements(document, schema)) == (None, [])
    assert read.read_by["scanner"] >= len(records), "at least those without the addition"
    assert 0 < len(read.rejects) < len(records) or kind in ALL_TEXT
    assert disagreements(pieces_of(document, 300), schema, 300) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_schema_of_another_shape(change: str, changed: Callable[..., RecordSchema]) -> None:
    schema = changed(*CHANGES[change])
    for seed in range(20):
        document = Author(Random(seed), schema, 0.01).export()  # noqa: S311 - reproducible
        with pytest.MonkeyPatch.context() as patch:
            pick_out(patch, 0.25 if seed % 2 else 1.0)
            assert disagreements(document, schema) == [], seed
    if change == "a choice":
        return  # no samples are made of it
    out = BytesIO()
    write_sample(out, SampleOptions(300, schema=schema))
    read = outcome(out.getvalue(), schema, "auto")
    assert read.differs_from(outcome(out.getvalue(), schema, "iterparse")) == []
    ordered = change != "elements without a namespace"
    assert (read.read_by["scanner"] > 0.95 * 300) == ordered


def test_a_prohibited_attribute_is_refused_by_both(changed: Callable[..., RecordSchema]) -> None:
    prohibited = r'\g<0><xs:attribute name="ny" type="xs:string" use="prohibited"/>'
    schema = changed(('<xs:element name="X509Sertifikat"(?s:.*?)</xs:sequence>', prohibited))
    document = export(person(), person().replace("<Person>", '<Person ny="a">'), person())
    assert disagreements(document, schema) == []
    [reject] = outcome(document, schema, "auto").rejects
    assert reject.ordinal == 2


def test_all_mutants_of_a_schema_with_an_added_element(changed: Callable[..., RecordSchema]) -> None:
    schema = changed((_BEFORE, optional("xs:int") + _BEFORE))
    some = list(mutants_of(xmlschema.XMLSchema(schema.root_xsd)))[::50]
    with pytest.MonkeyPatch.context() as patch:
        pick_out(patch)
        assert [each.name for each in some if disagreements(each.document, schema)] == []
