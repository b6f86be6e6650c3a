"""Whole columns are typed as their values are one by one; nothing is changed unsaid."""

from __future__ import annotations

import base64
import re
import tracemalloc
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from exports.tiny_xml import contact, export, person
from hypothesis import example, given, settings
from hypothesis import strategies as st
from parsing_path import parse

from krr_export.domain import times as times_module
from krr_export.domain.times import date_days, date_time_micros
from krr_export.parsing import binary
from krr_export.parsing.binary import decode_base64, decode_hex
from krr_export.parsing.columns import to_arrow
from krr_export.parsing.lexical import LexicalBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.schema.record_schema import Field, RecordSchema

pytestmark = pytest.mark.slow


def lexical(columns: list[list[str | None]]) -> LexicalBlock:
    """Accepted records, numbered from 1."""
    return LexicalBlock(list(range(1, len(columns[0]) + 1)), columns, [], {})


def column(schema: RecordSchema, field: Field, values: list[str | None]) -> tuple[pa.Array, dict[str, list[int]]]:
    """One field's values, typed; and the rows with something said of them, by code."""
    only = replace(schema, fields=(field,))
    typed = to_arrow(lexical([values]), only)
    assert typed.batch.schema.names == ["radnummer", field.name]
    assert {said.field for said in typed.observations} <= {field.label}
    assert all(said.rows == sorted(set(said.rows)) and said.rows for said in typed.observations), "in order, each once"
    return typed.batch.column(1), {said.code: said.rows for said in typed.observations}


def field_of(schema: RecordSchema, name: str, **changes: object) -> Field:
    (field,) = (field for field in schema.fields if field.name == name)
    return replace(field, **changes)  # type: ignore[arg-type]  # the test's own names


# --- times ------------------------------------------------------------------------------------------------------------

years = st.one_of(
    st.integers(1, 9999).map(lambda year: f"{year:04}"),
    st.sampled_from(["0001", "0999", "1000", "1899", "1900", "1969", "1970", "2255", "2256", "2300", "2999", "3000"]),
    st.sampled_from(["9999", "10000", "-0001", "-2014", "9223372036854775807"]),
)
days = st.one_of(
    st.builds("{:02}-{:02}".format, st.integers(1, 12), st.integers(1, 28)),
    st.sampled_from(["01-01", "12-31", "03-30", "03-31", "10-26", "10-25", "03-26", "10-29"]),
)
clocks = st.one_of(
    st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
    st.sampled_from(["24:00:00", "00:00:00", "02:30:00", "02:00:00", "01:59:59", "03:00:00", "23:59:59"]),
)
fractions = st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=12).map(".{}".format))
offsets = st.one_of(
    st.sampled_from(["", "", "", "Z", "+00:00", "-00:00", "+14:00", "-14:00", "+13:59"]),
    st.builds("{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 13), st.integers(0, 59)),
)


def written(year: str, day: str, clock: str, fraction: str, offset: str) -> str:
    midnight = clock == "24:00:00"
    return f"{year}-{day}T{clock}{re.sub('[1-9]', '0', fraction) if midnight else fraction}{offset}"


times = st.builds(written, years, days, clocks, fractions, offsets)
usual = st.builds(written, st.just("2014"), days, clocks, st.just(".000"), st.just("+01:00"))
naive = st.builds(written, st.just("2014"), days, clocks, st.just(""), st.just(""))
spaced = st.builds("{}{}".format, times, st.sampled_from(["", "", "", " ", "\n\t "]))


@settings(max_examples=400)
@given(st.one_of(*(st.lists(st.none() | some, max_size=12) for some in (spaced, usual, naive, usual | naive))))
@example([])
@example([None, None])
@example(["2300-01-01T00:00:00", "2014-01-01T00:00:00"])
@example(["9999-12-31T24:00:00", None, "2014-10-26T02:30:00", "2014-03-30T02:30:00", "1850-01-01T00:00:00"])
@example(["1700-02-29T00:00:00Z".replace("29", "28"), "1000-01-01T00:00:00+14:00", "0999-12-31T23:59:59-14:00"])
@example(["2014-02-25T12:08:00Z", "2999-12-31T23:59:59-14:00"])
def test_a_column_of_times_is_its_values_one_by_one(schema: RecordSchema, values: list[str | None]) -> None:
    array, said = column(schema, field_of(schema, "epostadresse_sist_oppdatert"), values)
    expected = [(None, ()) if value is None else date_time_micros(value) for value in values]
    assert array.cast(pa.int64()).to_pylist() == [micros for micros, _ in expected]
    codes = {code for _, codes in expected for code in codes}
    assert said == {code: [row for row, (_, said) in enumerate(expected) if code in said] for code in codes}
    assert array.type == pa.timestamp("us", tz="UTC")


@given(st.lists(st.none() | st.builds("{}-{}{}".format, years, days, offsets), max_size=12))
def test_a_column_of_dates_is_its_values_one_by_one(schema: RecordSchema, values: list[str | None]) -> None:
    dated = field_of(schema, "beskrivelse", base="date", arrow_type=pa.date32())
    array, said = column(schema, dated, values)
    expected = [(None, ()) if value is None else date_days(value) for value in values]
    assert array.cast(pa.int32()).to_pylist() == [day for day, _ in expected]
    codes = {code for _, codes in expected for code in codes}
    assert said == {code: [row for row, (_, said) in enumerate(expected) if code in said] for code in codes}


# --- binaries ---------------------------------------------------------------------------------------------------------

# XML Schema 1.0 Part 2, 3.2.16: the grammar of a canonical base64Binary, with white space allowed after collapsing it.
BASE64 = re.compile(
    r"(?:(?:[A-Za-z0-9+/] ?){4})*"
    r"(?:(?:[A-Za-z0-9+/] ?){2}[AEIMQUYcgkosw048] ?=|[A-Za-z0-9+/] ?[AQgw] ?= ?=)?"
)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def decoded(text: str) -> bytes | None:
    """Base64 by the letter: first the grammar, then the bits."""
    collapsed = re.sub("[ \t\r\n]+", " ", text).strip(" ")
    if not BASE64.fullmatch(collapsed):
        return None
    digits = collapsed.replace(" ", "").rstrip("=")
    bits = "".join(f"{ALPHABET.index(digit):06b}" for digit in digits)
    whole = len(bits) // 8
    return bytes(int(bits[8 * at : 8 * at + 8], 2) for at in range(whole))


def test_base64_is_decoded_by_the_letter_in_all_short_spellings() -> None:
    for length in range(7):
        for text in map("".join, product("AQBz= *", repeat=length)):
            assert decode_base64(text) == decoded(text), text


@given(
    st.text(st.sampled_from([*ALPHABET, *"==== \n\r\t", *"*-_.\\", "\u00a0", "\ufeff", "\uff21", "\0"]), max_size=40)
)
def test_base64_is_decoded_by_the_letter(text: str) -> None:
    assert decode_base64(text) == decoded(text)


@given(st.binary(max_size=100), st.lists(st.tuples(st.integers(0), st.sampled_from(" \t\r\n")), max_size=5))
def test_what_was_encoded_is_decoded_wherever_lines_are_broken(content: bytes, breaks: list[tuple[int, str]]) -> None:
    text = base64.b64encode(content).decode()
    for at, space in breaks:
        at %= len(text) + 1  # noqa: PLW2901 - any place in the text as it is now
        text = text[:at] + space + text[at:]
    assert decode_base64(text) == content


def batched(numbers: list[int]) -> Iterator[tuple[int, int]]:
    return zip(numbers[::2], numbers[1::2], strict=True)


@given(st.one_of(st.binary(max_size=20).map(bytes.hex), st.text("0123456789abcdefABCDEF gæ\uff11", max_size=8)))
def test_hexadecimal_is_decoded_by_the_letter(text: str) -> None:
    collapsed = text.strip(" \t\r\n")
    by_letter = re.fullmatch("([0-9a-fA-F]{2})*", collapsed, re.ASCII)
    digits = collapsed.lower()
    nibbles = ["0123456789abcdef".find(digit) for digit in digits]
    expected = bytes(16 * high + low for high, low in batched(nibbles)) if by_letter else None
    assert decode_hex(text) == expected


@given(st.lists(st.none() | st.sampled_from(["", "AAAA", "AA AA", "AAAA\n", "AQ==", "AQ= =", "/+8="]), max_size=12))
def test_a_column_of_certificates_holds_each_distinct_one_once(schema: RecordSchema, values: list[str | None]) -> None:
    array, said = column(schema, field_of(schema, "x509_sertifikat"), values)
    assert array.to_pylist() == [None if value is None else decoded(value) for value in values]
    dictionary = array.dictionary.to_pylist()
    assert len(set(dictionary)) == len(dictionary)
    assert said == {}


# --- the other types --------------------------------------------------------------------------------------------------


@given(st.lists(st.none() | st.text("ab \t\r\n\u00a0\u2003", max_size=6), max_size=6))
def test_white_space_is_what_its_facet_makes_of_it(schema: RecordSchema, values: list[str | None]) -> None:
    text = field_of(schema, "beskrivelse")
    rules: dict[str, Callable[[str], str]] = {
        "preserve": lambda value: value,
        "replace": lambda value: value.translate(dict.fromkeys(map(ord, "\t\r\n"), " ")),
        "collapse": lambda value: " ".join(part for part in re.split("[ \t\r\n]+", value) if part),
    }
    for white_space, rule in rules.items():
        array, said = column(schema, replace(text, facets=replace(text.facets, white_space=white_space)), values)
        assert array.to_pylist() == [None if value is None else rule(value) for value in values]
        assert said == {}


@given(st.lists(st.none() | st.sampled_from(["AKTIV", "SLETTET", "IKKE_REGISTRERT"]), max_size=12))
def test_an_enumerated_column_lists_all_its_values_in_the_xsd_s_order(
    schema: RecordSchema, values: list[str | None]
) -> None:
    array, _ = column(schema, field_of(schema, "status"), values)
    assert array.to_pylist() == values
    assert array.dictionary.to_pylist() == ["AKTIV", "SLETTET", "IKKE_REGISTRERT"]
    assert array.type == pa.dictionary(pa.int8(), pa.string())


def test_an_absent_element_is_null_and_an_empty_one_is_an_empty_string(schema: RecordSchema) -> None:
    persons = [person(), person("<beskrivelse/>"), person("<beskrivelse></beskrivelse><X509Sertifikat/>")]
    rows = parse(export(*persons), schema).rows
    assert [row["beskrivelse"] for row in rows] == [None, "", ""]
    assert [row["x509_sertifikat"] for row in rows] == [None, None, b""]


def test_leading_zeros_and_all_white_space_of_strings_are_kept(schema: RecordSchema) -> None:
    odd = " \t\n 0 \u00a0"
    parsed = parse(export(person(f"<beskrivelse>{odd}</beskrivelse>", identifier="00000000001")), schema)
    assert parsed.rows[0]["personidentifikator"] == "00000000001"
    assert parsed.rows[0]["beskrivelse"] == odd


def test_what_is_said_names_the_record_and_the_field(schema: RecordSchema) -> None:
    persons = [
        person(contact(attributes='sistOppdatert="2014-10-26T02:30:00" sistVerifisert="2014-02-25T24:00:00Z"')),
        "<Person/>",
        person(contact(attributes='sistOppdatert="2014-02-25T12:08:00.1234567Z"')),
        person(contact(attributes='sistOppdatert="12014-02-25T12:08:00Z"')),
    ]
    for size in (1, 1 << 20):
        parsed = parse(export(*persons), schema, size)
        updated, verified = (f"Kontaktinformasjon/Epostadresse/@{name}" for name in ("sistOppdatert", "sistVerifisert"))
        assert sorted((said.radnummer, said.code, said.field) for said in parsed.observations) == [
            (1, "time-ambiguous", updated),
            (1, "time-midnight-24", verified),
            (1, "time-without-offset", updated),
            (3, "time-fraction-cut", updated),
            (4, "time-out-of-range", updated),
        ]
        assert [row["radnummer"] for row in parsed.rows] == [1, 3, 4]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_batch_has_the_table_s_columns_with_certificates_as_a_dictionary(schema: RecordSchema, rows: int) -> None:
    columns: list[list[str | None]] = [[None] * rows for _ in schema.fields]
    columns[0] = ["03851598730"] * rows
    batch = to_arrow(lexical(columns), schema).batch
    batch.validate(full=True)
    kinds = {
        name: kind.value_type if pa.types.is_dictionary(kind) else kind
        for name, kind in zip(batch.schema.names, batch.schema.types, strict=True)
    }
    wanted = {
        field.name: field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        for field in schema.arrow
    }
    assert kinds == wanted
    assert [field.nullable for field in batch.schema] == [field.nullable for field in schema.arrow]


def test_long_values_are_decoded_and_not_remembered() -> None:
    caches = [binary._decode_base64, times_module._parse_date_time]  # noqa: SLF001 - the promise
    remembered = [cache.cache_info().currsize for cache in caches]
    assert binary.decode_base64("QUJD" * 5000) == b"ABC" * 5000
    assert binary.decode_base64("QUJD" * 5000 + "*") is None
    instant, codes = date_time_micros(f"1970-01-01T00:00:00.{'1' * 5000}Z")
    assert (instant, codes) == (111111, ("time-fraction-cut",))
    assert remembered == [cache.cache_info().currsize for cache in caches]


def test_decoded_values_are_kept_up_to_so_many_bytes() -> None:
    tracemalloc.start()
    try:
        for number in range(3000):
            binary.decode_base64(f"{number:016}" * 1024)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 32e6
