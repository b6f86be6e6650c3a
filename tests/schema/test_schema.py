"""The record schema is what the XSD says, or the XSD is refused in one clear line."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from exports.mutants import XSD
from exports.tiny_xml import ROOT_ATTRIBUTES, export, person
from lxml import etree
from parsing_path import parse

from krr_export.errors import UsageError
from krr_export.schema.faults import compile_xsd
from krr_export.schema.record_schema import RecordSchema, column_name
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INSTANT = pa.timestamp("us", tz="UTC")


def enumerated() -> pa.DataType:
    return pa.dictionary(pa.int8(), pa.string())


COLUMNS = {
    "radnummer": (pa.int64(), False),
    "personidentifikator": (pa.string(), False),
    "reservasjon": (enumerated(), True),
    "status": (enumerated(), True),
    "beskrivelse": (pa.string(), True),
    "mobiltelefonnummer": (pa.string(), True),
    "mobiltelefonnummer_sist_oppdatert": (INSTANT, True),
    "mobiltelefonnummer_sist_verifisert": (INSTANT, True),
    "epostadresse": (pa.string(), True),
    "epostadresse_sist_oppdatert": (INSTANT, True),
    "epostadresse_sist_verifisert": (INSTANT, True),
    "postkasseadresse": (pa.string(), True),
    "postkasseleverandoer_adresse": (pa.string(), True),
    "x509_sertifikat": (pa.binary(), True),
}


def test_the_table_of_14_05_is_as_designed() -> None:
    schema = load_schema("14-05")
    assert {field.name: (field.type, field.nullable) for field in schema.arrow} == COLUMNS
    assert schema.arrow.names == list(COLUMNS)
    assert schema.root_tag == "{http://kontaktinfo.difi.no/xsd/eksporttjeneste/14-05}Kontaktregister"
    assert schema.record.tag == "{http://begrep.difi.no}Person"
    assert schema.depth == 3


def test_the_table_of_16_02_has_varslingsstatus_where_14_05_has_beskrivelse() -> None:
    columns = {name if name != "beskrivelse" else "varslingsstatus": column for name, column in COLUMNS.items()}
    columns["varslingsstatus"] = (enumerated(), True)
    arrow = load_schema("16-02").arrow
    assert arrow.names == list(columns)
    assert {field.name: (field.type, field.nullable) for field in arrow} == columns


def test_enumerated_values_stand_in_the_order_of_the_xsd(schema: RecordSchema) -> None:
    enumerations = {field.name: field.facets.enumeration for field in schema.fields if field.facets.enumeration}
    assert enumerations == {"reservasjon": ("JA", "NEI"), "status": ("AKTIV", "SLETTET", "IKKE_REGISTRERT")}


def test_only_values_of_few_kinds_may_name_a_directory(schema: RecordSchema) -> None:
    assert schema.partitionable() == ["reservasjon", "status", "postkasseleverandoer_adresse"]


def test_fields_are_named_by_their_path(schema: RecordSchema) -> None:
    labels = [field.label for field in schema.fields]
    assert labels[0] == "personidentifikator"
    assert labels[8] == "Kontaktinformasjon/Epostadresse/@sistOppdatert"


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (("X509Sertifikat",), "x509_sertifikat"),
        (("postkasseleverandoerAdresse",), "postkasseleverandoer_adresse"),
        (("Mobiltelefonnummer", "sistOppdatert"), "mobiltelefonnummer_sist_oppdatert"),
        (("HTTPServer",), "http_server"),
        (("en-dag.til",), "en_dag_til"),
    ],
)
def test_columns_are_the_terms_in_snake_case(names: tuple[str, ...], column: str) -> None:
    assert column_name(*names) == column


# --- schemas given as a file ------------------------------------------------------------------------------------------

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
BEFORE = '<xs:element name="status" '


@pytest.fixture
def with_person(tmp_path: Path) -> Callable[..., Path]:
    """Copies of the project's XSDs in which Person is changed; gives the path of the export's."""

    def change(element: str = "", *, types: str = "", replacing: tuple[str, str] = ("", "")) -> Path:
        for path in XSD.glob("*-14-05.xsd"):
            shutil.copy(path, tmp_path)
        metadata = tmp_path / "oppslagstjeneste-metadata-14-05.xsd"
        text = metadata.read_text(encoding="utf-8").replace(BEFORE, element + BEFORE, 1)
        text = text.replace("</xs:schema>", f"{types}</xs:schema>").replace(*replacing)
        metadata.write_text(text, encoding="utf-8")
        return tmp_path / "kontaktregister-export-14-05.xsd"

    return change


def added(path: Path) -> tuple[str, pa.DataType]:
    field = load_schema(path).fields[2]
    return field.name, field.arrow_type


def test_an_element_added_to_person_gives_a_column_with_no_code_changed(with_person: Callable[..., Path]) -> None:
    schema = load_schema(with_person('<xs:element name="antallBarn" type="xs:int" minOccurs="0"/>'))
    assert schema.name == "kontaktregister-export-14-05"
    assert schema.arrow.names == [*list(COLUMNS)[:3], "antall_barn", *list(COLUMNS)[3:]]
    parsed = parse(export(person("<antallBarn> +03 </antallBarn>"), person(), person("<antallBarn/>")), schema)
    assert [row["antall_barn"] for row in parsed.rows] == [3, None]
    assert parsed.codes == [("value-type", "antallBarn")]


def test_the_xsd_of_the_record_alone_will_do(with_person: Callable[..., Path]) -> None:
    path = with_person('<xs:element name="ny" type="xs:string" minOccurs="0"/>')
    schema = load_schema(path.with_name("oppslagstjeneste-metadata-14-05.xsd"))
    assert schema.root_tag == load_schema().root_tag
    assert parse(export(person("<ny>a</ny>")), schema).rows[0]["ny"] == "a"


def test_another_schema_has_another_digest(with_person: Callable[..., Path]) -> None:
    assert load_schema(with_person()).sha256 == load_schema("14-05").sha256
    assert load_schema(with_person('<xs:element name="ny" type="xs:int"/>')).sha256 != load_schema("14-05").sha256


@pytest.mark.parametrize(
    ("xsd_type", "arrow_type", "written", "value"),
    [
        ("xs:boolean", pa.bool_(), " 1 ", True),
        ("xs:byte", pa.int8(), "-128", -128),
        ("xs:short", pa.int16(), "+7", 7),
        ("xs:int", pa.int32(), "007", 7),
        ("xs:long", pa.int64(), "0" * 5000 + "9223372036854775807", 2**63 - 1),
        ("xs:unsignedByte", pa.uint8(), "255", 255),
        ("xs:unsignedShort", pa.uint16(), "65535", 65535),
        ("xs:unsignedInt", pa.uint32(), "4294967295", 2**32 - 1),
        ("xs:unsignedLong", pa.uint64(), "18446744073709551615", 2**64 - 1),
        ("xs:float", pa.float32(), "-INF", float("-inf")),
        ("xs:double", pa.float64(), "1.5E2", 150.0),
        ("xs:hexBinary", pa.binary(), "0aFF", b"\x0a\xff"),
        ("xs:decimal", pa.string(), "1.50", "1.50"),
        ("xs:integer", pa.string(), "9" * 40, "9" * 40),
        ("xs:duration", pa.string(), "P1D", "P1D"),
        ("xs:string", pa.string(), " a\tb\n", " a\tb\n"),
        ("xs:normalizedString", pa.string(), " a\tb\n", " a b "),
        ("xs:token", pa.string(), " a\t\n b ", "a b"),
        ("xs:NMTOKENS", pa.string(), "a  b", "a b"),
        ("p:enten", pa.string(), "a", "a"),
    ],
)
def test_each_built_in_type_becomes_the_arrow_type_that_holds_it(
    with_person: Callable[..., Path], xsd_type: str, arrow_type: pa.DataType, written: str, value: object
) -> None:
    union = '<xs:simpleType name="enten"><xs:union memberTypes="xs:int xs:string"/></xs:simpleType>'
    path = with_person(f'<xs:element name="ny" type="{xsd_type}" minOccurs="0"/>', types=union)
    assert added(path) == ("ny", arrow_type)
    parsed = parse(export(person(f"<ny>{written}</ny>"), person()), load_schema(path))
    assert parsed.rejects == []
    assert [row["ny"] for row in parsed.rows] == [value, None]


def test_a_date_becomes_a_day(with_person: Callable[..., Path]) -> None:
    schema = load_schema(with_person('<xs:element name="ny" type="xs:date" minOccurs="0"/>'))
    parsed = parse(export(*(person(f"<ny>{day}</ny>") for day in ("2014-02-25", "2014-02-25Z", "12014-01-01"))), schema)
    assert [str(row["ny"]) for row in parsed.rows] == ["2014-02-25", "2014-02-25", "None"]
    assert [(said.code, said.radnummer) for said in parsed.observations] == [
        ("date-offset-dropped", 2),
        ("time-out-of-range", 3),
    ]


NOTED = (
    '<xs:complexType name="notert"><xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="av"/>'
    "</xs:extension></xs:simpleContent></xs:complexType>"
)


def narrowed(inside: str) -> str:
    """A type whose text is narrower than that of another."""
    restriction = f'<xs:restriction base="p:notert">{inside}</xs:restriction>'
    return f'{NOTED}<xs:complexType name="ny"><xs:simpleContent>{restriction}</xs:simpleContent></xs:complexType>'


LISTED = '<xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value="BB"/>'
LISTED += "</xs:restriction></xs:simpleType>"


@pytest.mark.parametrize(
    ("inside", "arrow_type", "enumeration", "longest"),
    [
        ('<xs:maxLength value="1"/>', pa.string(), (), 1),
        (LISTED, enumerated(), ("A", "BB"), None),
        (f'{LISTED}<xs:maxLength value="1"/>', enumerated(), ("A", "BB"), 1),
    ],
)
def test_text_with_attributes_may_be_narrowed_by_facets_or_by_a_type_in_place(
    inside: str, arrow_type: pa.DataType, enumeration: tuple[str, ...], longest: int | None,
    with_person: Callable[..., Path],
) -> None:  # fmt: skip
    path = with_person('<xs:element name="ny" type="p:ny" minOccurs="0"/>', types=narrowed(inside))
    facets = load_schema(path).fields[2].facets
    assert (added(path), facets.enumeration, facets.max_length) == (("ny", arrow_type), enumeration, longest)
    parsed = parse(export(person('<ny av=" 7 ">A</ny>'), person("<ny>CCC</ny>")), load_schema(path))
    assert [(row["ny"], row["ny_av"]) for row in parsed.rows] == [("A", " 7 ")]
    assert len(parsed.rejects) == 1


def test_what_has_no_type_but_simple_content_is_kept_as_it_was_written(with_person: Callable[..., Path]) -> None:
    path = with_person('<xs:element name="ny" type="xs:anySimpleType" minOccurs="0"/>')
    assert added(path) == ("ny", pa.string())
    assert parse(export(person("<ny> 1\t </ny>")), load_schema(path)).rows[0]["ny"] == " 1\t "


def test_a_derivation_that_the_library_cannot_read_is_refused(with_person: Callable[..., Path]) -> None:
    mixed = '<xs:complexType name="notert" mixed="true"><xs:sequence><xs:element name="q" minOccurs="0"/></xs:sequence>'
    path = with_person(types=narrowed(LISTED).replace(NOTED, f"{mixed}</xs:complexType>"))
    refused(path, "kontaktregister-export-14-05.xsd cannot be flattened into columns: it derives a type in a way")


@pytest.mark.parametrize(("values", "index"), [(2, pa.int8()), (128, pa.int8()), (129, pa.int16())])
def test_an_enumerated_string_takes_the_smallest_index_that_fits(
    with_person: Callable[..., Path], values: int, index: pa.DataType
) -> None:
    listed = "".join(f'<xs:enumeration value="v{number}"/>' for number in range(values))
    simple = f'<xs:simpleType><xs:restriction base="xs:token">{listed}</xs:restriction></xs:simpleType>'
    path = with_person(f'<xs:element name="ny" minOccurs="0">{simple}</xs:element>')
    assert added(path) == ("ny", pa.dictionary(index, pa.string()))
    parsed = parse(export(person(f"<ny> v{values - 1} </ny>"), person("<ny>v</ny>")), load_schema(path))
    assert [row["ny"] for row in parsed.rows] == [f"v{values - 1}"]
    assert parsed.codes == [("value-not-in-list", "ny")]


def test_listed_numbers_are_compared_as_numbers_and_kept_as_they_were_written(with_person: Callable[..., Path]) -> None:
    simple = (
        '<xs:restriction base="xs:decimal"><xs:enumeration value="1.0"/><xs:enumeration value="2"/></xs:restriction>'
    )
    path = with_person(f'<xs:element name="ny" minOccurs="0"><xs:simpleType>{simple}</xs:simpleType></xs:element>')
    assert added(path) == ("ny", pa.string())
    parsed = parse(export(person("<ny>1.00</ny>"), person("<ny>3</ny>")), load_schema(path))
    assert [row["ny"] for row in parsed.rows] == ["1.00"]
    assert parsed.codes == [("value-not-in-list", "ny")]


def test_a_boolean_or_a_marked_string_may_name_a_directory(with_person: Callable[..., Path]) -> None:
    marked = '<xs:annotation><xs:appinfo source="krr-export">low-cardinality</xs:appinfo></xs:annotation>'
    elements = (
        f'<xs:element name="ja" type="xs:boolean"/><xs:element name="fylke" type="xs:string">{marked}</xs:element>'
    )
    assert load_schema(with_person(elements)).partitionable()[1:3] == ["ja", "fylke"]


def test_other_facets_are_judged_and_named(with_person: Callable[..., Path]) -> None:
    simple = '<xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction>'
    path = with_person(f'<xs:element name="ny" minOccurs="0"><xs:simpleType>{simple}</xs:simpleType></xs:element>')
    assert load_schema(path).fields[2].facets.others == ("maxInclusive",)
    assert parse(export(person("<ny>10</ny>")), load_schema(path)).codes == [("value-facet", "ny")]


def test_attributes_of_the_record_itself_are_columns(with_person: Callable[..., Path]) -> None:
    attribute = '</xs:sequence><xs:attribute name="endret" type="xs:dateTime" use="required"/></xs:complexType>'
    path = with_person(
        replacing=("</xs:sequence>\n  </xs:complexType>\n\n  <xs:simpleType", f"{attribute}<xs:simpleType")
    )
    schema = load_schema(path)
    field = schema.fields[0]
    assert (field.name, field.label, field.required) == ("person_endret", "@endret", True)
    valid = person().replace("<Person", '<Person endret="2014-02-25T12:08:00Z"')
    parsed = parse(export(valid, person(), valid.replace("2014-", "")), schema)
    assert [str(row["person_endret"]) for row in parsed.rows] == ["2014-02-25 12:08:00+00:00"]
    assert parsed.codes == [("attribute-missing", "@endret"), ("value-type", "@endret")]


def test_an_export_that_must_have_a_record_can_be_read(with_person: Callable[..., Path]) -> None:
    path = with_person()
    text = path.read_text(encoding="utf-8")
    assert 'minOccurs="0"' in text
    path.write_text(text.replace('minOccurs="0"', 'minOccurs="1"'), encoding="utf-8")
    assert len(parse(export(person()), load_schema(path)).rows) == 1


def test_a_schema_without_a_namespace_will_do(tmp_path: Path) -> None:
    attributes = (
        '<xs:attribute name="eksportTidspunkt" type="xs:dateTime"/>'
        '<xs:attribute name="senesteEndringsNummer" type="xs:long"/>'
    )
    records = repeating('<xs:element ref="Person" minOccurs="0" maxOccurs="unbounded"/>')
    leaf = '<xs:complexType><xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType>'
    path = tmp_path / "a.xsd"
    root = records.replace("</xs:sequence>", f"</xs:sequence>{attributes}")
    path.write_text(
        f'<xs:schema {XS}>{root}<xs:element name="Person">{leaf}</xs:element></xs:schema>', encoding="utf-8"
    )
    data = export("<Person><a>1</a></Person>", "<Person/>", root=f"a {ROOT_ATTRIBUTES}")
    parsed = parse(data, load_schema(path))
    assert [row["a"] for row in parsed.rows] == [1]
    assert parsed.codes == [("element-missing", "a")]


@pytest.mark.parametrize("compositor", ["choice", "all"])
def test_what_a_choice_may_leave_out_is_nullable(with_person: Callable[..., Path], compositor: str) -> None:
    inner = '<xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string"/>'
    group = f"<xs:complexType><xs:{compositor}>{inner}</xs:{compositor}></xs:complexType>"
    schema = load_schema(with_person(f'<xs:element name="ny" minOccurs="1">{group}</xs:element>'))
    assert [schema.arrow.field(name).nullable for name in ("a", "b")] == [True, True]


def element(inner: str) -> str:
    return f'<xs:element name="ny" minOccurs="0">{inner}</xs:element>'


def sequence(inner: str, attributes: str = "") -> str:
    return element(f"<xs:complexType {attributes}><xs:sequence>{inner}</xs:sequence></xs:complexType>")


LEAF = '<xs:element name="blad" type="xs:string"/>'
UNIQUE = '<xs:unique name="u"><xs:selector xpath="*"/><xs:field xpath="."/></xs:unique>'
REFUSED = {
    "repeated leaf": ('<xs:element name="ny" type="xs:string" maxOccurs="2"/>', "ny: it may be repeated"),
    "unbounded leaf": ('<xs:element name="ny" type="xs:string" maxOccurs="unbounded"/>', "ny: it may be repeated"),
    "repeated group": (sequence(LEAF).replace('name="ny"', 'name="ny" maxOccurs="2"'), "ny: it may be repeated"),
    "repeated leaf in a group": (
        sequence('<xs:element name="blad" type="xs:string" maxOccurs="3"/>'),
        "ny/blad: it may be repeated",
    ),
    "content that repeats": (
        sequence(LEAF).replace("<xs:sequence>", '<xs:sequence maxOccurs="2">'),
        "ny: its content is a group that may repeat",
    ),
    "optional content": (
        sequence(LEAF).replace("<xs:sequence>", '<xs:sequence minOccurs="0">'),
        "ny: its content is a group that may repeat",
    ),
    "mixed content": (sequence(LEAF, 'mixed="true"'), "ny: it has mixed content"),
    "empty content": (element("<xs:complexType/>"), "ny: it is empty or of any type"),
    "any type": ('<xs:element name="ny" minOccurs="0"/>', "ny: it "),
    "wildcard": (sequence('<xs:any processContents="lax"/>'), "ny holds a nested group or a wildcard"),
    "wildcard in the record": ('<xs:any namespace="##other"/>', "the record holds a nested group or a wildcard"),
    "nested group": (sequence(f"<xs:choice>{LEAF}</xs:choice>"), "ny holds a nested group or a wildcard"),
    "any attribute": (
        element(f"<xs:complexType><xs:sequence>{LEAF}</xs:sequence><xs:anyAttribute/></xs:complexType>"),
        "ny: it allows any attribute",
    ),
    "recursion": (sequence('<xs:element ref="p:Person" minOccurs="0"/>'), "it contains itself"),
    "nillable": ('<xs:element name="ny" type="xs:string" nillable="true"/>', "ny: it is nillable"),
    "default": ('<xs:element name="ny" type="xs:string" default="a"/>', "ny: it has a default or fixed value"),
    "fixed": ('<xs:element name="ny" type="xs:string" fixed="a"/>', "ny: it has a default or fixed value"),
    "attribute with a default": (
        element(
            '<xs:complexType><xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="a" default="b"/>'
        ).replace("</xs:element>", "</xs:extension></xs:simpleContent></xs:complexType></xs:element>"),
        "ny/@a: it has a default or fixed value",
    ),
    "values that must be unique": (
        f"{sequence(LEAF).removesuffix('</xs:element>')}{UNIQUE}</xs:element>",
        "ny: it has a key, a reference to one, or values that must be unique",
    ),
    "two leaves of one column": ('<xs:element name="Status" type="xs:string"/>', "would become the column status"),
    "a leaf in the ordinal's place": (
        '<xs:element name="radnummer" type="xs:string"/>',
        "would become the column radnummer",
    ),
}


@pytest.mark.parametrize(("change", "why"), REFUSED.values(), ids=REFUSED)
def test_what_no_flat_table_can_hold_is_refused(with_person: Callable[..., Path], change: str, why: str) -> None:
    refused(with_person(change), "the schema kontaktregister-export-14-05.xsd cannot be flattened into columns: ", why)


def refused(path: Path | str, *said: str) -> None:
    """The schema is refused in one line that says this."""
    with pytest.raises(UsageError) as caught:
        load_schema(path)
    message = str(caught.value)
    assert [part for part in said if part not in message] == [], message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_an_element_that_can_be_substituted_is_refused(with_person: Callable[..., Path]) -> None:
    heads = '<xs:element name="ny" type="xs:string"/><xs:element name="a" type="xs:string" substitutionGroup="p:ny"/>'
    refused(with_person('<xs:element ref="p:ny"/>', types=heads), "ny: it is nillable, abstract, or can be substituted")


def test_a_group_of_a_type_that_another_must_stand_in_for_is_refused(with_person: Callable[..., Path]) -> None:
    abstract = f'<xs:complexType name="Ny" abstract="true"><xs:sequence>{LEAF}</xs:sequence></xs:complexType>'
    refused(
        with_person('<xs:element name="ny" type="p:Ny" minOccurs="0"/>', types=abstract), "ny: it is nillable, abstract"
    )


def test_lengths_are_those_of_all_types_that_a_type_restricts(with_person: Callable[..., Path]) -> None:
    def restricted(name: str, base: str, *facets: str) -> str:
        inner = f'<xs:restriction base="{base}">{"".join(facets)}</xs:restriction>'
        return f'<xs:simpleType name="{name}">{inner}</xs:simpleType>'

    types = (
        restricted("A", "xs:string", '<xs:minLength value="3"/>')
        + restricted("B", "p:A", '<xs:maxLength value="9"/>')
        + restricted("C", "p:B", '<xs:maxLength value="5"/>')
    )
    schema = load_schema(with_person('<xs:element name="ny" type="p:C" minOccurs="0"/>', types=types))
    [facets] = [field.facets for field in schema.fields if field.name == "ny"]
    assert (facets.min_length, facets.max_length) == (3, 5)


def test_a_group_whose_type_another_extends_is_refused(with_person: Callable[..., Path]) -> None:
    # By xsi:type a record could then hold elements that have no column.
    extended = (
        '<xs:complexType name="Mer"><xs:complexContent><xs:extension base="p:Kontaktinformasjon"><xs:sequence>'
        f"{LEAF}</xs:sequence></xs:extension></xs:complexContent></xs:complexType>"
    )
    refused(with_person(types=extended), "Kontaktinformasjon: its type is extended by another")


def test_a_missing_schema_is_refused(tmp_path: Path) -> None:
    refused("17-01", "no schema '17-01'", "give 14-05 or 16-02, or the path of an XSD file")
    refused(tmp_path, "no schema")


NO_XSD = {
    "empty": "",
    "text": "no XML",
    "binary": "\0\xff",
    "another document": "<a/>",
    "an element without a name": f"<xs:schema {XS}><xs:element/></xs:schema>",
    "a DOCTYPE": f'<!DOCTYPE a [<!ENTITY b "c">]><xs:schema {XS}/>',
}


@pytest.mark.parametrize("content", NO_XSD.values(), ids=NO_XSD)
def test_what_is_no_xsd_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.xsd"
    path.write_text(content, encoding="latin-1")
    doctype = "it has a DOCTYPE with entities" if "DOCTYPE" in content else ""
    refused(path, f"a.xsd is not a usable XSD: {doctype}")


WRONG = {
    "no XML": ('type="p:status"', "geheim", "line 29 of oppslagstjeneste-metadata-14-05.xsd is not well-formed XML"),
    "no type": ('type="p:personidentifikator"', 'type="p:geheim"', "is no valid XSD, at xs:element "),
    "no number": (
        'minOccurs="0"',
        'minOccurs="geheim"',
        "line 24 of oppslagstjeneste-metadata-14-05.xsd is no valid XSD",
    ),
    "a name that is none": ('name="Person"', 'name="geheim eller 01810012345"', "is no valid XSD"),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_an_xsd_is_said_in_our_words_with_its_line(
    with_person: Callable[..., Path], old: str, new: str, said: str
) -> None:
    path = with_person(replacing=(old, new))
    with pytest.raises(UsageError) as caught:
        load_schema(path)
    assert caught.value.message.startswith(f"{path.name} is not a usable XSD: ")
    assert said in caught.value.message
    assert "01810012345" not in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.hint


def test_what_only_libxml2_or_only_xmlschema_refuses_is_said_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xsd"
    path.write_text(f'<xs:schema {XS}><xs:element name="a" type="geheim"/></xs:schema>', encoding="utf-8")
    with pytest.raises(UsageError, match=r"^a.xsd is not a usable XSD: line 1 of a.xsd is no valid XSD; check it"):
        compile_xsd(str(path))
    monkeypatch.setattr("krr_export.schema.faults.compile_xsd", lambda _path: None)
    with pytest.raises(
        UsageError, match=r"^a.xsd is not a usable XSD: xs:element a is not as XSD 1.0 has it; check it"
    ):
        load_schema(path)


def test_an_xsd_whose_import_is_missing_is_refused(with_person: Callable[..., Path]) -> None:
    path = with_person()
    path.with_name("oppslagstjeneste-metadata-14-05.xsd").unlink()
    refused(path, "kontaktregister-export-14-05.xsd is not a usable XSD: ")


def repeating(particle: str) -> str:
    return f'<xs:element name="a"><xs:complexType><xs:sequence>{particle}</xs:sequence></xs:complexType></xs:element>'


OF_SOMETHING_ELSE = {
    "nothing": "",
    "a text": '<xs:element name="a" type="xs:string"/>',
    "anything": repeating('<xs:any maxOccurs="unbounded"/>'),
    "a list": repeating('<xs:element ref="b" maxOccurs="unbounded"/>') + '<xs:element name="b" type="xs:string"/>',
    "a list of what stands nowhere else": repeating('<xs:element name="b" type="xs:string" maxOccurs="unbounded"/>'),
}


@pytest.mark.parametrize("content", OF_SOMETHING_ELSE.values(), ids=OF_SOMETHING_ELSE)
def test_an_xsd_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.xsd"
    path.write_text(f"<xs:schema {XS}>{content}</xs:schema>", encoding="utf-8")
    refused(path, "the schema a.xsd cannot be flattened into columns: it declares no export")


def test_memory_that_libxml2_does_not_get_is_not_the_xsd_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        SimpleNamespace(type=etree.ErrorTypes.ERR_NO_MEMORY, line=0),
        SimpleNamespace(type=etree.ErrorTypes.SCHEMAP_SRC_IMPORT_2_1, line=9),
    ]

    def unmade(_: object) -> None:
        error = etree.XMLSchemaParseError("no memory")
        monkeypatch.setattr(error, "error_log", entries)
        raise error

    monkeypatch.setattr(etree, "XMLSchema", unmade)
    with pytest.raises(MemoryError):
        load_schema("14-05").record_validator()


def test_no_two_schemas_are_compiled_at_once_since_libxml2_would_spoil_its_types_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both, compiled, path = threading.Barrier(2), etree.XMLSchema, load_schema().record_xsd

    def compile_(document: etree._ElementTree) -> etree.XMLSchema:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
            met.append(document)
        return compiled(document)

    met: list[etree._ElementTree] = []
    monkeypatch.setattr(etree, "XMLSchema", compile_)
    with ThreadPoolExecutor(2) as pool:
        assert len([*pool.map(compile_xsd, [path, path])]) == 2
    assert met == []
