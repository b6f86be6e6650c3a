"""The pattern takes nothing that the XSD refuses, is used wherever it should be, and cannot be made to hang."""

from __future__ import annotations

import time
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from agreement import disagreements, outcome, pick_out
from lxml import etree
from road import contact, export, person

from krr_export.blocks import Document
from krr_export.certain import certain
from krr_export.characters import characters_of
from krr_export.readers.pattern import PatternReader
from krr_export.sample import SampleOptions, write_sample
from krr_export.times import date_time_micros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.schema import RecordSchema

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
    tiles = PatternReader(schema, document.header.namespaces).read(block.data, characters_of(block.data))
    assert tiles is not None
    captured = tiles.columns[column].drop_null()
    # Together, and each alone: which kernel judges a time depends on the others.
    together = certain(schema.fields[column], captured)
    assert together is not None
    taken = 0
    for row, moment in enumerate(captured.to_pylist()):
        alone = certain(schema.fields[column], pa.array([moment]))
        assert alone is not None
        for judged, at in ((together, row), (alone, 0)):
            if at not in judged.doubtful:
                taken += 1
                assert judge.validate(etree.Element("m", v=moment)), moment
                assert judged.array[at].value == date_time_micros(moment)[0], moment
    assert taken > 0.6 * len(EVERY[kind])


@pytest.mark.parametrize(
    "changes",
    [{}, {"prefix": "ns2"}, {"naive_times": True}, {"indent": False}, {"certificates": 0}],
    ids=lambda changes: ", ".join(changes) or "usual",
)
def test_usual_exports_are_read_by_the_pattern(changes: dict[str, Any], schema: RecordSchema) -> None:
    out = BytesIO()
    write_sample(out, SampleOptions(2000, schema=schema, **changes))
    read = outcome(out.getvalue(), schema, "auto")
    assert read.read_by["pattern"] > 0.99 * 2000


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
    def seconds(size: int) -> float:
        repeated = HOSTILE[kind] * (size // len(HOSTILE[kind]))
        record = {
            "between the records": repeated,
            "in a value": person(contact(f"a{repeated}")),
            "in a tag": person().replace("<Person>", f"<Person{repeated}>"),
        }[where]
        data = f"{USUAL}\n{record}\n{USUAL}".encode()
        document = Document([export()], schema)
        reader = PatternReader(schema, document.header.namespaces)
        begun = time.process_time()
        reader.read(data, characters_of(data))
        return time.process_time() - begun

    # Sixteen times as much would take 256 times as long if the time were quadratic.
    small = min(seconds(20_000) for _ in range(3))
    assert min(seconds(320_000) for _ in range(2)) < 80 * max(small, 0.001)


def test_blocks_without_records_and_what_follows_the_last_one_are_read(schema: RecordSchema) -> None:
    for between in ("", "\n", "\r\n \t", "<!-- c -->", "<?p i?>\n", " <!-- <Person></Person> --> "):
        for persons in ((), (USUAL,), (USUAL, "<Person/>")):
            document = export(*persons, between=between)
            assert disagreements(document, schema) == []
            assert outcome(document, schema, "auto").error is None
