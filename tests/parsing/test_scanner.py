"""The scanner takes nothing that the XSD refuses, is used wherever it should be, and cannot be made to hang."""

from __future__ import annotations

import base64
import subprocess
import sys
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from agreement import disagreements, outcome, pick_out
from exports.tiny_xml import EXPORT, PERSONS, ROOT_ATTRIBUTES, contact, export, person
from growth import assert_linear
from lxml import etree

from krr_export.domain.times import date_time_micros
from krr_export.parsing.blocks import Document
from krr_export.parsing.scanning import make_scanner
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.schema.record_schema import RecordSchema

XS = "http://www.w3.org/2001/XMLSchema"
MOMENT = f"""<xs:schema xmlns:xs="{XS}"><xs:element name="m"><xs:complexType>
<xs:attribute name="v" type="xs:dateTime"/></xs:complexType></xs:element></xs:schema>"""
COLUMN = "epostadresse_sist_oppdatert"


def moments(offset: str) -> Iterator[str]:
    """Every day that there may be and some that there may not; every edge of the clock; odd spellings."""
    years = ("0999", "1000", "1582", "1899", "1900", "1972", "2000", "2014", "2100", "2999", "3000")
    for year, month, day in product(years, range(14), range(33)):
        yield f"{year}-{month:02}-{day:02}T12:08:00{offset}"
    for hour, minute, second in product((0, 9, 10, 19, 20, 23, 24, 25), (0, 1, 59, 60), (0, 1, 59, 60, 61)):
        yield f"2014-02-25T{hour:02}:{minute:02}:{second:02}{offset}"
    for digit in range(10):
        yield f"2014-02-25T12:08:00.{'123456789'[:digit]}{offset}"
        yield f"{digit}014-{digit}2-{digit}5T{digit}2:{digit}8:{digit}0{offset}"
    for clock in (
        "12:08",
        "12:8:00",
        "1:08:00",
        ":12:08:0",
        "12:08:0:",
        "12-08-00",
        "12:08:00 ",
        "12::8:00",
        "12:0800:",
    ):
        yield f"2014-02-25T{clock}{offset}"
    for odd in ("2014-2-025", "2014--0225", "20140225-0", "2014-02-2-", "2014-002-5", "2014-02025"):
        yield f"{odd}T12:08:00{offset}"


def offsets() -> Iterator[str]:
    yield from (f"{sign}{hour:02}:{minute:02}" for sign, hour, minute in product("+-", range(16), range(62)))
    yield from ("z", "+0100:", "+01000", "+:0100", "+01:0:", "+0:100", "Z0", "+01", "+0100")


EVERY = {
    "without offset": list(moments("")),
    "in UTC": list(moments("Z")),
    "with offset": list(moments("+01:00")),
    "with a large offset": list(moments("-09:59")),
    "all offsets": [f"2014-02-25T12:08:00{offset}" for offset in offsets()],
}


@pytest.mark.parametrize("kind", EVERY)
def test_a_certain_time_is_valid_and_the_instant_of_the_reference(
    kind: str, schema: RecordSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_out(monkeypatch)
    column = schema.arrow.names.index(COLUMN) - 1
    judge = etree.XMLSchema(etree.fromstring(MOMENT))
    document = Document(
        [export(*(person(contact(attributes=f'sistOppdatert="{each}"')) for each in EVERY[kind]))], schema
    )
    (block,) = document.blocks()
    scanner = make_scanner(schema, document.header.namespaces)
    assert scanner is not None
    scanned = scanner.scan(block.buffer, block.spans)
    taken = np.delete(np.arange(block.records), scanned.unusual).tolist()
    for row, record in enumerate(taken):
        moment = EVERY[kind][record]
        assert judge.validate(etree.Element("m", v=moment)), moment
        assert scanned.arrays[column][row].value == date_time_micros(moment)[0], moment
    assert len(taken) > 0.45 * len(EVERY[kind])


@pytest.mark.parametrize(
    "changes",
    [{}, {"prefix": "ns2"}, {"naive_times": True}, {"indent": False}, {"certificates": 0}],
    ids=lambda changes: ", ".join(changes) or "usual",
)
def test_usual_exports_are_read_by_the_scanner(changes: dict[str, Any], schema: RecordSchema) -> None:
    out = BytesIO()
    write_sample(out, SampleOptions(2000, schema=schema, **changes))
    read = outcome(out.getvalue(), schema, "auto")
    assert read.read_by["scanner"] > 0.99 * 2000


USUAL = person(contact())
HOSTILE = {
    "comments that do not end": "<!--",
    "comments": "<!-- -->",
    "CDATA that does not end": "<![CDATA[",
    "instructions that do not end": "<?p ",
    "less-than signs": "<",
    "end tags": "</Person>",
    "start tags": "<Person>",
    "start tags that do not end": "<Person ",
    "quotes": "\"'",
    "quoted attributes": '<Person a="',
    "attributes": ' a="b"',
    "white space": " \n",
    "records that do not end": USUAL.removesuffix("</Person>"),
    "records of which the last tag is wrong": USUAL.replace("</Person>", "</Persen>"),
    "records with a wrong value": person(contact("x")),
    "odd records": person("<!-- c -->"),
    "half records": USUAL[: len(USUAL) // 2],
    "elements within each other": "<Person><Kontaktinformasjon>",
    "times": "2014-02-25T12:08:00",
    "base64": "AAAA",
}


@pytest.mark.parametrize("where", ["between the records", "in a value", "in a tag"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_repetition_takes_more_than_linear_time(kind: str, where: str, schema: RecordSchema) -> None:
    def prepare(size: int) -> Callable[[], object]:
        repeated = HOSTILE[kind] * (size // len(HOSTILE[kind]))
        record = {
            "between the records": repeated,
            "in a value": person(contact(f"a{repeated}")),
            "in a tag": person().replace("<Person>", f"<Person{repeated}>"),
        }[where]
        data = f"{USUAL}\n{record}\n{USUAL}".encode()
        document = Document([export()], schema)
        scanner = make_scanner(schema, document.header.namespaces)
        assert scanner is not None

        def work() -> None:
            scan = document.tokenizer.tokenize(data)
            scanner.scan(data[: scan.end], scan.spans)

        return work

    assert_linear(prepare, 10_000)


def test_blocks_without_records_and_what_follows_the_last_one_are_read(schema: RecordSchema) -> None:
    for between in ("", "\n", "\r\n \t", "<!-- c -->", "<?p i?>\n", " <!-- <Person></Person> --> "):
        for persons in ((), (USUAL,), (USUAL, "<Person/>")):
            document = export(*persons, between=between)
            assert disagreements(document, schema) == []
            assert outcome(document, schema, "auto").error is None


@pytest.mark.parametrize("odd", ["x", "<a/>", "<![CDATA[x]]>", "&#65;", "<person></person>"])
@pytest.mark.parametrize("place", range(4))
def test_what_may_not_stand_beside_records_is_refused_wherever_it_stands(
    odd: str, place: int, schema: RecordSchema
) -> None:
    document = export(*[USUAL] * place, odd, *[USUAL] * (3 - place))
    assert outcome(document, schema, "auto").error is not None
    assert disagreements(document, schema) == []


UPDATED = 'sistOppdatert="2014-02-25T12:08:00+01:00"'
IN_A_TIME = [
    "2014-02-25T12:08:00<",
    "</Person>",
    "2014-02-25T12:08:00+01:00</Person><Person>",
    "a' b='",
    "2014-02-25T24:00:00+01:00",
    "2014-02-25T12:08:00+14:00",
    "2014-02-25 12:08:00+01:00",
    "2014-02-25T12:08:00\n+01:00",
    " 2014-02-25T12:08:00+01:00",
    "2014-02-30T12:08:00+01:00",
    "2014-02-25T12:08:00",
    ">",
]


@pytest.mark.parametrize("time", IN_A_TIME)
def test_a_time_may_hold_anything_and_the_reference_decides(time: str, schema: RecordSchema) -> None:
    usual = person(contact(attributes=UPDATED))
    odd = person(contact(attributes=f'sistOppdatert="{time}"'))
    document = export(*[usual] * 10, odd, *[usual] * 10)
    assert disagreements(document, schema) == []
    if outcome(document, schema, "iterparse").error is None:
        assert outcome(document, schema, "auto").read_by["scanner"] >= 20, "the others are not doubted"


SPELLINGS = {
    "single quotes": person(contact(attributes=UPDATED.replace('"', "'"))),
    "attributes in another order": person(
        contact(attributes=f'sistVerifisert="2014-02-26T12:08:00Z" {UPDATED}'),
    ),
    "white space in tags": person(contact(attributes=f"\n\t{UPDATED} \r\n")).replace("</Person>", "</Person\n >"),
    "white space around =": person(contact(attributes=UPDATED.replace("=", " =\n"))),
    "an empty element": person("<beskrivelse/>"),
    "an empty element with white space": person("<beskrivelse />"),
    "an element of nothing": person("<beskrivelse></beskrivelse>"),
    "elements of nothing but white space": person("<Kontaktinformasjon> \n </Kontaktinformasjon>"),
    "an empty group": person("<Kontaktinformasjon/>"),
    "carriage returns": person("<beskrivelse>a\rb\r\nc\r\r\nd\n</beskrivelse>").replace("><", ">\r\n<"),
    "brackets": person("<beskrivelse>a]b]]c]&gt;</beskrivelse>".replace("&gt;", ">")),
    "a quote in the other": person(contact("o'l\"a@example.no")),
    "characters beyond ASCII": person(
        "<beskrivelse>\x7f\u0080\u00e5\u0fff\ud7ff\ue000\ufffd\U00010000\U0010ffff</beskrivelse>"
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_that_is_certain_is_taken(spelling: str, schema: RecordSchema) -> None:
    document = export(*[SPELLINGS[spelling]] * 3)
    assert disagreements(document, schema) == []
    assert outcome(document, schema, "auto").read_by == {"scanner": 3}


HANDED_ON = {
    "a comment": person("<!-- c -->"),
    "CDATA": person("<beskrivelse><![CDATA[x]]></beskrivelse>"),
    "a processing instruction": person("<?p i?>"),
    "a reference": person("<beskrivelse>&amp;&#65;</beskrivelse>"),
    "a tab in an attribute": person(contact(attributes=UPDATED.replace("T", "\t"))),
    "an unknown attribute": person(contact(attributes='a="b"')),
    "an attribute twice": person(contact(attributes=f"{UPDATED} {UPDATED}")),
    "a declaration": person().replace("<Person>", '<Person xmlns:p="urn:p">'),
    "elements out of order": person("<status>AKTIV</status><reservasjon>JA</reservasjon>"),
    "an element twice": person("<status>AKTIV</status><status>AKTIV</status>"),
    "a value outside the list": person("<status>aktiv</status>"),
    "a missing element": "<Person/>",
    "an element without the one that it follows": "<Person><status>AKTIV</status></Person>",
    "a wrong length": person(identifier="0385159873"),
    "white space in base64": person("<X509Sertifikat>AA AA</X509Sertifikat>"),
    "bits left over in base64": person("<X509Sertifikat>AAB=</X509Sertifikat>"),
    "U+FFFE": person("<beskrivelse>\ufffe</beskrivelse>"),
    "]]> in text": person("<beskrivelse>]]></beskrivelse>"),
}


@pytest.mark.parametrize("kind", HANDED_ON)
def test_what_is_not_certain_is_handed_on_and_nothing_else(
    kind: str, schema: RecordSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_out(monkeypatch)
    document = export(USUAL, HANDED_ON[kind], USUAL, HANDED_ON[kind], USUAL)
    assert disagreements(document, schema) == []
    found = outcome(document, schema, "auto")
    assert found.read_by == {} if found.error else found.read_by == {"scanner": 3, "iterparse": 2}


def is_text(octets: bytes) -> bool:
    """Whether Python takes them for UTF-8, and XML for characters."""
    try:
        return not {"\ufffe", "\uffff"} & {*octets.decode()}
    except UnicodeDecodeError:
        return False


def test_of_octets_beyond_ascii_those_are_taken_that_are_characters(schema: RecordSchema) -> None:
    tails = b"\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0", b"a\x80\xbd\xbe\xbf\xc0", b"a\x80\xbf"
    each = [bytes(some) for size in range(4) for some in product(range(0x80, 0x100), *tails[:size])]
    head, tail = (part.encode() for part in person("<beskrivelse>|</beskrivelse>").split("|"))
    start, end = export().split(b"\n</")
    document = Document([b"".join([start, *(head + octets + tail for octets in each), b"</", end])], schema)
    scanner = make_scanner(schema, document.header.namespaces)
    assert scanner is not None
    refused = [
        each[block.first - 1 + record]
        for block in document.blocks()
        for record in scanner.scan(block.buffer, block.spans).unusual
    ]
    assert refused == [octets for octets in each if not is_text(octets)]
    assert 0 < len(refused) < len(each)


@pytest.mark.parametrize("character", ["\u00e5", "\U0001f600", "\r\n", "\r"])
@pytest.mark.parametrize("length", [50, 51])
def test_lengths_count_characters_and_not_bytes(length: int, character: str, schema: RecordSchema) -> None:
    value = character * (length - len("@example.no")) + "@example.no"
    document = export(person(contact(value, UPDATED)), *[person(contact(attributes=UPDATED))] * 10)
    assert disagreements(document, schema) == []
    assert outcome(document, schema, "auto").read_by["scanner"] == (11 if length == 50 else 10)


@pytest.mark.parametrize("nines", [6, 7, 13, 14, 20])
def test_seconds_that_libxml2_takes_for_the_sixtieth_are_handed_on(nines: int, schema: RecordSchema) -> None:
    time = f"2014-02-25T12:08:59.{'9' * nines}Z"
    document = export(USUAL, person(contact(attributes=f'sistOppdatert="{time}"')), USUAL)
    assert disagreements(document, schema) == []


def test_a_prefix_that_no_real_export_has_is_the_reference_s_to_refuse(schema: RecordSchema) -> None:
    prefix = "p" * 300
    inner = f"<{prefix}:personidentifikator>03851598730</{prefix}:personidentifikator>"
    record = f"<{prefix}:Person>{inner}</{prefix}:Person>"
    root = f'et:Kontaktregister xmlns:et="{EXPORT}" xmlns:{prefix}="{PERSONS}" {ROOT_ATTRIBUTES}'
    assert disagreements(export(record * 40, root=root), schema) == []


def test_a_certificate_of_a_record_that_is_handed_on_is_forgotten(
    schema: RecordSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_out(monkeypatch)
    one, other = (person(f"<X509Sertifikat>{octets}</X509Sertifikat>") for octets in ("AAAA", "BBBB"))
    document = export(one.replace("</Person>", "<!-- c --></Person>"), one, other, one)
    assert disagreements(document, schema) == []
    assert outcome(document, schema, "auto").read_by == {"scanner": 3, "iterparse": 1}


@pytest.mark.parametrize("kinds", [1, 7, 500])
def test_distinct_certificates_are_decoded_once_each(kinds: int, schema: RecordSchema) -> None:
    written = [
        base64.b64encode(f"certificate {kind % kinds}".encode() * (kind % 5 + 1)).decode() for kind in range(500)
    ]
    document = export(*(person(f"<X509Sertifikat>{each}</X509Sertifikat>") for each in written))
    assert disagreements(document, schema) == []
    assert outcome(document, schema, "auto").read_by == {"scanner": 500}


def test_a_scanner_that_was_built_of_older_sources_is_as_good_as_none() -> None:
    script = """
import sys, types
import krr_export.parsing
older = types.ModuleType("krr_export.parsing.scanner")
older.PARTS, older.Scanner = ("valid", "values"), object
sys.modules[older.__name__] = older
from krr_export.parsing.scanning import IS_BUILT
print(IS_BUILT)
"""
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert out == "False\n"


def test_without_a_compiler_the_reference_reads_everything_and_finds_the_same(
    schema: RecordSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = export(*SPELLINGS.values(), *(HANDED_ON[kind] for kind in ("a comment", "CDATA", "a missing element")))
    expected = outcome(document, schema, "auto")
    for module in ("parsing.tokenizing", "parsing.scanning", "rules.prefilter"):
        monkeypatch.setattr(f"krr_export.{module}.IS_BUILT", False)
    found = outcome(document, schema, "auto")
    assert found.differs_from(expected) == []
    assert found.read_by == {"iterparse": len(SPELLINGS) + 3}
