"""A record's verdict is the XSD's, its values are what was written, and what is said of it repeats nothing of it."""

from __future__ import annotations

import re
import subprocess
import traceback
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
import xmlschema
from exports.mutants import XSD, mutants
from exports.tiny_xml import EXPORT, IDENTIFIER, PERSONS, ROOT_ATTRIBUTES, contact, export, person
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from parsing_path import parse, reader_of

from krr_export.errors import InputError
from krr_export.findings.finding import KNOWN_OLD_NAMES
from krr_export.parsing.blocks import Document
from krr_export.rules.catalogue import CATALOGUE
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.schema.record_schema import Field, RecordSchema

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_once")]

# --- the verdict, on every mutant -------------------------------------------------------------------------------------

VALID, REJECT, UNUSABLE = "valid", "reject", "unusable"

# Of three parts of the mutants all; but 16-02 differs from 14-05 in one element only, so that one part will do.
every_mutant = pytest.mark.parametrize(("version", "part"), [("14-05", 0), ("14-05", 1), ("14-05", 2), ("16-02", 0)])


@cache
def schema_of(version: str) -> RecordSchema:
    return load_schema(version)


Sent = tuple[str, list[tuple[str | None, ...]]]


@cache
def all_sent(version: str, part: int) -> list[Sent]:
    """What becomes of a third of the mutants: most of the work, done once for all judges."""
    return [sent(case.document, schema_of(version)) for case in mutants(version)[part::3]]


def sent(document: bytes, schema: RecordSchema) -> Sent:
    """The reference's verdict on a document, and the values of the records that it accepts, which are not typed."""
    try:
        opened = Document([document], schema)
        read = [reader_of(schema, opened.envelope).read(block) for block in opened.blocks()]
    except InputError:
        return UNUSABLE, []
    texts = [row for lexical in read for row in zip(*lexical.columns, strict=True)]
    return REJECT if any(lexical.rejects for lexical in read) else VALID, texts


@dataclass(frozen=True)
class Known:
    """A known difference between the parser and another judge: no single engine is the specification."""

    mutants: str
    parser: tuple[str, ...]
    judge: bool | None
    """What the other judge says; None where it fails."""
    xsd: bool
    """What the specification says: where the parser differs from it, it refuses with a reason what is valid."""


# A document may be valid although no snapshot could be named by its time.
YEARS = Known(r"@eksportTidspunkt = '(-|\d{5}|0001-01-01T.*\+|9999.*(24:00|-14:00))", (UNUSABLE,), judge=True, xsd=True)
BY_XMLLINT = (
    YEARS,
    # libxml2 passes over what is not base64's; the parser decodes strictly.
    Known(r"X509Sertifikat: = ", (REJECT,), judge=True, xsd=False),
    # Older than 2.14, it does not collapse the white space around a long.
    Known(r"@senesteEndringsNummer = .*(before|around|after|' -?\d+ ')", (VALID,), judge=False, xsd=True),
)
BY_XMLSCHEMA = (
    YEARS,
    Known(r"@(eksport|sist)\w+ = .*(before|around)", (REJECT, UNUSABLE), judge=True, xsd=True),
    Known(r"@(eksport|sist)\w+ = '\d{12,}-", (VALID, REJECT, UNUSABLE), judge=None, xsd=True),
    # It takes for white space and for digits what is such to Unicode only.
    Known(r"@\w+ = .*(no-break space|em space|next line)", (REJECT, UNUSABLE), judge=True, xsd=False),
    Known(r"X509Sertifikat: = .*(\\xa0|no-break space|em space|next line)", (REJECT,), judge=True, xsd=False),
    Known(r": (only )?a no-break space", (REJECT, UNUSABLE), judge=True, xsd=False),
    Known(r"@senesteEndringsNummer = '(1_000|\\u0661|\\uff11)'", (UNUSABLE,), judge=True, xsd=False),
)


def unexplained(
    verdicts: list[tuple[str, str, bool | None]], known: tuple[Known, ...]
) -> list[tuple[str, str, bool | None]]:
    """The names, our verdict and another judge's where they differ in no known way."""
    return [
        (name, ours, judge)
        for name, ours, judge in verdicts
        if (ours == VALID) != judge
        and not any(ours in way.parser and judge == way.judge and re.search(way.mutants, name) for way in known)
    ]


@every_mutant
def test_the_verdict_is_xmllint_s(version: str, part: int, xmllint: str, tmp_path: Path) -> None:
    some = mutants(version)[part::3]
    for number, case in enumerate(some):
        (tmp_path / f"{number}.xml").write_bytes(case.document)
    # --nocdata: else it takes a CDATA section of white space for text.
    command = [
        xmllint,
        "--noout",
        "--nonet",
        "--nocdata",
        "--schema",
        str(XSD / f"kontaktregister-export-{version}.xsd"),
    ]
    names = [f"{number}.xml" for number in range(len(some))]
    done = subprocess.run([*command, *names], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = dict(re.findall(r"^(\d+)\.xml (validates|fails to validate)$", done.stderr, re.MULTILINE))
    assert len(said) == len(some)
    verdicts = [
        (case.name, verdict, said[str(number)] == "validates")
        for number, (case, (verdict, _)) in enumerate(zip(some, all_sent(version, part), strict=True))
    ]
    assert unexplained(verdicts, BY_XMLLINT) == []


def test_the_verdict_is_the_xmlschema_package_s() -> None:
    judge = xmlschema.XMLSchema(XSD / "kontaktregister-export-14-05.xsd")

    def says(document: bytes) -> bool | None:
        try:
            return judge.is_valid(document)
        except KeyError:  # a type that is nowhere, named by xsi:type
            return False
        except OverflowError:  # a year
            return None

    some = zip(mutants("14-05")[::3], all_sent("14-05", 0), strict=True)
    verdicts = [(case.name, verdict, says(case.document)) for case, (verdict, _) in some]
    assert unexplained(verdicts, BY_XMLSCHEMA) == []


def test_where_the_engines_differ_the_parser_never_takes_what_is_invalid() -> None:
    assert [way for way in (*BY_XMLLINT, *BY_XMLSCHEMA) if VALID in way.parser and not way.xsd] == []


# --- the values -------------------------------------------------------------------------------------------------------


def value_of(record: etree._Element, field: Field) -> str | None:
    """A field's value by plain XPath, comments and all."""
    path = "/".join(name if name.startswith("@") else f"p:{name}" for name in field.path)
    exists, text = (record.xpath(f"{kind}({path})", namespaces={"p": PERSONS}) for kind in ("boolean", "string"))
    return str(text) if exists else None


def is_usable(document: etree._Element, schema: RecordSchema, root: etree.XMLSchema) -> bool:
    """Whether a document holds records and nothing else, in an export's root."""
    texts = [document.text or "", *(child.tail or "" for child in document)]
    others = [child for child in document if isinstance(child.tag, str) and child.tag != schema.record.tag]
    bare = etree.Element(document.tag, dict(document.attrib), document.nsmap)
    return not (others or "".join(texts).strip(" \t\r\n")) and root.validate(bare)


@every_mutant
def test_values_are_what_was_written_and_only_what_is_no_record_makes_a_document_unusable(
    version: str, part: int
) -> None:
    schema = schema_of(version)
    root = schema.root_validator()
    for case, (verdict, texts) in zip(mutants(version)[part::3], all_sent(version, part), strict=True):
        document = etree.fromstring(case.document)
        assert (verdict != UNUSABLE) == is_usable(document, schema, root) or re.search(YEARS.mutants, case.name), (
            case.name
        )
        if verdict == VALID:
            records = document.findall(schema.record.tag)
            assert texts == [tuple(value_of(record, field) for field in schema.fields) for record in records], case.name


WRITTEN = {
    "plain": "Ola &lt;ø&gt; €",
    "references": "&#79;&#x6c;a &#60;&#248;&#x3E; &#8364;",
    "sections": "<![CDATA[Ola <]]>ø<![CDATA[> €]]>",
    "comments": "Ola<!-- x --> &lt;<!---->ø&gt; <!-- -->€<!-- y -->",
    "instructions": "<?x y?>Ola &lt;ø<?z?>&gt; €",
    "all": "O<![CDATA[l]]><!-- x -->&#97;<?y?> <![CDATA[<]]>&#xF8;&gt; €<![CDATA[]]>",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_value_is_the_same_however_it_is_written(schema: RecordSchema, text: str) -> None:
    (row,) = parse(export(person(f"<beskrivelse>{text}</beskrivelse>")), schema).rows
    assert row["beskrivelse"] == "Ola <ø> €"


def test_line_ends_are_what_xml_makes_of_them(schema: RecordSchema) -> None:
    texts = parse(export(person("<beskrivelse>a\r\nb\rc\nd&#13;e</beskrivelse>")), schema).texts
    assert texts[0][3] == "a\nb\nc\nd\re"


def test_a_comment_does_not_shorten_an_identity_number(schema: RecordSchema) -> None:
    split = IDENTIFIER[:4] + "<!-- c -->" + IDENTIFIER[4:]
    parsed = parse(export(person(identifier=split), person(identifier=f"{split}0")), schema)
    assert [row["personidentifikator"] for row in parsed.rows] == [IDENTIFIER]
    assert parsed.codes == [("value-length", "personidentifikator")]


# --- rejects and their neighbours -------------------------------------------------------------------------------------

POOL = (
    (person(), True),
    (person(contact()), True),
    (person("<beskrivelse>\r\n<!-- </Person> --><![CDATA[</Person>]]>æ</beskrivelse>"), True),
    (f'<n:Person xmlns:n="{PERSONS}"\n><n:personidentifikator>{IDENTIFIER}</n:personidentifikator></n:Person>', True),
    ("<Person/>", False),
    (person(identifier="123"), False),
    (person("<Person><Person/></Person>"), False),
    (person("<ukjent>\n<status/>\n</ukjent>"), False),
    (person("tekst"), False),
    (person("<X509Sertifikat>AAAA*</X509Sertifikat>"), False),
    (person(contact(attributes=r'sistOppdatert="\N"')), False),
    ('<Person xmlns="http://begrep.difi.no" ukjent=">"></Person>', False),
)


@given(
    st.lists(st.sampled_from(POOL), max_size=12),
    st.sampled_from(["", "\n", "\r\n  ", "<!-- <Person/> -->\n"]),
    st.integers(1, 2000),
)
@example([POOL[0], *POOL, POOL[0]] * 2, "\n", 1)
def test_a_reject_never_disturbs_its_neighbours(
    schema: RecordSchema, records: list[tuple[str, bool]], between: str, size: int
) -> None:
    data = export(*(record for record, _ in records), between=between)
    parsed = parse(data, schema, size)
    assert parsed.accepted == [valid for _, valid in records]
    alone = [parse(export(record), schema).texts[0] for record, valid in records if valid]
    assert parsed.texts == alone
    refused = [(number, record) for number, (record, valid) in enumerate(records, start=1) if not valid]
    assert [(reject.ordinal, reject.record.decode()) for reject in parsed.rejects] == refused
    for reject in parsed.rejects:
        assert data[reject.byte_offset :].startswith(reject.record)
        assert reject.line == data[: reject.byte_offset].count(b"\n") + 1
        assert reject.findings == parse(export(reject.record.decode()), schema).rejects[0].findings


# --- what is said of rejects ------------------------------------------------------------------------------------------


def with_contact(inner: str) -> str:
    return person(f"<Kontaktinformasjon>{inner}</Kontaktinformasjon>")


def with_mailbox(inner: str) -> str:
    return person(f"<SikkerDigitalPostAdresse>{inner}</SikkerDigitalPostAdresse>")


ADDRESS = "<postkasseadresse>ola.nordmann#9YDT</postkasseadresse>"
PROVIDER = "<postkasseleverandoerAdresse>984661185</postkasseleverandoerAdresse>"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

FAULTS: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "empty": ("<Person/>", [("element-missing", "personidentifikator")]),
    "without identity number": (
        "<Person><status>AKTIV</status></Person>",
        [("element-missing", "personidentifikator")],
    ),
    "half a mailbox": (
        with_mailbox(ADDRESS),
        [("element-missing", "SikkerDigitalPostAdresse/postkasseleverandoerAdresse")],
    ),
    "the other half": (with_mailbox(PROVIDER), [("element-missing", "SikkerDigitalPostAdresse/postkasseadresse")]),
    "no mailbox": (with_mailbox(""), [("element-missing", "SikkerDigitalPostAdresse/postkasseadresse")]),
    "short identity number": (person(identifier="385159873"), [("value-length", "personidentifikator")]),
    "empty identity number": (person(identifier=""), [("value-length", "personidentifikator")]),
    "not in the list": (person("<status>aktiv</status>"), [("value-not-in-list", "status")]),
    "empty where a list is": (person("<reservasjon/>"), [("value-not-in-list", "reservasjon")]),
    "too short": (
        with_contact("<Mobiltelefonnummer>1</Mobiltelefonnummer>"),
        [("value-too-short", "Kontaktinformasjon/Mobiltelefonnummer")],
    ),
    "too long": (person(contact("a" * 51)), [("value-too-long", "Kontaktinformasjon/Epostadresse")]),
    "no time": (
        person(contact(attributes='sistOppdatert="i går"')),
        [("value-type", "Kontaktinformasjon/Epostadresse/@sistOppdatert")],
    ),
    "two wrong times": (
        person(contact(attributes='sistOppdatert="a" sistVerifisert="b"')),
        [
            ("value-type", "Kontaktinformasjon/Epostadresse/@sistOppdatert"),
            ("value-type", "Kontaktinformasjon/Epostadresse/@sistVerifisert"),
        ],
    ),
    "no base64, as libxml2 sees": (person("<X509Sertifikat>A</X509Sertifikat>"), [("value-type", "X509Sertifikat")]),
    "no base64, as it does not": (person("<X509Sertifikat>AAAA*</X509Sertifikat>"), [("value-type", "X509Sertifikat")]),
    "unknown element": (person("<ukjent/>"), [("element-unexpected", None)]),
    "unknown element below": (with_contact("<ukjent/>"), [("element-unexpected", "Kontaktinformasjon")]),
    "unknown element in a text": (person("<status>AKTIV<b/></status>"), [("element-unexpected", "status")]),
    "repeated": (person("<status>AKTIV</status>" * 2), [("element-unexpected", "status")]),
    "out of order": (
        person("<status>AKTIV</status><reservasjon>JA</reservasjon>"),
        [("element-unexpected", "reservasjon")],
    ),
    "misplaced": (with_contact("<status>AKTIV</status>"), [("element-unexpected", "Kontaktinformasjon/status")]),
    "a record in a record": (person(person()), [("element-unexpected", "Person")]),
    "in no namespace": (person('<status xmlns="">AKTIV</status>'), [("element-namespace", "status")]),
    "in another namespace": (
        with_contact('<x:Epostadresse xmlns:x="urn:x">a@b.c</x:Epostadresse>'),
        [("element-namespace", "Kontaktinformasjon/Epostadresse")],
    ),
    "unknown attribute": (person('<status ukjent="">AKTIV</status>'), [("attribute-unexpected", "status")]),
    "unknown attribute of the record": (person().replace("n>", 'n a="b">', 1), [("attribute-unexpected", None)]),
    "unknown attribute of a group": (
        person(contact().replace("jon>", 'jon a="b">', 1)),
        [("attribute-unexpected", "Kontaktinformasjon")],
    ),
    "an attribute in a namespace": (
        person(contact(attributes='xmlns:p="http://begrep.difi.no" p:sistOppdatert="2014-02-25T12:08:00Z"')),
        [("attribute-unexpected", "Kontaktinformasjon/Epostadresse")],
    ),
    "text": (person("tekst"), [("text-unexpected", None)]),
    "text below": (with_contact("tekst"), [("text-unexpected", "Kontaktinformasjon")]),
    "nil": (person(f'<status {XSI} xsi:nil="true"/>'), [("attribute-unexpected", "status")]),
    "a type that is nowhere": (
        person(f'<status {XSI} xsi:type="a">AKTIV</status>'),
        [("attribute-unexpected", "status")],
    ),
    "several": (
        person("<status>a</status>", contact("a", 'sistOppdatert="b"'), identifier=""),
        [
            ("value-length", "personidentifikator"),
            ("value-not-in-list", "status"),
            ("value-type", "Kontaktinformasjon/Epostadresse/@sistOppdatert"),
            ("value-too-short", "Kontaktinformasjon/Epostadresse"),
        ],
    ),
    r"\N in a time": (
        person(contact(attributes=r'sistOppdatert="\N"')),
        [("database-null", "Kontaktinformasjon/Epostadresse/@sistOppdatert")],
    ),
    r"\N in a list": (person(r"<status>\N</status>"), [("database-null", "status")]),
    r"\N for a number": (person(identifier=r"\N"), [("database-null", "personidentifikator")]),
    r"\N for a certificate": (person(r"<X509Sertifikat>\N</X509Sertifikat>"), [("database-null", "X509Sertifikat")]),
    r"\N everywhere": (
        person(contact(r"\N", r'sistOppdatert="\N" sistVerifisert="\N"')),
        [
            ("database-null", "Kontaktinformasjon/Epostadresse/@sistOppdatert"),
            ("database-null", "Kontaktinformasjon/Epostadresse/@sistVerifisert"),
            ("database-null", "Kontaktinformasjon/Epostadresse"),
        ],
    ),
    "all old spellings": (
        person(
            "<Kontaktinformasjon><MobilTelefonNummer>99999999</MobilTelefonNummer><EpostAdresse>a@b.c</EpostAdresse>"
            "</Kontaktinformasjon><SikkerDigitalPostAdresse><postkasseAdresse>12345678</postkasseAdresse>"
            "<postkasseLeverandoerAdresse>984661185</postkasseLeverandoerAdresse></SikkerDigitalPostAdresse>"
            '<Sertifikat><ds:X509Data xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Certificate>AAAA'
            "</ds:X509Certificate></ds:X509Data></Sertifikat>"
        ),
        [
            ("old-element-name", "Kontaktinformasjon/Mobiltelefonnummer"),
            ("old-element-name", "SikkerDigitalPostAdresse/postkasseadresse"),
            ("old-element-name", "X509Sertifikat"),
            ("old-element-name", "Kontaktinformasjon/Epostadresse"),
            ("old-element-name", "SikkerDigitalPostAdresse/postkasseleverandoerAdresse"),
        ],
    ),
    r"\N under old spellings": (
        person(
            r'<Kontaktinformasjon><EpostAdresse sistOppdatert="\N" plantet="\N">\N</EpostAdresse></Kontaktinformasjon>'
            r"<Sertifikat><X509Data>\N</X509Data></Sertifikat>"
        ),
        [
            ("old-element-name", "Kontaktinformasjon/Epostadresse"),
            ("old-element-name", "X509Sertifikat"),
            ("database-null", "X509Sertifikat"),
            ("database-null", "Kontaktinformasjon/Epostadresse"),
            ("database-null", "Kontaktinformasjon/Epostadresse/@sistOppdatert"),
        ],
    ),
    "the certificate's second name": (
        person("<X509Certificate>AAAA</X509Certificate>"),
        [("old-element-name", "X509Sertifikat")],
    ),
}


@pytest.mark.parametrize("prefix", ["", "ns2:"])
@pytest.mark.parametrize(("record", "expected"), FAULTS.values(), ids=FAULTS)
def test_each_kind_of_fault_has_its_code_and_its_field(
    schema: RecordSchema, record: str, expected: list[tuple[str, str | None]], prefix: str
) -> None:
    data = export(person(), record, person())
    if prefix:
        data = export(
            prefixed(record, prefix), root=f'Kontaktregister xmlns="{EXPORT}" xmlns:ns2="{PERSONS}" {ROOT_ATTRIBUTES}'
        )
    (reject,) = parse(data, schema).rejects
    assert sorted(parse(data, schema).codes, key=str) == sorted(expected, key=str)
    assert all(CATALOGUE[finding.code].severity == "reject" for finding in reject.findings)


def prefixed(markup: str, prefix: str) -> str:
    """The same elements with a prefix, those left alone that have one or say otherwise."""
    root = etree.fromstring(f'<a xmlns="{PERSONS}">{markup}</a>')
    text = etree.tostring(root[0], encoding="unicode").replace(f' xmlns="{PERSONS}"', "", 1)
    if 'xmlns=""' in text:
        text = text.replace('<status xmlns="">AKTIV</status>', "<#status>AKTIV</#status>")
    return re.sub(r"<(/?)(?=\w+[\s/>])", rf"<\1{prefix}", text).replace("#", "")


@pytest.mark.parametrize("old", KNOWN_OLD_NAMES)
def test_an_old_spelling_is_named_with_the_one_that_replaced_it(schema: RecordSchema, old: str) -> None:
    new = KNOWN_OLD_NAMES[old]
    places = [field.path[:-1] for field in schema.fields if field.path[-1] == new]
    for above in places:
        inner = f"<{old}/>"
        for group in reversed(above):
            inner = f"<{group}>{inner}</{group}>"
        (finding,) = parse(export(person(inner)), schema).rejects[0].findings
        assert (finding.code, finding.field) == ("old-element-name", "/".join((*above, new)))
        assert finding.message == f"{finding.field}: written as {old}, the spelling before spring 2014"
    assert places


XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize("value", ["true", "false", "plantet"])
@pytest.mark.parametrize("name", ["nil", "type", "plantet"])
@pytest.mark.parametrize("field", ["beskrivelse", "status"])
def test_attributes_of_schema_instances_are_named(schema: RecordSchema, field: str, name: str, value: str) -> None:
    inner = f'<{field} {XSI} xsi:{name}="{value}">AKTIV</{field}>'
    (finding,) = parse(export(person(inner)), schema).rejects[0].findings
    assert (finding.code, finding.field) == ("attribute-unexpected", field)
    said = f"xsi:{name}, " if name != "plantet" else ""
    assert finding.message == f"{field}: {said}an attribute that the XSD does not have here"


def test_a_message_says_length_and_kind_and_what_is_asked(schema: RecordSchema) -> None:
    persons = [
        person(identifier="0385159873"),
        person("<status>SOV</status>"),
        person(contact("ø" * 51)),
        person(contact(attributes='sistOppdatert=" "')),
    ]
    assert [finding.message for reject in parse(export(*persons), schema).rejects for finding in reject.findings] == [
        "personidentifikator: 10 characters, digits; the XSD requires 11 characters",
        "status: 3 characters, letters; the XSD allows AKTIV, SLETTET, IKKE_REGISTRERT",
        "Kontaktinformasjon/Epostadresse: 51 characters, mixed, some not ASCII; the XSD allows 50",
        "Kontaktinformasjon/Epostadresse/@sistOppdatert: 1 character, white space; the XSD requires xs:dateTime",
    ]


NAMES = ["𐀀", "\u2070a", "e\u0301", "div", "text", "node", "comment", "_", "a-b.c", "Ω" * 40]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_that_xml_allows_may_be_unknown(schema: RecordSchema, name: str) -> None:
    for element in (f"<{name}/>", f'<{name} xmlns=""/>', f'<x:{name} xmlns:x="urn:x"/>', f'<{name} xmlns="urn:x"/>'):
        for record in (person(element), with_contact(f"<a/>{element}"), person(f"<status>{element}</status>")):
            (reject,) = parse(export(record), schema).rejects
            assert {finding.code for finding in reject.findings} == {"element-unexpected"} | (
                {"value-not-in-list"} & {finding.code for finding in reject.findings}
            )
            assert len(str(reject.findings)) < 1000


def test_a_long_name_is_refused_without_being_repeated(schema: RecordSchema) -> None:
    # libxml2 gives no path to such an element.
    (reject,) = parse(export(person(f"<{'a' * 5000}/>")), schema).rejects
    assert len(str(reject.findings)) < 1000


def test_one_prefix_for_two_namespaces_does_not_confuse_the_fields(schema: RecordSchema) -> None:
    record = (
        f'<x:Person xmlns:x="{PERSONS}"><x:personidentifikator>{IDENTIFIER}</x:personidentifikator>'
        '<x:status xmlns:x="urn:x"/></x:Person>'
    )
    other = record.replace('<x:status xmlns:x="urn:x"/>', '<x:status>a</x:status><x:a xmlns:x="urn:x"/>')
    assert parse(export(record), schema).codes == [("element-namespace", "status")]
    assert parse(export(other), schema).codes == [("value-not-in-list", "status"), ("element-unexpected", None)]


# --- nothing is repeated ----------------------------------------------------------------------------------------------

# Where a sender may write something; {0} is the secret. What makes a document unusable comes last.
PLACES = (
    "<status>{0}</status>",
    "<reservasjon>{0}</reservasjon>",
    "<{0}/>",
    "<{0}>{0}</{0}>",
    '<status {0}="{0}">AKTIV</status>',
    '<{0}:a xmlns:{0}="urn:{0}"/>',
    '<a xmlns="urn:{0}"><b xmlns="urn:{0}:b"/></a>',
    '<status xmlns:{0}="urn:{0}" {0}:{0}="{0}">AKTIV</status>',
    f'<status {XSI} xsi:type="{{0}}">AKTIV</status>',
    f'<status {XSI} xsi:nil="{{0}}">AKTIV</status>',
    f'<status {XSI} xsi:schemaLocation="{{0}} {{0}}">AKTIV</status>',
    "{0}",
    "<!-- {0} --><?{0} {0}?><beskrivelse>{0}</beskrivelse><beskrivelse>{0}</beskrivelse>",
    "<X509Sertifikat>{0}*</X509Sertifikat>",
    "<X509Sertifikat>{0}</X509Sertifikat>",
    '<Kontaktinformasjon {0}="{0}">{0}<Epostadresse sistOppdatert="{0}">{0}{0}{0}</Epostadresse></Kontaktinformasjon>',
    '<Kontaktinformasjon><Mobiltelefonnummer {0}="">{0}<{0}/></Mobiltelefonnummer></Kontaktinformasjon>',
    "<SikkerDigitalPostAdresse><{0}/><postkasseadresse>{0}</postkasseadresse></SikkerDigitalPostAdresse>",
    "<SikkerDigitalPostAdresse><postkasseadresse>{0}</postkasseadresse><{0}/></SikkerDigitalPostAdresse>",
    "<Sertifikat>{0}</Sertifikat>",
    '<x:status xmlns:x="urn:it\'s({0}),attribute">AKTIV</x:status>',
    # from here on the document is not well-formed
    "<{0}>",
    "</{0}>",
    "<{0}:a/>",
    '<a {0}:b=""/>',
    '<a {0}="" {0}=""/>',
    "<a {0}={0}/>",
    "&{0};",
    '<a b="&{0};"/>',
    "<{0} <",
    "<!DOCTYPE {0}>",
    '<!ENTITY {0} "{0}">',
    "<!-- {0} -- {0} -->",
    "<![CDATA[{0}",
    '<a xmlns:b="{0} {0}"/>',
    "<a:{0}:{0}/>",
    "<a>{0}</b>",
    "{0}\0",
    "<?xml {0}?>",
)
secrets = st.one_of(st.from_regex(r"zq[a-zA-Z]{6,10}", fullmatch=True), st.from_regex(r"z[0-9]{11}q", fullmatch=True))


def everything_said(data: bytes, schema: RecordSchema, size: int) -> str:
    try:
        parsed = parse(data, schema, size)
    except InputError as error:
        shown = [error, error.message, error.hint, error.args, *traceback.format_exception(error)]
        return " ".join(map(str, shown))
    said = [repr((finding, finding.message)) for reject in parsed.rejects for finding in reject.findings]
    return " ".join([*said, *map(repr, parsed.observations)])


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, bytes]:
    """A secret, and a document that holds it wherever a sender may write something."""
    secret = draw(secrets)
    inner = [place.replace("{0}", secret) for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3))]
    data = export(person(), *(inner if draw(st.booleans()) else [person(*inner)]), person())
    at = draw(st.integers(data.index(b"<Person"), len(data)))
    return secret, data[:at] + draw(st.sampled_from([b"", b"", b"", b"<", b">", b"&", b"\xff"])) + data[at:]


@settings(max_examples=400)
@given(planted(), st.sampled_from([1, 1 << 20]))
def test_nothing_that_is_said_repeats_anything_of_the_data(
    schema: RecordSchema, document: tuple[str, bytes], size: int
) -> None:
    secret, data = document
    assert secret.upper() not in everything_said(data, schema, size).upper()


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_repeated_from_any_one_place(schema: RecordSchema, place: str) -> None:
    for secret in ("zqHemmelig", "z03851598730q"):
        for inner in (place, f"<ukjent>{place}</ukjent>"):
            text = inner.replace("{0}", secret)
            for data in (export(person(text)), export(text), export(after=text)):
                assert secret.upper() not in everything_said(data, schema, 1 << 20).upper()


def test_a_root_whose_names_are_the_sender_s_is_not_repeated(schema: RecordSchema) -> None:
    root = f'et:Kontaktregister xmlns:et="{EXPORT}" xmlns="{PERSONS}"'
    for attributes in (
        f'{ROOT_ATTRIBUTES} zqHemmelig="zqHemmelig"',
        'eksportTidspunkt="zqHemmelig" senesteEndringsNummer="1"',
        'eksportTidspunkt="2014-02-25T12:08:00Z" senesteEndringsNummer="zqHemmelig"',
        f'{ROOT_ATTRIBUTES} xmlns:zqHemmelig="urn:zqHemmelig" zqHemmelig:a=""',
        f'{ROOT_ATTRIBUTES} zqHemmelig:a=""',
        f'{ROOT_ATTRIBUTES} {XSI} xsi:type="zqHemmelig"',
        f'{ROOT_ATTRIBUTES} {XSI} xsi:nil="zqHemmelig"',
    ):
        assert "ZQHEMMELIG" not in everything_said(export(root=f"{root} {attributes}"), schema, 1).upper()
    for root in ("zqHemmelig", "zqHemmelig:Kontaktregister", "Person"):
        assert "ZQHEMMELIG" not in everything_said(export(root=root), schema, 1).upper()
