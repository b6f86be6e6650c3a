"""The scanner's memory is used again, and never while anything still refers to it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from exports import tiny_xml

from krr_export import load_schema
from krr_export.parsing.scan_memory import BINARY, INSTANT, LISTED, TEXT, Layout, MemoryPool
from krr_export.parsing.scanning import make_scanner
from krr_export.parsing.tokenizing import RecordTokenizer

KINDS = (TEXT, LISTED, INSTANT, BINARY)
SCHEMA = load_schema("14-05")


def test_memory_is_given_again_once_nothing_refers_to_it() -> None:
    pool = MemoryPool(KINDS)
    first = pool.take(10, 1000)
    address = first.buffer.address
    assert pool.take(10, 1000).buffer.address != address, "it is in use"
    array = pa.Array.from_buffers(pa.int8(), 5, [None, first.buffer.slice(64, 5)])
    numbers = np.frombuffer(first.buffer, np.uint8)[10:20]
    del first
    addresses = {pool.take(10, 1000).buffer.address for _ in range(3)}
    assert address not in addresses, "an array refers to it"
    del array
    assert address not in {pool.take(10, 1000).buffer.address for _ in range(3)}, "so does one of numpy's"
    del numbers
    assert address in {pool.take(10, 1000).buffer.address for _ in range(3)}


def test_what_must_be_zero_is_zero_again() -> None:
    pool = MemoryPool(KINDS)
    memory = pool.take(10, 1000)
    np.frombuffer(memory.buffer, np.uint8).fill(0xFF)
    address = memory.buffer.address
    del memory
    again = pool.take(10, 1000)
    assert again.buffer.address == address
    octets = np.frombuffer(again.buffer, np.uint8)
    assert not octets[: again.layout.cleared].any()
    assert again.layout.cleared < again.layout.size


def test_memory_that_is_too_small_for_a_block_is_not_given_to_it() -> None:
    pool = MemoryPool(KINDS)
    small = pool.take(10, 1000).layout
    assert pool.take(small.records + 1, 1000).layout.records > small.records
    assert pool.take(10, small.octets + 1).layout.octets > small.octets


def test_places_do_not_overlap() -> None:
    layout = Layout.for_columns(KINDS, 5000, 3_000_000)
    places = sorted({place for parts in layout.columns for place in parts} | {layout.unusual, layout.size})
    assert all(place % 64 == 0 for place in places)
    for kind, parts in zip(KINDS, layout.columns, strict=True):
        behind = {place: places[places.index(place) + 1] - place for place in parts}
        assert behind[parts.valid] * 8 >= 5001
        assert behind[parts.values] >= 5001 * (8 if kind == INSTANT else 4)
        assert kind not in {TEXT, BINARY} or behind[parts.data] >= 3_000_000
        assert kind != BINARY or (behind[parts.distinct] >= 5001 * 4 and behind[parts.written] >= 5000 * 16)


def test_what_was_scanned_stays_while_other_blocks_are_scanned() -> None:
    scanner = make_scanner(SCHEMA, {"": tiny_xml.PERSONS})
    assert scanner is not None

    def block(letter: str) -> bytes:
        inner = (
            "<status>AKTIV</status>",
            f"<Kontaktinformasjon><Epostadresse>{letter * 9}</Epostadresse></Kontaktinformasjon>",
        )
        return b"".join(tiny_xml.person(*inner, identifier=f"{n:011}").encode() for n in range(200))

    tokenizer = RecordTokenizer("Person", b"Kontaktregister")
    kept = []
    for letter in "abcdefgh":
        data = block(letter)
        kept.append((letter, scanner.scan(data, tokenizer.tokenize(data).spans).arrays))
        if letter in "bdf":
            kept.pop(0)
    email = [field.name for field in SCHEMA.fields].index("epostadresse")
    assert len(kept) > 3
    for letter, arrays in kept:
        assert arrays[email].to_pylist() == [letter * 9] * 200
        assert arrays[0].to_pylist() == [f"{n:011}" for n in range(200)]
