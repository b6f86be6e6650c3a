"""What blocks and records may hold at the most; what is beyond is refused in bounded memory and time."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from exports.tiny_xml import export, person
from growth import assert_linear
from parsing_path import cut_blocks, parse
from test_blocks import END, START, bytewise

from krr_export.errors import InputError
from krr_export.parsing.blocks import BLOCK_RECORDS, MAX_RECORD_BYTES, Document
from krr_export.parsing.reference import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.schema.record_schema import RecordSchema

pytestmark = pytest.mark.slow

SIZES = (1 << 19, 4 << 20, 32 << 20)
PIECE = 1 << 18


def in_pieces(data: bytes, size: int = PIECE) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def padded(before: str, after: str, length: int, filler: str = "a") -> str:
    return before + filler * (length - len(before) - len(after)) + after


@pytest.mark.parametrize("size", SIZES)
def test_a_record_may_be_of_8_mib_and_no_longer(schema: RecordSchema, size: int) -> None:
    head, tail = person("<beskrivelse>", "</beskrivelse>").split("</beskrivelse>")
    exactly = padded(head, f"</beskrivelse>{tail}", MAX_RECORD_BYTES)
    for record, accepted in ((exactly, True), (exactly.replace("aa", "aaa", 1), False)):
        data = in_pieces(export(person(), record, person(), between=""))
        if accepted:
            assert sum(block.records for block in cut_blocks(data, schema, size)[1]) == 3
        else:
            with pytest.raises(InputError, match=r"record 2.* is longer than 8 MiB"):
                cut_blocks(data, schema, size)


def test_a_record_of_8_mib_is_read(schema: RecordSchema) -> None:
    text = "a" * (MAX_RECORD_BYTES - 200)
    (row,) = parse(export(person(f"<beskrivelse>{text}</beskrivelse>")), schema).rows
    assert row["beskrivelse"] == text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("where", ["before the first", "between", "after the last"])
def test_what_stands_between_records_may_be_of_8_mib_and_no_longer(schema: RecordSchema, where: str, size: int) -> None:
    for length, accepted in ((MAX_RECORD_BYTES, True), (MAX_RECORD_BYTES + 1, False)):
        for gap in (" " * length, padded("<!--", "-->", length)):
            gaps_of = {"before the first": (gap, "", ""), "between": ("", gap, ""), "after the last": ("", "", gap)}
            first, second, third = gaps_of[where]
            data = in_pieces(export(f"{first}{person()}{second}{person()}{third}", between=""))
            if accepted:
                assert sum(block.records for block in cut_blocks(data, schema, size)[1]) == 2
            else:
                with pytest.raises(InputError, match="longer than 8 MiB"):
                    cut_blocks(data, schema, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_long_gap_before_a_long_record_is_within_both_limits(schema: RecordSchema, size: int) -> None:
    for record in (padded('<Person a="', '"/>', 5 << 20), padded("<Person>", "</Person>", 5 << 20)):
        for gap in (5 << 20, MAX_RECORD_BYTES):
            data = in_pieces(export(" " * gap, record, between=""))
            assert sum(block.records for block in cut_blocks(data, schema, size)[1]) == 1
        with pytest.raises(InputError, match="longer than 8 MiB"):
            cut_blocks(in_pieces(export(" " * (MAX_RECORD_BYTES + 1), record, between="")), schema, size)


def nested(depth: int, name: str = "a") -> str:
    """A record so many elements deep."""
    return f"<Person>{f'<{name}>' * (depth - 1)}{f'</{name}>' * (depth - 1)}</Person>"


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_record_may_be_64_elements_deep_and_no_deeper(schema: RecordSchema, size: int) -> None:
    for name in ("a", "Person", "Kontaktinformasjon"):
        parsed = parse(export(person(), nested(MAX_DEPTH, name), person()), schema, size)
        assert parsed.accepted == [True, False, True]
        with pytest.raises(InputError, match=r"record 2 is nested more than 64 elements deep"):
            parse(export(person(), nested(MAX_DEPTH + 1, name)), schema, size)
        for depth, refusal in ((300, "too deep"), (100_000, r"record 2 has more than 10000 elements")):
            with pytest.raises(InputError, match=refusal):
                parse(in_pieces(export(person(), nested(depth, name))), schema, max(size, 1 << 16))


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a text": (b"<Person><status>", b"a"),
    "an attribute": (b'<Person a="', b"a"),
    "a record of many children": (b"<Person>", b"<a/>"),
    "a record of records": (b"<Person>", b"<Person></Person>"),
    "ever deeper": (b"<Person>", b"<a>"),
    "ever deeper records": (b"", b"<Person>"),
    "a comment": (b"<!--", b"</Person>"),
    "a section": (b"<Person><![CDATA[", b"</Person>"),
    "an instruction": (b"<?a ", b"</Person>"),
    "a comment in a record": (b"<Person><!--", b"</Person>"),
    "white space": (b"", b" \n"),
    "comments": (b"", b"<!-- a -->"),
    "text": (b"", b"a"),
    "strangers": (b"", b"<a></a>"),
    "end tags": (b"", b"</Person>"),
    "half start tags": (b"", b"<Person "),
    "half start tags with quotes": (b"", b"<Person '\""),
    "half comments": (b"", b"<!-"),
    "brackets": (b"", b"<"),
    "a name": (b"<", b"a"),
    "prefixes": (b"<", b"a:"),
    "slashes": (b"<Person ", b"/"),
    "equals signs": (b"<Person ", b"a="),
}


@pytest.mark.parametrize(("opening", "filler"), ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_is_refused_in_bounded_memory_and_time(
    schema: RecordSchema, opening: bytes, filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 1 << 20  # the tests of the limit itself take the real one, this one is about what comes of it
    monkeypatch.setattr("krr_export.parsing.blocks.MAX_RECORD_BYTES", limit)
    given_bytes = 0

    def endless() -> Iterator[bytes]:
        nonlocal given_bytes
        yield START.encode() + opening
        piece = filler * (PIECE // len(filler))
        while given_bytes < 50 * limit:
            given_bytes += len(piece)
            yield piece

    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            parse(endless(), schema, size=limit // 2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert given_bytes <= 3 * limit
    assert peak < 16 * limit


@pytest.mark.parametrize(("opening", "filler"), ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_costs_no_more_time_than_its_length(
    schema: RecordSchema, opening: bytes, filler: bytes
) -> None:
    def prepare(size: int) -> Callable[[], object]:
        data = START.encode() + opening + filler * (size // len(filler))
        pieces = in_pieces(data, 1 << 12)

        def work() -> None:
            with pytest.raises(InputError):
                parse(pieces, schema, size=1 << 13)

        return work

    assert_linear(prepare, 1 << 14)


def test_a_text_of_200_mb_is_refused_before_it_is_read(schema: RecordSchema) -> None:
    delivered = 0

    def streamed() -> Iterator[bytes]:
        nonlocal delivered
        yield START.encode() + b"<Person><personidentifikator>"
        while delivered < 200 << 20:
            delivered += PIECE
            yield b"1" * PIECE
        yield f"</personidentifikator></Person>{END}".encode()

    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"record 1.* is longer than 8 MiB"):
            parse(streamed(), schema)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert delivered <= 16 << 20
    assert peak < 48 << 20


@pytest.mark.parametrize("count", [BLOCK_RECORDS - 1, BLOCK_RECORDS, BLOCK_RECORDS + 1, 2 * BLOCK_RECORDS + 3])
def test_a_block_of_tiny_records_holds_no_more_of_them_than_it_may(count: int, schema: RecordSchema) -> None:
    data = export(*["<Person/>"] * count, between="\n<!-- -->")
    _, blocks = cut_blocks(data, schema)
    whole = [BLOCK_RECORDS] * (count // BLOCK_RECORDS)
    assert [block.records for block in blocks] == whole + [count % BLOCK_RECORDS] * bool(count % BLOCK_RECORDS)
    assert b"".join(block.data for block in blocks) + f"{END}".encode() == data[blocks[0].byte_offset :]
    for block, first in zip(blocks, range(1, count + 1, BLOCK_RECORDS), strict=True):
        assert (block.first, block.line) == (first, 1 + data.count(b"\n", 0, block.byte_offset))
        places = block.locations(range(block.first, block.first + block.records))
        assert {block.buffer[place.start : place.end] for place in places} == {b"<Person/>"}


def test_pieces_of_a_byte_cost_no_more_time_than_their_number(schema: RecordSchema) -> None:
    def prepare(records: int) -> Callable[[], object]:
        data = export(*[person()] * records)

        def work() -> None:
            document = Document(iter(bytewise(data)), schema)
            assert sum(block.records for block in document.blocks()) == records

        return work

    assert_linear(prepare, 100)


def test_an_export_of_rejects_alone_costs_no_more_time_than_their_number(schema: RecordSchema) -> None:
    def prepare(records: int) -> Callable[[], object]:
        data = export(*["<Person>\n</Person>"] * records)

        def work() -> None:
            rejects = parse(data, schema).rejects
            assert [reject.line for reject in rejects] == list(range(3, 2 * records + 3, 2))

        return work

    assert_linear(prepare, 300)
