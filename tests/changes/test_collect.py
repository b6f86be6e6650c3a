"""The persons of pages become an export in which each is once, as last told."""

from __future__ import annotations

import pytest
import register
from lxml import etree
from register import State

from krr_export.changes.collect import Envelope, Latest
from krr_export.changes.page import Page, PagePerson, PageRange
from krr_export.changes.rest_page import read_rest_pages
from krr_export.changes.soap_page import read_soap_page
from krr_export.schema.registry import load_schema

SCHEMA = load_schema("14-05")


def page(first: int, *persons: tuple[str, str]) -> Page:
    told = tuple(PagePerson(identifier, xml.encode()) for identifier, xml in persons)
    return Page(PageRange(f"{first}", "soap", first, first, 9, ""), told, unused=2)


def test_a_later_page_counts_and_within_a_page_the_last_of_different_states() -> None:
    latest = Latest()
    latest.add(page(1, ("1", "old"), ("2", "a"), ("2", "b"), ("3", "same"), ("3", "same")))
    latest.add(page(2, ("1", "new")))
    assert [*latest.persons.items()] == [("2", b"b"), ("3", b"same"), ("1", b"new")]
    assert (latest.repeated, latest.unused) == (1, 4)


def test_persons_without_a_number_are_refused_each_for_itself() -> None:
    latest = Latest()
    latest.add(page(1, ("", "a"), ("", "b")))
    latest.add(page(2, ("", "c")))
    assert [*latest.persons.values()] == [b"a", b"b", b"c"]
    assert latest.repeated == 0


@pytest.mark.parametrize("form", ["rest", "14-05"])
def test_persons_keep_their_meaning_in_the_export_made_of_them(form: str) -> None:
    states = [State("01851598730", mobile="9", email="a&b@example.no", mailbox="c#1"), State("02851598730").deleted]
    content = register.written(form, 6, 7, 7, states)
    [read] = read_rest_pages("a", content, "", SCHEMA) if form == "rest" else [read_soap_page("a", content, "", SCHEMA)]
    prefixed = b'<p:Person xmlns:p="http://begrep.difi.no"><p:status>AKTIV</p:status></p:Person>'
    persons = [*(person.xml for person in read.persons), prefixed]
    root = etree.fromstring(b"".join(Envelope.of(SCHEMA, '2014-02-27T12:00:00"', 7).around(persons)))
    assert (root.tag, dict(root.attrib)) == (
        SCHEMA.root_tag,
        {"eksportTidspunkt": '2014-02-27T12:00:00"', "senesteEndringsNummer": "7"},
    )
    for made, given in zip(root, map(etree.fromstring, persons), strict=True):
        assert [(one.tag, one.text, dict(one.attrib)) for one in made.iter()] == [
            (one.tag, one.text, dict(one.attrib)) for one in given.iter()
        ]
