"""Mobile numbers become E.164 exactly as `phonenumbers` has them, however many of them are done without asking it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.transform import numbers
from krr_export.transform.numbers import to_e164

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.slow

PREFIXES = ("", "+47", "0047")


def by_phonenumbers(text: str | None) -> str | None:
    """E.164 of what the register allows as a number, without its separators."""
    bare = (text or "").translate(str.maketrans("", "", "-_ "))
    if not bare.removeprefix("+").isdecimal() or not bare.isascii():
        return None
    try:
        number = phonenumbers.parse(bare, "NO")
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


def check(texts: Iterable[str | None]) -> None:
    values = list(texts)
    assert to_e164(pa.array(values, pa.string())).to_pylist() == [by_phonenumbers(value) for value in values]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("tail", ["0000", "9999", "4747"])
def test_every_beginning_of_a_norwegian_mobile_number_is_as_phonenumbers_says(prefix: str, tail: str) -> None:
    # phonenumbers tells numbers apart by their first digits: these are all that four can be.
    check(f"{prefix}{first}{middle:03}{tail}" for first in "49" for middle in range(1000))


def test_numbers_from_the_whole_space_are_as_phonenumbers_says() -> None:
    chosen = np.random.default_rng(7).integers(0, 10_000_000, 3_000)
    check(
        f"{prefix}{first}{number:07}"
        for number in chosen
        for first, prefix in [("49"[number % 2], PREFIXES[number % 3])]
    )


@given(st.lists(st.from_regex(r"\A(\+|00)?(47|46|45|1)?[0-9]([- _]?[0-9]){3,16}[- _]?\Z"), max_size=20))
def test_other_numbers_are_as_phonenumbers_says(texts: list[str]) -> None:
    check(texts)


@given(st.lists(st.one_of(st.none(), st.text("+0479- _", max_size=20), st.text(max_size=20)), max_size=20))
def test_whatever_stands_there_is_as_phonenumbers_says_or_null(texts: list[str | None]) -> None:
    check(texts)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("99999999", "+4799999999"),
        ("+4799999999", "+4799999999"),
        ("004799999999", "+4799999999"),
        ("999 99 999", "+4799999999"),
        ("+47 999-99_999", "+4799999999"),
        ("4799999999", "+4799999999"),
        ("40000000", "+4740000000"),  # of a series that phonenumbers calls invalid, and possible
        ("22334455", "+4722334455"),  # not a mobile number: that is for the rules to say
        ("+46 70-123 45 67", "+46701234567"),
        ("0046701234567", "+46701234567"),
        ("+479999999", None),
        ("+4702800", "+4702800"),  # five digits, as services have them
        ("999999991", None),
        ("99999999 x", None),
        ("(47)99999999", None),
        ("٩٩٩٩٩٩٩٩", None),
        ("++4799999999", None),
        ("--------", None),
        ("", None),
        (None, None),
    ],
)
def test_a_number_in_each_form_becomes(text: str | None, number: str | None) -> None:
    assert to_e164(pa.array([text, "99999999"], pa.string())).to_pylist() == [number, "+4799999999"]


def test_usual_norwegian_numbers_do_not_wait_for_phonenumbers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return text

    monkeypatch.setattr(numbers, "_e164", ask)
    forms = itertools.product(PREFIXES, ["41234567", "991 23 456", "98-76_54 32", None])
    found = to_e164(pa.array([None if text is None else prefix + text for prefix, text in forms], pa.string()))
    assert pc.all(pc.starts_with(found, "+47")).as_py()
    assert not asked
    assert to_e164(pa.array(["+46701234567", "+46 70 123 45 67"])).to_pylist() == ["+46701234567"] * 2
    assert asked == ["+46701234567"]  # once


def test_a_slice_of_a_column_and_an_empty_one_are_columns_too() -> None:
    column = pa.array(["+46701234567", "99999999", None, "4799999999", "x"])
    assert to_e164(column.slice(1, 3)).to_pylist() == ["+4799999999", None, "+4799999999"]
    assert to_e164(column.slice(5)).to_pylist() == []
