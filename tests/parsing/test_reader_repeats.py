"""A refused record that is repeated in its block is judged once, and nobody can tell it from what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agreement import outcome, pieces_of
from exports.tiny_xml import contact, export, person
from hypothesis import given, settings
from hypothesis import strategies as st
from parsing_path import cut_blocks

from krr_export.parsing import reference
from krr_export.parsing.reference import MAX_DEPTH, REPEATED_BYTES, IterparseReader

if TYPE_CHECKING:
    from lxml import etree

    from krr_export.schema.record_schema import RecordSchema

pytestmark = pytest.mark.slow

REFUSED = (
    "<Person/>",
    "<Person />",
    "<Person></Person>",
    '<p:Person xmlns:p="http://begrep.difi.no"/>',
    "<Person>\n<status>ukjent</status>\r\n</Person>",
    '<Person xml:id="a"><b/></Person>',
    "<Person><!-- <Person/> --></Person>",
    person("<status>AKTI</status>"),
    person("<statuz>AKTI</statuz>"),  # as long as the one before, and refused for something else
    person("<x><![CDATA[</Person>]]></x>"),
    person("<X509Sertifikat>AAAA=AAA</X509Sertifikat>"),
    person(f"<y>{'z' * REPEATED_BYTES}</y>"),
)
ACCEPTED = (person(), person(contact()), person("<status>AKTIV</status>"))
FATAL = (
    "x",
    "<a/>",
    '<Person xmlns="urn:x"/>',
    '<Person xmlns="urn:x"><b/></Person>',
    "<Person>&e;</Person>",
    "<x:Person/>",
    "<Person a='1' a='2'/>",
    f"<Person>{'<a>' * MAX_DEPTH}{'</a>' * MAX_DEPTH}</Person>",
)
usual = st.lists(
    st.sampled_from([*REFUSED, *REFUSED, *ACCEPTED, "", "\r\n", "<!-- <Person/> -->"]), min_size=10, max_size=20
)
fatal = st.sampled_from([[]] * len(FATAL) + [[each] for each in FATAL])
contents = st.tuples(usual, fatal, usual).map(lambda lists: [*lists[0], *lists[1], *lists[2]])


@settings(max_examples=100)
@given(contents, st.sampled_from(["", "\n"]), st.sampled_from([50, 700, 1 << 20]))
def test_what_comes_out_is_as_if_each_were_judged_by_itself(
    schema: RecordSchema, content: list[str], between: str, size: int
) -> None:
    pieces = pieces_of(export(*content, between=between), size)
    found = outcome(pieces, schema, "iterparse", size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "REPEATED_BYTES", -1)
        one_by_one = outcome(pieces, schema, "iterparse", size)
    assert found.differs_from(one_by_one) == []


def filled(length: int) -> str:
    """A refused record of so many bytes."""
    return f"<Person>{'a' * (length - len('<Person></Person>'))}</Person>"


@pytest.mark.parametrize(("length", "judged"), [(20, 1), (REPEATED_BYTES, 1), (REPEATED_BYTES + 1, 50)])
def test_only_short_ones_are_remembered_and_only_within_their_block(
    schema: RecordSchema, monkeypatch: pytest.MonkeyPatch, length: int, judged: int
) -> None:
    document, [block] = cut_blocks(export(*[filled(length)] * 50), schema)
    ordinals = []
    judge = IterparseReader._validate  # noqa: SLF001 - counted, not called otherwise

    def counted(self: IterparseReader, record: etree._Element, ordinal: int) -> object:
        ordinals.append(ordinal)
        return judge(self, record, ordinal)

    monkeypatch.setattr(IterparseReader, "_validate", counted)
    reader = IterparseReader(schema, document.envelope)
    for _ in range(2):
        rejects = reader.read(block).rejects
        assert [reject.ordinal for reject in rejects] == list(range(1, 51))
        assert [reject.line for reject in rejects] == list(range(3, 53))
    assert ordinals == [*range(1, judged + 1)] * 2
