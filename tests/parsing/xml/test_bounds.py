"""Bounds: markup that no real export has is refused before a parser builds a tree of it, in little memory."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import command
import pytest
from exports import tiny_xml
from exports.document_bounds import HEAD, LIMIT
from parsing_path import parse

from krr_export.parsing.xml import bounds

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.schema.record_schema import RecordSchema

pytestmark = pytest.mark.slow

URI = f'xmlns:q="urn:{"q" * 60_000}"'
ATTRIBUTES = "".join(f' q:a{i:x}=""' for i in range(20_000))
NAMESPACES = "".join(f' xmlns:n{i:x}="u"' for i in range(20_000))
ELEMENTS = "<a/>x" * 200_000

RECORDS = {
    "attributes in a long namespace": f"<Person {URI}{ATTRIBUTES}></Person>",
    "attributes": f"<Person{ATTRIBUTES.replace('q:', '')}></Person>",
    "attributes further down": f"<Person><status {URI}{ATTRIBUTES}>AKTIV</status></Person>",
    "namespaces": f"<Person{NAMESPACES}></Person>",
    "a long name": f"<Person><{'n' * 20_000}/></Person>",
    "children": f"<Person>{ELEMENTS}</Person>",
    "children in a long namespace": f"<Person {URI}>{'<q:a/>' * 5_000}</Person>",
    "a tag in a comment before": f"<Person><!-- </Person> <a -->{ELEMENTS}</Person>",
    "a tag in a value before": f"<Person a=\"'>\" b='\"'>{ELEMENTS}</Person>",
}


def export(path: Path, records: str, root: str = "") -> Path:
    path.write_bytes(gzip.compress(f"{HEAD}{root}>\n{records}\n</et:Kontaktregister>\n".encode()))
    return path


def refused(path: Path, *arguments: str) -> tuple[str, int]:
    """The last line of a run that is refused, and the peak of the process's memory as the kernel counts it."""
    ran = command.run(*arguments, path, measure=path.with_name("peak"))
    assert ran.code == 3, ran.err
    return ran.err.splitlines()[-1], ran.peak


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_with_too_much_markup_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    path = export(tmp_path / "export.xml.gz", f"<Person/>{RECORDS[kind]}")
    line, peak = refused(path, "validate", "--workers", "0", "--max-rejects", "100%")
    assert re.search(r"record 2 has .*more than .*is it hostile\?", line), line
    assert peak < LIMIT


def test_small_records_with_a_namespace_of_their_own_are_looked_at_as_well() -> None:
    long = b"n" * (bounds.MAX_NAME_BYTES + 1)
    assert bounds.find_excess(b'<P xmlns:a="' + long + b'" a:b=""/>') == bounds.TOO_LONG_A_NAME
    attributes = b"".join(b' a%d=""' % i for i in range(bounds.MAX_ATTRIBUTES + 1))
    assert bounds.find_excess(b"<P" + attributes + b"/>") == bounds.TOO_MANY_ATTRIBUTES
    assert bounds.find_excess(b"<P>" + b"=" * (bounds.MAX_ATTRIBUTES + 1) + b"</P>") is None


def test_the_sender_cannot_make_up_fields(schema: RecordSchema) -> None:
    nested = [("status", "beskrivelse"), ("beskrivelse", "status"), ("status", "status")]
    records = [f"<Person><{one}><{two}><Sertifikat/></{two}></{one}></Person>" for one, two in nested]
    fields = {field for _, field in parse(tiny_xml.export(*records), schema).codes}
    assert fields <= {"status", "beskrivelse", "personidentifikator"}
    assert parse(tiny_xml.export(tiny_xml.person("<Sertifikat/>")), schema).codes == [
        ("old-element-name", "X509Sertifikat")
    ]


@pytest.mark.parametrize("what", [f" {URI}", ATTRIBUTES.replace("q:", ""), f" {URI}{ATTRIBUTES}"])
def test_so_is_a_root(tmp_path: Path, what: str) -> None:
    line, peak = refused(export(tmp_path / "export.xml.gz", "", what), "inspect")
    assert re.search(r"the root's start tag has .*more than", line), line
    assert peak < LIMIT


def test_elements_between_records_are_told_as_before_however_many(tmp_path: Path) -> None:
    line, peak = refused(export(tmp_path / "export.xml.gz", f"<Person/>\n{ELEMENTS}<Person/>"), "inspect")
    assert "line 3: an element other than Person stands under the root" in line
    assert peak < LIMIT


def test_a_document_that_ends_within_many_elements_takes_little_memory_too(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    path.write_text(f"{HEAD}><Person>{'<a/>x' * 1_400_000}")
    line, peak = refused(path, "inspect")
    assert "truncated" in line
    assert peak < LIMIT


def test_what_is_within_bounds_is_not_refused() -> None:
    value = b"x" * bounds.FREE_BYTES
    attributes = b"".join(b' a%d="="' % i for i in range(bounds.MAX_ATTRIBUTES))
    name = b"n" * bounds.MAX_NAME_BYTES
    assert bounds.find_excess(b"<P" + attributes + b">" + value + b"</P>") is None
    assert bounds.find_excess(b"<P" + attributes + b' b=""' + b">" + value + b"</P>") == bounds.TOO_MANY_ATTRIBUTES
    assert bounds.find_excess(b"<" + name + b' xmlns="' + name + b'">' + value) is None
    assert bounds.find_excess(b"<" + name + b"n>" + value) == bounds.TOO_LONG_A_NAME
    assert bounds.find_excess(b"<P xmlns:a='" + name + b"n'>" + value) == bounds.TOO_LONG_A_NAME
    assert bounds.find_excess(b"<P a='" + name + b"n'>" + value) is None
    most = b"<P>" + b"<a/>" * (bounds.MAX_ELEMENTS - 1)
    assert bounds.find_excess(most + b"<!-- <a/> --><![CDATA[<a/>]]><?a <a/>?></P>") is None
    assert bounds.find_excess(most + b"<a/></P>") == bounds.TOO_MANY_ELEMENTS
