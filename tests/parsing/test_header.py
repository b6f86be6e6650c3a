"""Around the records stands what an export has there, or the document is refused before anything is read."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from exports.tiny_xml import EXPORT, PERSONS, ROOT_ATTRIBUTES, export, person
from growth import assert_linear
from hypothesis import given
from hypothesis import strategies as st
from parsing_path import parse

from krr_export.errors import InputError
from krr_export.parsing.header import MAX_PROLOG_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from krr_export.schema.record_schema import RecordSchema

ROOT = f'et:Kontaktregister xmlns:et="{EXPORT}" xmlns="{PERSONS}" {ROOT_ATTRIBUTES}'
PLANTED = "hemmelig"


def refused(data: bytes | Iterable[bytes], schema: RecordSchema, *said: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(data, schema)
    message = str(caught.value)
    assert [part for part in said if part not in message] == [], message
    assert PLANTED not in message
    assert "\n" not in message
    return message


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("hemmelig.xml")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def bytewise(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def test_the_header_is_what_the_root_says(schema: RecordSchema) -> None:
    header = parse(export(), schema).header
    assert header.eksport_tidspunkt == "2014-02-26T12:22:25+01:00"
    assert header.exported_at == datetime(2014, 2, 26, 11, 22, 25, tzinfo=UTC)
    assert header.seneste_endringsnummer == 1724
    assert header.namespaces == {"et": EXPORT, "": PERSONS}
    assert header.export_name == "eksport=20140226T112225Z"


def test_names_of_exports_sort_as_their_times_do_whatever_the_year(schema: RecordSchema) -> None:
    header = parse(export(root=ROOT.replace("2014-02-26T12:22:25+01:00", "0912-02-26T12:22:25Z")), schema).header
    assert header.export_name == "eksport=09120226T122225Z"


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2014-02-26T12:22:25", "2014-02-26T11:22:25+00:00"),
        ("2014-07-26T12:22:25", "2014-07-26T10:22:25+00:00"),
        ("2014-02-26T24:00:00Z", "2014-02-27T00:00:00+00:00"),
        ("2014-02-26T12:22:25.123456789-05:30", "2014-02-26T17:52:25.123456+00:00"),
        ("2014-02-26T12:22:25Z\n", "2014-02-26T12:22:25+00:00"),
    ],
)
def test_the_export_s_time_is_taken_as_any_other(schema: RecordSchema, written: str, instant: str) -> None:
    header = parse(export(root=ROOT.replace("2014-02-26T12:22:25+01:00", written)), schema).header
    assert header.exported_at.isoformat() == instant
    said = "2014-02-26T17:52:25.123456Z" if "123456789" in written else written.strip()
    assert header.eksport_tidspunkt == said


def test_a_time_s_fraction_of_any_length_is_not_repeated(schema: RecordSchema) -> None:
    for fraction in ("03851598730", "0" * 800_000 + "03851598730"):
        header = parse(export(root=ROOT.replace("25+01:00", f"25.{fraction}+01:00")), schema).header
        assert re.fullmatch(r"2014-02-26T11:22:25(\.038515)?Z", header.eksport_tidspunkt)


def test_of_a_namespace_that_the_sender_made_up_nothing_is_repeated(schema: RecordSchema) -> None:
    for uri in ("urn:no:03851598730", f"http://{PLANTED}.example/xsd/14-05", "x" * 4000):
        message = refused(export(root=f'Kontaktregister xmlns="{uri}" {ROOT_ATTRIBUTES}'), schema)
        assert uri[:12] not in message
        assert "#" * 11 not in message


@pytest.mark.parametrize(
    ("written", "number"),
    [("-1", -1), ("+1", 1), ("007", 7), ("0" * 9000 + "8", 8), ("9223372036854775807", 2**63 - 1)],
)
def test_any_long_is_a_change_number(schema: RecordSchema, written: str, number: int) -> None:
    assert parse(export(root=ROOT.replace('"1724"', f'"{written}"')), schema).header.seneste_endringsnummer == number


PROLOGS = {
    "nothing": "",
    "a declaration": '<?xml version="1.0"?>',
    "white space": '<?xml version="1.0"?> \t\r\n',
    "a comment with tags": "<!-- <et:Kontaktregister> </et:Kontaktregister> <Person/> ' \" > -->",
    "a comment with a DOCTYPE": "<!-- <!DOCTYPE a> -->",
    "an instruction with tags": "<?a <et:Kontaktregister> <!DOCTYPE b> ' \" > ?>",
    "an instruction like the end of a comment": "<?a --> ?><!-- ?> -->",
    "a style sheet": '<?xml-stylesheet href="a>b"?>',
    "many": "<!--a--><?b?>\n" * 500,
}


@pytest.mark.parametrize("prolog", PROLOGS.values(), ids=PROLOGS)
def test_the_prolog_may_hold_whatever_xml_allows(schema: RecordSchema, prolog: str) -> None:
    data = export(person(), "<Person/>", declaration=prolog)
    for pieces in ([data], bytewise(data)):
        parsed = parse(pieces, schema)
        assert parsed.accepted == [True, False]
        assert data[parsed.rejects[0].byte_offset :].startswith(b"<Person/>")
        assert parsed.rejects[0].line == data[: data.rindex(b"<Person/>")].count(b"\n") + 1


ROOTS = {
    "attributes with >": f'{ROOT} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a>b />"',
    "single quotes": ROOT.replace('"', "'"),
    "white space": ROOT.replace(" ", "\n\t ") + " ",
    "a schema's place": f'{ROOT} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{EXPORT} no-such-file.xsd"',
    "a namespace that nobody uses": f'{ROOT} xmlns:ds="http://www.w3.org/2000/09/xmldsig#"',
    "a namespace with references": f'{ROOT} xmlns:a="urn:a&amp;b&#38;c&quot;"'.replace("&quot;", ""),
    "the xml namespace": f'{ROOT} xmlns:xml="http://www.w3.org/XML/1998/namespace"',
    "its type": f'{ROOT} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="et:Kontaktregister"',
}


@pytest.mark.parametrize("root", ROOTS.values(), ids=ROOTS)
def test_the_root_may_be_written_in_all_ways_of_xml(schema: RecordSchema, root: str) -> None:
    data = export(person(), "<Person/>", root=root)

    for pieces in ([data], bytewise(data)):
        assert parse(pieces, schema).accepted == [True, False]


@pytest.mark.parametrize(
    "tag", [f"<{ROOT}/>", f"<{ROOT} />", f"<{ROOT}></et:Kontaktregister >", f"<{ROOT}>\n <!-- --> "]
)
def test_an_export_may_be_empty(schema: RecordSchema, tag: str) -> None:
    tag += "" if "/" in tag[-4:] or tag.endswith(" >") else "</et:Kontaktregister>"
    for after in ("", "\n", "<!-- <Person/> --><?a?>\n"):
        parsed = parse((tag + after).encode(), schema)
        assert (parsed.rows, parsed.rejects) == ([], [])


def test_prefixes_are_the_publisher_s_choice(schema: RecordSchema) -> None:
    inner = "<n:Person><n:personidentifikator>03851598730</n:personidentifikator></n:Person>"
    for root in (
        f'k:Kontaktregister xmlns:k="{EXPORT}" xmlns:n="{PERSONS}"',
        f'Kontaktregister xmlns="{EXPORT}" xmlns:n="{PERSONS}"',
    ):
        assert parse(export(inner, root=f"{root} {ROOT_ATTRIBUTES}"), schema).accepted == [True]
    own = person().replace("<Person", f'<Person xmlns="{PERSONS}"')
    assert parse(export(own, root=f'Kontaktregister xmlns="{EXPORT}" {ROOT_ATTRIBUTES}'), schema).accepted == [True]


DOCTYPES = {
    "plain": "<!DOCTYPE et:Kontaktregister>",
    "empty": "<!DOCTYPE>",
    "lower case": "<!doctype et:Kontaktregister>",
    "with a file": '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    "with an address": '<!DOCTYPE a PUBLIC "-//a//b" "http://localhost:1/a.dtd">',
    "with an entity": f'<!DOCTYPE a [<!ENTITY e "{PLANTED}">]>',
    "with an external entity": '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "with a parameter entity": '<!DOCTYPE a [<!ENTITY % e SYSTEM "http://localhost:1/">%e;]>',
    "with default attributes": '<!DOCTYPE a [<!ATTLIST Person a CDATA "b">]>',
    "a bomb": "<!DOCTYPE a ["
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    + "]>",
    "a bomb of one": f'<!DOCTYPE a [<!ENTITY e "{"a" * 100_000}">]>',
}


@pytest.mark.parametrize("before", ["", '<?xml version="1.0"?>\n', "<!-- ?> --><?a --> ?>\n"])
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_a_doctype_is_refused_in_any_form(schema: RecordSchema, doctype: str, before: str) -> None:
    data = (before + doctype).encode() + export(person("<beskrivelse>&e;&e11;</beskrivelse>"), declaration="")
    refused(data, schema, "the document has a DOCTYPE, which is not allowed")
    refused(bytewise(data), schema, "DOCTYPE")
    refused(data.decode().encode("utf-16"), schema, "DOCTYPE")


@pytest.mark.parametrize("where", ["in the root", "in a record", "after the root"])
def test_a_doctype_elsewhere_is_not_well_formed(schema: RecordSchema, where: str) -> None:
    doctype = '<!DOCTYPE a [<!ENTITY e "b">]>'
    data = {
        "in the root": export(doctype, person()),
        "in a record": export(person(doctype)),
        "after the root": export(person(), after=doctype),
    }[where]
    refused(data, schema, "not well-formed")


@pytest.mark.parametrize("reference", ["&nbsp;", "&e;", f"&{PLANTED};", "&#0;", "&#xD800;", "&#x110000;", "&", "&amp"])
@pytest.mark.parametrize("place", ["the root's attribute", "an attribute", "a text", "between the records"])
def test_references_beyond_the_five_entities_are_refused(schema: RecordSchema, reference: str, place: str) -> None:
    data = {
        "the root's attribute": export(root=f'{ROOT} xmlns:a="{reference}"'),
        "an attribute": export(person(f'<beskrivelse a="{reference}">a</beskrivelse>')),
        "a text": export(person(f"<beskrivelse>{reference}</beskrivelse>")),
        "between the records": export(person(), reference, person()),
    }[place]
    refused(data, schema, "not well-formed", "line ")


WRONG_ROOTS = {
    "another name": (f'et:Register xmlns:et="{EXPORT}" {ROOT_ATTRIBUTES}', "its root is not Kontaktregister"),
    "a record": (f'Person xmlns="{PERSONS}"', "its root is not Kontaktregister"),
    "a sender's name": (PLANTED, "its root is not Kontaktregister"),
    "no namespace": (f"Kontaktregister {ROOT_ATTRIBUTES}", f"in the namespace none, not in {EXPORT}"),
    "another version": (
        ROOT.replace("eksporttjeneste/14-05", "eksporttjeneste/16-02"),
        "in the namespace http://kontaktinfo.difi.no/xsd/eksporttjeneste/16-02, not in",
    ),
    "the records' namespace": (
        f'Kontaktregister xmlns="{PERSONS}" {ROOT_ATTRIBUTES}',
        "in the namespace http://begrep.difi.no, not in",
    ),
    "a namespace with a number": (
        f'Kontaktregister xmlns="urn:no:03851598730" {ROOT_ATTRIBUTES}',
        "in the namespace of another kind (",
    ),
    "a long namespace": (
        f'Kontaktregister xmlns="urn:{"x" * 200}" {ROOT_ATTRIBUTES}',
        "in the namespace of another kind (",
    ),
    "a namespace that is too long": (
        f'Kontaktregister xmlns="urn:{"x" * 4000}" {ROOT_ATTRIBUTES}',
        "the name of a namespace, of more than 256 bytes",
    ),
    "no time": (ROOT.replace("eksportTidspunkt", "tidspunkt"), "attribute eksportTidspunkt is missing"),
    "no change number": (ROOT.replace("senesteEndringsNummer", "b"), "attribute senesteEndringsNummer is missing"),
    "a time that is none": (ROOT.replace("2014-02-26T12", PLANTED), "the value of eksportTidspunkt is not of its type"),
    "an old spelling's time": (ROOT.replace("2014-02-26T12:22:25+01:00", r"\N"), "eksportTidspunkt is not of its type"),
    "a number that is none": (ROOT.replace("1724", PLANTED), "the value of senesteEndringsNummer is not of its type"),
    "a number with an underscore": (ROOT.replace("1724", "1_000"), "senesteEndringsNummer is not of its type"),
    "a number too great": (ROOT.replace("1724", str(2**63)), "senesteEndringsNummer is not of its type"),
    "no number": (ROOT.replace("1724", ""), "senesteEndringsNummer is not of its type"),
    "a year without a name": (
        ROOT.replace("2014-02", "12014-02"),
        "eksportTidspunkt lies outside the years 0001 to 9999",
    ),
    "a year before Christ": (
        ROOT.replace("2014-02", "-2014-02"),
        "eksportTidspunkt lies outside the years 0001 to 9999",
    ),
    "another attribute": (f'{ROOT} {PLANTED}="{PLANTED}"', "the root is not valid: it has an attribute or text"),
    "an attribute twice": (f"{ROOT} {ROOT_ATTRIBUTES}", "not well-formed"),
    "an undeclared prefix": (f'{ROOT} {PLANTED}:a="b"', "not well-formed", "a namespace prefix is not declared"),
    "an unquoted value": (f"{ROOT} a=b", "not well-formed"),
    "a value with <": (f'{ROOT} a="{PLANTED}<"', "not well-formed"),
    "a namespace that is no URI": (f'{ROOT} xmlns:a="{PLANTED} b c"', "a namespace is not a URI"),
}


@pytest.mark.parametrize("case", WRONG_ROOTS.values(), ids=WRONG_ROOTS)
def test_a_root_that_is_not_an_export_s_is_refused_and_named_by_our_words(
    schema: RecordSchema, case: tuple[str, ...]
) -> None:
    root, *said = case
    data = export(person(), root=root)
    assert len(refused(data, schema, *said)) < 400
    refused(bytewise(data), schema, *said)


TAILS = {
    "text": "x",
    "a no-break space": "\u00a0",
    "a second root": f"<{ROOT}></et:Kontaktregister>",
    "a record": person(),
    "an end tag": "</et:Kontaktregister>",
    "an end tag of the sender's": f"</{PLANTED}>",
    "CDATA": "<![CDATA[ ]]>",
    "a reference": "&#32;",
    "a declaration": '<?xml version="1.0"?>',
    "a comment without end": "<!-- ",
    "a comment with two hyphens": "<!-- a -- b -->",
    "an instruction without end": "<?a ",
    "a NUL": "\0",
    "a tag without end": "<",
    "another file": "\x1f\x8b",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_what_stands_after_the_root_is_refused_with_its_line(schema: RecordSchema, tail: str) -> None:
    for persons in ([], [person()] * 40):
        data = export(*persons, after=f"\n<!-- a -->\n{tail}")
        line = data[: len(data) - len(tail.encode())].count(b"\n") + 1
        for size in (1, 100, 1 << 20):
            with pytest.raises(InputError, match=rf"not well-formed XML: line {line}: ") as caught:
                parse([data], schema, size)
            assert PLANTED not in str(caught.value)
    refused(f"<{ROOT}/>\n{tail}".encode(), schema, "line 2")


def test_an_end_tag_over_several_lines_does_not_move_the_lines_behind(schema: RecordSchema) -> None:
    data = export(person()).replace(b"</et:Kontaktregister>", b"</et:Kontaktregister\n\n>\n\nx")
    line = data.count(b"\n") + 1
    refused(data, schema, f"line {line}: something stands after")


@pytest.mark.parametrize("records", [1, 40_000])
def test_another_document_behind_the_root_s_end_is_told_of_whatever_its_size(
    schema: RecordSchema, records: int
) -> None:
    one, other = export(person()), export(*[person()] * records, declaration="")
    for second in (export(*[person()] * records), other, b"<!-- a -->\n" + other):
        message = refused(one + second, schema, "something stands after the root's end", "two exports in a row?")
        assert "hostile" not in message


MALFORMED = {
    "& ": "an & begins no entity; itself it is written &amp;",
    "a&b@c.no": "an & begins no entity; itself it is written &amp;",
    "&;": "an & begins no entity; itself it is written &amp;",
    "a < b": "a < in a text is written &lt;",
    "]]>": "]]> stands in a text",
    "<a b=c/>": "an attribute is not written as",
    "<a b/>": "an attribute is not written as",
    "<a b='1'c='2'/>": "white space is missing",
    "<a b='1' b='2'/>": "the same attribute twice",
    "<a b='<'/>": "a < stands in an attribute's value",
    "<a hemmelig:b='1'/>": "a namespace prefix is not declared",
    "<a xsi:nil='true'/>": "a namespace prefix is not declared",
    "<a:b:c xmlns:a='u'/>": "a name has a colon where none may be",
    "<a xmlns:xml='u'/>": "a namespace is declared that may not be",
    "<!-- -- -->": "a comment holds --",
    "<? a?>": "a processing instruction",
    "<?xml version='1.0'?>": "an XML declaration stands elsewhere than at the very beginning",
    "&#0;": "a character is not allowed in XML",
    "<a></a x>": "a tag does not end with >",
}


@pytest.mark.parametrize("markup", MALFORMED)
def test_what_is_malformed_is_said_in_our_words(schema: RecordSchema, markup: str) -> None:
    written = export(person(f"<beskrivelse>{markup}</beskrivelse>"))
    message = refused(written, schema, "not well-formed XML: line ", MALFORMED[markup])
    assert not [word for word in ("entityref", "semicol", "required", "misplaced", "reserved xml") if word in message]


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("filler", [b" ", b"<!---->\n", b"<?a?>"])
def test_what_surrounds_the_root_is_bounded(schema: RecordSchema, where: str, filler: bytes) -> None:
    def endless() -> Iterable[bytes]:
        piece = filler * ((1 << 16) // len(filler))
        if where == "after":
            yield export(person())
        for _ in range(10_000):
            yield piece

    said = "does not begin within the first" if where == "before" else f"more than {MAX_PROLOG_BYTES} bytes stand after"
    refused(endless(), schema, said)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("more", [0, 1, 1_500_000])
def test_the_bound_around_the_root_is_the_same_byte_however_the_document_arrives(
    schema: RecordSchema, where: str, more: int
) -> None:
    head, mark, rest = export(person(), declaration="").partition(b"\n")
    filler = b" " * (MAX_PROLOG_BYTES + more - (len(head) if where == "before" else 0))
    data = filler + head + mark + rest if where == "before" else head + mark + rest + filler
    for size in (1000, 1 << 18, (1 << 20) - 1, len(data)):
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        if more:
            refused(pieces, schema, f"{MAX_PROLOG_BYTES} bytes")
        else:
            assert len(parse(pieces, schema).rows) == 1


def test_where_as_much_was_read_behind_the_root_as_may_be_there_the_rest_is_looked_for(schema: RecordSchema) -> None:
    for rest in (b" ", b"x"):
        pieces = (export(person()), b" " * MAX_PROLOG_BYTES, rest)
        with pytest.raises(InputError, match=f"more than {MAX_PROLOG_BYTES} bytes"):
            parse(pieces, schema, size=1)  # so that they are not read at once


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the input is empty"),
        (b" \n\t", "the input is empty"),
        (b"\xef\xbb\xbf", "the input is empty"),
        (b"hemmelig", "the input is not XML"),
        (b'{"hemmelig": 1}', "the input is not XML"),
        (b"PK\x03\x04 hemmelig", "it is a ZIP archive; unpack it first"),
        (bz2.compress(b"hemmelig"), "compressed with bzip2; unpack it first"),
        (lzma.compress(b"hemmelig"), "compressed with xz; unpack it first"),
        (b"\x28\xb5\x2f\xfd hemmelig", "compressed with zstd; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c hemmelig", "a 7z archive; unpack it first"),
        (tarred(b"<hemmelig/>"), "a tar archive; unpack it first"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhemmelig", "PGP; decrypt it first"),
        (b"\x85\x02\x0c\x03hemmelig", "PGP; decrypt it first"),
        (b"\x8c\x0d\x04\x09hemmelig", "PGP; decrypt it first"),
        (b"\n" + export(person()), "white space stands before its XML declaration"),
        (b"\xef\xbb\xbf \n" + export(person()), "white space stands before its XML declaration"),
        (b"<!-- hemmelig -->" + export(person()), "XML declaration stands elsewhere than at the very beginning"),
        (bytes(5000), "the input is not XML"),
        (b"\0" * 4 + b"<", "the input is not XML"),
        (b"<", "ends before its root begins"),
        (b"<hemmelig", "ends before its root begins"),
        (b"<!-- hemmelig", "ends before its root begins"),
        (b"<?xml version='1.0'?>", "ends before its root begins"),
        (b"<!ELEMENT hemmelig>", "ends before its root begins"),
        (b"</hemmelig>", "ends before its root begins"),
        (b"<![CDATA[hemmelig]]>", "ends before its root begins"),
        (b"<html><body>hemmelig</body></html>", "its root is not Kontaktregister"),
        (b"<hemmelig:a/>", "a namespace prefix is not declared"),
    ],
)
def test_what_is_no_export_is_refused(schema: RecordSchema, data: bytes, said: str) -> None:
    refused(data, schema, said)
    refused(bytewise(data), schema, said)


def test_an_export_cut_within_its_frame_at_any_byte_is_refused(schema: RecordSchema) -> None:
    data = export(declaration='<?xml version="1.0"?><!-- a --><?b?>\n', after="")
    for end in range(len(data)):
        refused(data[:end], schema)


HOSTILE = {
    "a name": (b"<", b"a"),
    "names": (b"", b"<a"),
    "quotes": (b"<a ", b"\"'"),
    "an attribute": (b'<a b="', b"c"),
    "comments without end": (b"", b"<!--"),
    "instructions without end": (b"", b"<?"),
    "comments": (b"", b"<!--x-->"),
    "white space": (b"", b" \n"),
    "slashes": (b"<a", b"/"),
}


@pytest.mark.parametrize("piece", [None, 16], ids=["whole", "in pieces"])
@pytest.mark.parametrize(("opening", "filler"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_beginning_costs_no_more_time_than_its_length(
    schema: RecordSchema, opening: bytes, filler: bytes, piece: int | None
) -> None:
    def prepare(size: int) -> Callable[[], object]:
        data = opening + filler * (size // len(filler))
        step = piece or len(data)
        return partial(refused, [data[at : at + step] for at in range(0, len(data), step)], schema)

    assert_linear(prepare, 1 << 14)


@given(data=st.binary(max_size=60), markup=st.booleans())
def test_any_bytes_are_an_export_or_an_input_error(schema: RecordSchema, data: bytes, *, markup: bool) -> None:
    with pytest.raises(InputError):
        parse(b"<" + data if markup else data, schema)


def test_a_root_may_declare_few_namespaces_since_each_costs_every_record(schema: RecordSchema) -> None:
    def declaring(count: int) -> bytes:
        return export(person(), root=ROOT + "".join(f' xmlns:a{number}="urn:{number}"' for number in range(count)))

    parse(declaring(62), schema)  # with those of the export and its records, 64
    refused(declaring(63), schema, "more than 64 namespaces")
