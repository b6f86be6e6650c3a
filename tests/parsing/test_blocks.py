"""However a document is written and however it arrives, its records are found exactly, or it is refused."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from exports.tiny_xml import EXPORT, PERSONS, ROOT_ATTRIBUTES, export, person
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from parsing_path import cut_blocks, parse

from krr_export.errors import InputError
from krr_export.parsing.xml.well_formed import parser_options

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_once")]

PREFIXES = ("", "et:", "p:", "q-1.ø:")
START = (
    f'<et:Kontaktregister xmlns:et="{EXPORT}" xmlns="{PERSONS}" xmlns:p="{PERSONS}" xmlns:q-1.ø="urn:q" '
    f"{ROOT_ATTRIBUTES}>"
)
END = "</et:Kontaktregister>"
NAMES = ("Person", "Personalia", "MyPerson", "Person.", "Person-", "Perso", "person", "Kontaktregister", "a")
TRAPS = (
    *("<Person>", "</Person>", "<p:Person ", "<Person/>", "</p:Person >", END, "<et:Kontaktregister>", "<", ">", "/>"),
    *("<!--", "<!-", "-", "]]", "]]>", "<![CDATA[", "<![CD", "<?", "?>", "?", "'", '"', "=", "&amp;", "&lt;", "ø€"),
    *("\n", "\r\n", "\r", "\t", " ", "a", "\U0001f600"),
)
traps = st.lists(st.sampled_from(TRAPS), max_size=6).map("".join)
white_space = st.text(" \t\r\n", max_size=3)


def without(inner: str, *ends: str) -> str:
    """Text in which nothing ends early."""
    while any(end in inner for end in ends):
        for end in ends:
            inner = inner.replace(end, "")
    return inner


comments = traps.map(lambda inner: f"<!--{without(inner, '--').rstrip('-')}-->")
instructions = traps.map(lambda inner: f"<?a {without(inner, '?>')}?>")
sections = traps.map(lambda inner: f"<![CDATA[{without(inner, ']]>')}]]>")
texts = traps.map(lambda inner: without(re.sub("<|&(?!amp;|lt;)", "", inner), "]]>"))
misc = st.one_of(white_space, comments, instructions)
values = st.one_of(
    traps.map(lambda inner: '"' + re.sub('[<"]', "", inner) + '"'),
    traps.map(lambda inner: "'" + re.sub("[<']", "", inner) + "'"),
)


@st.composite
def elements(draw: st.DrawFn, names: st.SearchStrategy[str], content: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from(PREFIXES)) + draw(names)
    space = st.text(" \n\t", min_size=1, max_size=2)
    attributes = [
        f"{draw(space)}{key}={draw(values)}" for key in draw(st.lists(st.sampled_from("bcd"), unique=True, max_size=2))
    ]
    if draw(st.booleans()):
        attributes.append(f'{draw(space)}xmlns="{draw(st.sampled_from(["urn:x", PERSONS]))}"')
    tag = f"<{name}{''.join(attributes)}{draw(white_space)}"
    if draw(st.integers(0, 3)) == 0:
        return f"{tag}/>"
    return f"{tag}>{draw(content)}</{name}{draw(white_space)}>"


pieces_of_content = st.recursive(
    st.one_of(texts, comments, instructions, sections),
    lambda inner: elements(st.sampled_from(NAMES), st.lists(inner, max_size=3).map("".join)),
    max_leaves=6,
)
records = elements(st.just("Person"), st.lists(pieces_of_content, max_size=4).map("".join))
gaps = st.lists(misc, max_size=3).map("".join)


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Records and what stands around them: one gap more than records."""
    found = draw(st.lists(records, max_size=5))
    return found, [draw(gaps) for _ in range(len(found) + 1)]


def splits(data: bytes, places: list[int]) -> list[bytes]:
    return [
        data[start:end] for start, end in pairwise([0, *sorted(place % (len(data) + 1) for place in places), len(data)])
    ]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def exact(data: bytes, pieces: list[bytes], size: int, schema: RecordSchema, expected: list[str]) -> None:
    """The blocks are the content, and the records in them are the expected ones, where they say."""
    document, blocks = cut_blocks(pieces, schema, size)
    content = data[data.index(b">", data.index(b"senesteEndringsNummer")) + 1 : data.rindex(b"</")]
    assert b"".join(block.data for block in blocks) == content
    ordinal = 1
    for block in blocks:
        spans = document.tokenizer.tokenize(block.data).spans
        assert (block.first, block.records) == (ordinal, len(spans))
        assert data[block.byte_offset : block.byte_offset + len(block.data)] == block.data
        assert block.line == data[: block.byte_offset].count(b"\n") + 1
        assert [block.data[start:end].decode() for start, end in spans] == expected[ordinal - 1 :][: len(spans)]
        before, after = document.envelope
        children = etree.fromstring(before + block.data + after)
        assert len([child for child in children if isinstance(child.tag, str)]) == len(spans)
        ordinal += block.records
    assert ordinal == len(expected) + 1


@settings(max_examples=150)
@given(contents(), st.lists(st.integers(0, 5000), max_size=8), st.integers(1, 300))
@example((["<Person/>"] * 3, [""] * 4), [], 1)
@example(
    (["<Person><!--</Person>--><![CDATA[</Person>]]><?a </Person>?></Person>"] * 2, ["<!--<Person>-->"] * 3), [], 1
)
@example((["<Person><p:Person><Person/></p:Person></Person>"] * 2, ["<?Person </Person>?>\r\n"] * 3), [], 5)
def test_the_records_found_are_the_root_s_children(
    schema: RecordSchema, content: tuple[list[str], list[str]], places: list[int], size: int
) -> None:
    expected, between = content
    inner = "".join(gap + record for gap, record in zip(between, [*expected, ""], strict=True))
    data = f"<?xml version='1.0'?>\n{START}{inner}{END}".encode()
    children = [child for child in etree.fromstring(data) if isinstance(child.tag, str)]
    assert [etree.QName(child).localname for child in children] == ["Person"] * len(expected), "the oracle"
    exact(data, splits(data, places), size, schema, expected)


@settings(max_examples=6)  # each is read once a byte
@given(contents())
def test_the_records_are_found_whatever_the_pieces_and_the_block_size(
    schema: RecordSchema, content: tuple[list[str], list[str]]
) -> None:
    expected, between = content
    inner = "".join(gap + record for gap, record in zip(between, [*expected, ""], strict=True))
    data = f"{START}{inner}{END}".encode()
    for size in (1, 3, 20, 1 << 20):
        exact(data, bytewise(data), size, schema, expected)
    for at in range(len(data)):
        exact(data, [data[:at], data[at:]], 1, schema, expected)


def verdict(data: bytes, schema: RecordSchema, size: int) -> int | None:
    """How many records there are; None for a document that is refused."""
    try:
        parsed = parse(splits(data, [100, 400, 450]), schema, size)
    except InputError:
        return None
    return len(parsed.accepted)


def expected_verdict(data: bytes, schema: RecordSchema) -> int | None:
    """The same from lxml alone, which reads the whole document at once."""
    try:
        root = etree.fromstring(data, etree.XMLParser(**parser_options()))
    except etree.XMLSyntaxError:
        return None
    others = [child for child in root if child.tag != schema.record.tag]
    between = [root.text or "", *(child.tail or "" for child in root)]
    return None if others or "".join(between).strip(" \t\r\n") else len(root)


valid_gaps = st.lists(st.one_of(white_space, comments, instructions, st.sampled_from(["&#32;", "<![CDATA[ ]]>", "x"])))
edits = st.sampled_from([*TRAPS, "", "", "", "\0", "&", "&e;", "&#0;", "<b>", "</b>", "xmlns:", "x:", " a='b'"])


@st.composite
def changed_documents(draw: st.DrawFn) -> bytes:
    """Documents that were well-formed before a few bytes of their content were replaced."""
    inner = "".join(draw(records) + "".join(draw(valid_gaps)) for _ in range(draw(st.integers(0, 4))))
    inner = inner.replace("<et:Person", "<Person").replace("</et:Person", "</Person")
    content = f"{inner}{END}".encode()
    at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 9))
    return START.encode() + content[:at] + draw(edits).encode() + content[at + length :]


@settings(max_examples=200)
@given(changed_documents(), st.integers(1, 200))
def test_a_document_changed_anywhere_is_refused_if_and_only_if_lxml_or_the_schema_refuses_it(
    schema: RecordSchema, data: bytes, size: int
) -> None:
    assert verdict(data, schema, size) == expected_verdict(data, schema)


@settings(max_examples=8)  # each is cut once a byte
@given(contents())
def test_a_document_cut_at_any_byte_is_refused(schema: RecordSchema, content: tuple[list[str], list[str]]) -> None:
    some, between = content
    inner = "".join(gap + record for gap, record in zip(between, [*some, ""], strict=True))
    data = f"{START}{inner}{END}".encode()
    for end in range(len(data)):
        with pytest.raises(InputError):
            cut_blocks(data[:end], schema, 50)


def test_a_truncated_document_says_where_it_ends_and_what_was_whole(schema: RecordSchema) -> None:
    data = export(*[person()] * 7)
    for size in (1, 1 << 20):
        with pytest.raises(InputError, match=r"truncated: it ends on line 9, after 6 whole records"):
            cut_blocks(data[: data.rindex(b"</Person>")], schema, size)
        with pytest.raises(InputError, match=r"truncated: it ends on line 10, after 7 whole records"):
            cut_blocks(data[: data.rindex(b"</et:")], schema, size)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_for_a_content_end_in_an_input_error(schema: RecordSchema, inner: bytes, size: int) -> None:
    assume(END.encode() not in inner and inner.strip())
    with pytest.raises(InputError):
        parse([START.encode(), inner], schema, size)
    with pytest.raises(InputError):
        parse([START.encode(), inner, b"<", END.encode()], schema, size)


STRANGERS = {
    "the root's name within a record": "<Person><et:Kontaktregister></et:Kontaktregister></Person>",
    "the root's name within, empty": "<Person><et:Kontaktregister/></Person>",
    "an end tag with a space": "<Person></Person\n>",
    "records in a record": "<Person><Person><Person/></Person><p:Person></p:Person></Person>",
    "brackets in attributes": """<Person a="/Person>" b='Person/>' c="'>"></Person>""",
    "a section": "<Person><![CDATA[]] ></Person>]]]]><![CDATA[>]]></Person>",
    "a namespace of its own": '<x:Person xmlns:x="urn:x"><x:Person/></x:Person>',
}


@pytest.mark.parametrize("record", STRANGERS.values(), ids=STRANGERS)
def test_odd_records_are_found_among_others(schema: RecordSchema, record: str) -> None:
    expected = [person(), record, person(), record, record]
    data = f"{START}{''.join(expected)}{END}".encode()
    for size in (1, 50, 1 << 20):
        exact(data, bytewise(data), size, schema, expected)


MALFORMED = {
    "an end tag too many": ("</Person>", "line 4: an end tag does not match its start tag"),
    "an end tag missing": ("<Person>", "an end tag does not match its start tag"),
    "crossed tags": ("<Person><status></Person></status>", "line 4: an end tag does not match its start tag"),
    "another prefix": ("<Person></p:Person>", "line 4: an end tag does not match its start tag"),
    "an undeclared prefix": ("<x:Person></x:Person>", "line 4: a namespace prefix is not declared"),
    "an undeclared prefix within": ("<Person><x:a/></Person>", "line 4: a namespace prefix is not declared"),
    "an undeclared prefix of an attribute": ("<Person x:a=''/>", "line 4: a namespace prefix is not declared"),
    "a comment with hyphens": ("<Person><!-- a -- b --></Person>", "line 4: "),
    "a comment without end": ("<!-- ", "truncated"),
    "a section without end": ("<Person><![CDATA[", "truncated"),
    "an instruction without end": ("<?a", "truncated"),
    "a tag without end": ("<Person ", "line 5: "),
    "an attribute without quotes": ("<Person a=b></Person>", "line 4: "),
    "an attribute twice": ("<Person a='' a=''/>", "line 4: "),
    "a bracket in a value": ("<Person a='<'></Person>", "line 4: "),
    "a NUL": ("\0", "line 4: a character is not allowed in XML"),
    "the end of a section": ("<Person>]]></Person>", "line 4: "),
    "an XML declaration": ('<?xml version="1.0"?>', "line 4: "),
    "a DOCTYPE": ("<!DOCTYPE a>", "line 4: "),
    "a second colon": ("<p:p:Person/>", "line 4: "),
    "no name": ("<p:/>", "line 4: "),
    "a bare <": ("<Person> < </Person>", "line 4: "),
    "an undeclared entity": ("<Person>&a;</Person>", "line 4: an entity is not declared"),
}


@pytest.mark.parametrize(("inner", "said"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_refused_with_its_line(schema: RecordSchema, inner: str, said: str) -> None:
    data = export(person(), person(), inner, person(), person(), declaration="")
    for size in (1, 100, 1 << 20):
        with pytest.raises(InputError) as caught:
            parse(bytewise(data), schema, size)
        assert said in str(caught.value)


@pytest.mark.parametrize("size", [1, 64, 1 << 20])
def test_lines_are_right_past_65535(schema: RecordSchema, size: int) -> None:
    lines = "\n" * 70_000
    for inner, said in (
        ("<Person>&a;</Person>", "an entity is not declared"),
        ("<x:Person/>", "a namespace prefix is not declared"),
        ("x", "text stands between the records"),
        ("<a/>", "an element other than Person stands under the root"),
        ("<a><Person/></a>", ""),
    ):
        data = export(person(), lines, person(), inner, declaration="")
        with pytest.raises(InputError, match=rf"line 700\d\d: .*{said}") as caught:
            parse(data, schema, size)
        line = data[: data.rindex(inner.encode())].count(b"\n") + 1
        assert f"line {line}: " in str(caught.value)
    data = export(person(), lines, "<Person\n/>", person(), "<Person/>", declaration="")
    assert [reject.line for reject in parse(data, schema, size).rejects] == [70_004, 70_007]
