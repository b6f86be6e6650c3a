"""What characters a block holds is what a look at each says; what is not plain is left to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agreement import disagreements, outcome
from hypothesis import given
from hypothesis import strategies as st
from road import contact, export, person

from krr_export.characters import characters_of

if TYPE_CHECKING:
    from krr_export.schema import RecordSchema

FORBIDDEN = {*range(0x20)} - {0x09, 0x0A}
WINDOW = 1 << 18


@given(st.binary(max_size=40) | st.text("\t\n a]&\ufffe\uefff\r\x0b\x1f\x08", max_size=40).map(str.encode))
def test_characters_are_what_a_look_at_each_says(data: bytes) -> None:
    seen = characters_of(data)
    assert seen.line_ends == data.count(b"\n")
    assert seen.plain == (not FORBIDDEN & {*data} and not {*b"&]\xef"} & {*data})


@pytest.mark.parametrize("special", [b"&", b"]", b"\xef", b"\r", b"\0", b"\x08", b"\x0b", b"\x1f"])
@pytest.mark.parametrize("at", [0, WINDOW - 1, WINDOW, 2 * WINDOW + 99])
def test_one_special_character_anywhere_is_seen(special: bytes, at: int) -> None:
    data = bytearray(b" " * (2 * WINDOW + 100))
    assert characters_of(bytes(data)).plain
    data[at : at + 1] = special
    assert not characters_of(bytes(data)).plain


@given(st.lists(st.integers(0, 2 * WINDOW + 9), max_size=9), st.integers(0, 2 * WINDOW + 10))
def test_line_ends_before_a_place_are_those_that_a_count_finds(at: list[int], place: int) -> None:
    data = bytearray(b" " * (2 * WINDOW + 10))
    for index in at:
        data[index] = 0x0A
    seen = characters_of(bytes(data))
    for looked_at in (place, 0, WINDOW, 2 * WINDOW, len(data)):
        assert seen.line_ends_before(looked_at, bytes(data)) == data.count(b"\n", 0, looked_at)


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
def test_a_time_of_a_plain_block_may_hold_anything_and_the_reference_decides(time: str, schema: RecordSchema) -> None:
    usual = person(contact(attributes=UPDATED))
    odd = person(contact(attributes=f'sistOppdatert="{time}"'))
    document = export(*[usual] * 10, odd, *[usual] * 10)
    assert characters_of(odd.encode()).plain
    assert disagreements(document, schema) == []
    if outcome(document, schema, "iterparse").error is None:
        assert outcome(document, schema, "auto").read_by["pattern"] >= 20, "the others are not doubted"


@pytest.mark.parametrize("value", ["a>b@example.no", "a]]b@example.no", "\u00e5se@example.no", "\U0001f600@example.no"])
def test_text_of_usual_blocks_may_hold_what_xml_allows(value: str, schema: RecordSchema) -> None:
    document = export(*[person(contact(value, UPDATED))] * 20)
    assert disagreements(document, schema) == []


@pytest.mark.parametrize("length", [50, 51])
def test_lengths_count_characters_and_not_bytes(length: int, schema: RecordSchema) -> None:
    value = "\u00e5" * (length - len("@example.no")) + "@example.no"
    document = export(person(contact(value, UPDATED)), *[person(contact(attributes=UPDATED))] * 10)
    assert disagreements(document, schema) == []
    assert outcome(document, schema, "auto").read_by["pattern"] == (11 if length == 50 else 10)
