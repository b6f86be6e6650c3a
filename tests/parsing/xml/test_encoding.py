"""Each accepted encoding gives the same document, and no other is taken for one of them."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest
from exports.tiny_xml import IDENTIFIER, contact, export, person
from hypothesis import given
from hypothesis import strategies as st
from parsing_path import parse

from krr_export.errors import InputError
from krr_export.parsing.xml.encoding import as_utf8

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

TEXT = "blåbærgrøt på øy"
WITHOUT_EURO = ("ISO-8859-1", "iso-8859-1", "Latin1")
WITH_EURO = ("UTF-8", "utf-8", "UTF8", "ISO-8859-15", "windows-1252", "cp1252", "UTF-16", "UTF-16LE", "UTF-16BE")
ACCEPTED = (*WITHOUT_EURO, *WITH_EURO)


def declared(name: str, content: str = "<a/>") -> str:
    return f'<?xml version="1.0" encoding="{name}"?>{content}'


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def utf8(data: bytes, size: int = 1 << 20) -> str:
    return b"".join(as_utf8(pieces(data, size)).pieces).decode()


def refused(data: bytes, *said: str, size: int = 1 << 20) -> str:
    with pytest.raises(InputError) as caught:
        utf8(data, size)
    assert [part for part in said if part not in str(caught.value)] == []
    return str(caught.value)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("name", ACCEPTED)
def test_an_accepted_encoding_is_transcoded_whatever_the_pieces(name: str, size: int) -> None:
    document = declared(name, f"<a>{TEXT * 100}</a>")
    assert utf8(document.encode(name), size) == document


@pytest.mark.parametrize("name", ACCEPTED)
def test_text_and_attributes_arrive_as_they_were_sent(schema: RecordSchema, name: str) -> None:
    text = TEXT if name in WITHOUT_EURO else f"{TEXT} 5 €"
    # No valid attribute has such characters: what is said of an invalid one shows that they arrived.
    persons = [person(f"<beskrivelse>{text}</beskrivelse>"), person(contact(attributes='sistOppdatert="æøå"'))]
    parsed = parse(export(*persons, encoding=name), schema)
    assert parsed.rows[0]["beskrivelse"] == text
    (finding,) = parsed.rejects[0].findings
    assert (finding.detail.kind, finding.detail.length) == ("mixed, some not ASCII", 3)
    assert parsed.rejects[0].record.decode() == persons[1]


def test_ascii_holds_the_rest_as_references(schema: RecordSchema) -> None:
    data = export(person("<beskrivelse>bl&#229;tt, 5 &#x20AC;</beskrivelse>"), encoding="US-ASCII")
    assert parse(data, schema).rows[0]["beskrivelse"] == "blått, 5 €"


def test_without_a_declaration_it_is_utf_8(schema: RecordSchema) -> None:
    data = export(person(f"<beskrivelse>{TEXT} €</beskrivelse>"), declaration="")
    parsed = parse(data, schema)
    assert parsed.rows[0]["beskrivelse"] == f"{TEXT} €"
    assert parsed.header.encoding == "UTF-8"


@pytest.mark.parametrize("quoted", ['"ISO-8859-1"', "'ISO-8859-1'", ' \n= \t"ISO-8859-1"'])
@pytest.mark.parametrize("standalone", ["", " standalone='yes'"])
def test_a_declaration_may_be_written_in_all_ways_of_xml(quoted: str, standalone: str) -> None:
    equals = "" if "=" in quoted else "="
    document = f"<?xml  version = '1.0'\nencoding{equals}{quoted}{standalone} ?><a>ø</a>"
    assert utf8(document.encode("latin-1")) == document


@pytest.mark.parametrize("size", [1, 2, 5, 1 << 20])
def test_a_byte_order_mark_is_no_part_of_the_document(size: int) -> None:
    for document in ("<a>ø€</a>", declared("UTF-8", "<a>ø€</a>")):
        stream = as_utf8(pieces(codecs.BOM_UTF8 + document.encode(), size))
        assert (b"".join(stream.pieces).decode(), stream.offset) == (document, 3)
    for document in ("<a>ø€</a>", declared("UTF-16", "<a>ø€</a>")):
        for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            assert utf8(mark + document.encode(codec), size) == document
            assert utf8(document.encode(codec), size) == document, "without mark: known by its first character"


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 * 2 + export(),
        codecs.BOM_UTF16_LE * 2 + export(declaration="").decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE * 2 + export(declaration="").decode().encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-16LE", "UTF-16BE"],
)
def test_a_second_byte_order_mark_is_no_white_space(schema: RecordSchema, data: bytes) -> None:
    with pytest.raises(InputError, match="not XML"):
        parse(data, schema)


def test_offsets_count_delivered_bytes_where_nothing_is_transcoded() -> None:
    assert {name: as_utf8([declared(name).encode(name)]).transcoded for name in ("UTF-8", "US-ASCII")} == {
        "UTF-8": False,
        "US-ASCII": False,
    }
    assert all(as_utf8([declared(name).encode(name)]).transcoded for name in ("UTF-16", "ISO-8859-1", "cp1252"))


def test_rejects_after_a_byte_order_mark_lie_where_it_says(schema: RecordSchema) -> None:
    data = codecs.BOM_UTF8 + export(person(), "<Person/>")
    (reject,) = parse(data, schema).rejects
    assert data[reject.byte_offset :].startswith(b"<Person/>")


@pytest.mark.parametrize(
    ("document", "codec"),
    [
        (declared("UTF-16"), "utf-8"),
        (declared("UTF-16LE"), "utf-8"),
        (declared("UTF-8"), "utf-16"),
        (declared("UTF-8"), "utf-16-le"),
        (declared("ISO-8859-1"), "utf-16-be"),
        (declared("UTF-16LE"), "utf-16-be"),
        (declared("UTF-16BE"), "utf-16-le"),
        (declared("ISO-8859-1"), "utf-8-sig"),
        (declared("UTF-16"), "utf-8-sig"),
        (declared("windows-1252"), "utf-8-sig"),
    ],
)
def test_a_declaration_that_the_bytes_contradict_is_refused(document: str, codec: str) -> None:
    for size in (1, 1 << 20):
        refused(document.encode(codec), "declares the encoding", "but its bytes are not", size=size)


@pytest.mark.parametrize(
    "name",
    [
        *("UTF-7", "utf7", "UTF-32", "UTF-32LE", "UCS-4", "ISO-10646-UCS-2", "UCS-2", "CESU-8", "SCSU", "EBCDIC-CP-US"),
        *("IBM037", "ISO-8859-2", "ISO-8859-9", "windows-1251", "Shift_JIS", "ISO-2022-JP", "HZ-GB-2312", "GB18030"),
        *("rot13", "zlib", "idna", "raw_unicode_escape", "hemmelig", ""),
    ],
)
def test_any_other_encoding_is_refused_without_repeating_its_name(name: str) -> None:
    if not name:
        assert utf8(declared(name).encode()) == declared(name), "left for the XML parser to refuse"
        return
    message = refused(declared(name).encode(), "declares an encoding that is not accepted", "accepted are UTF-8")
    assert name not in message


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32_is_refused(codec: str) -> None:
    refused(declared("UTF-32").encode(codec), "UTF-32")


@pytest.mark.parametrize("codec", ["cp037", "cp500", "cp1140"])
def test_ebcdic_is_not_xml_here(schema: RecordSchema, codec: str) -> None:
    with pytest.raises(InputError, match="not XML"):
        parse(export(declaration=declared("EBCDIC-CP-DK")).decode().encode(codec), schema)


def test_utf_7_in_disguise_is_not_decoded(schema: RecordSchema) -> None:
    hidden = person("<beskrivelse>+ADw-/beskrivelse+AD4-</beskrivelse>")
    assert parse(export(hidden), schema).rows[0]["beskrivelse"] == "+ADw-/beskrivelse+AD4-"
    with pytest.raises(InputError):
        parse(export(declaration=declared("UTF-7")).decode().encode("utf-7"), schema)


def test_an_encoding_declared_behind_much_white_space_is_not_passed_over() -> None:
    data = f'<?xml version="1.0"{" " * 3000}encoding="UTF-7"?><a/>'.encode()
    for size in (1, 100):
        refused(data, "the XML declaration does not end", size=size)
    refused(data, "declares an encoding that is not accepted")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("US-ASCII", b"\xc3\xa5"),
        ("windows-1252", b"\x81"),
        ("UTF-16LE", b"\x00\xd8<\0"),
        ("UTF-16LE", b"\x00"),
        ("UTF-16BE", b"\xdc\x00"),
    ],
)
def test_bytes_that_are_not_of_the_declared_encoding_are_refused_with_their_place(name: str, bad: bytes) -> None:
    data = declared(name, "<a>" + "x" * 3000).encode(name)
    for size in (1, 2, 64, 1 << 20):
        message = refused(data + bad, f"is not valid {name.upper()}: byte ", "ask the sender for UTF-8", size=size)
        assert int(message.partition(": byte ")[2].partition(" ")[0]) == len(data), "from the document's start"


@pytest.mark.parametrize(
    "bad",
    [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe5", b"bl\xe5b\xe6r", b"\xef\xbf\xbe", b"\x01"],
)
def test_bytes_that_are_not_utf_8_are_refused_with_their_line(schema: RecordSchema, bad: bytes) -> None:
    marked = export(person(), person("<beskrivelse>HER</beskrivelse>"), person())
    with pytest.raises(InputError, match=r"line 4: a (byte|character) is not"):
        parse(marked.replace(b"HER", bad), schema)


@pytest.mark.parametrize("place", ["in a comment before the root", "in the root's attribute", "after the root"])
def test_bytes_that_are_not_utf_8_are_refused_anywhere(schema: RecordSchema, place: str) -> None:
    data = {
        "in a comment before the root": b"<!-- \xe5 -->" + export(declaration=""),
        "in the root's attribute": export().replace(b'senesteEndringsNummer="', b'senesteEndringsNummer="\xe5'),
        "after the root": export(after="<!-- X -->").replace(b"X", b"\xe5"),
    }[place]
    with pytest.raises(InputError, match=r"line [123]: a byte is not valid"):
        parse(data, schema)


@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="&<>\r\ufffe\uffff")),
    name=st.sampled_from(["UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE"]),
    size=st.integers(1, 50),
)
def test_any_text_survives_any_unicode_encoding(schema: RecordSchema, text: str, name: str, size: int) -> None:
    data = export(person(f"<beskrivelse>{text}</beskrivelse>"), encoding=name)
    (row,) = parse(pieces(data, size), schema).rows
    assert (row["beskrivelse"], row["personidentifikator"]) == (text, IDENTIFIER)


def test_the_beginning_may_come_in_empty_pieces() -> None:
    data = declared("UTF-16").encode("utf-16")
    assert b"".join(as_utf8([b"", data[:1], b"", data[1:3], b"", data[3:], b""]).pieces).decode() == declared("UTF-16")
