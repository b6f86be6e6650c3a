"""Identity numbers that occur twice are counted exactly, in memory that does not grow with the export."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_breaches import schema

from krr_export.domain.identity_numbers import Identities
from krr_export.parsing.batch_view import BatchView
from krr_export.rules import duplicates
from krr_export.rules.duplicates import Duplicates

pytestmark = pytest.mark.slow


def valid(number: int) -> bool:
    """By today's rule: an oracle that shares nothing with what is tested."""
    digits = [int(digit) for digit in f"{number:011}"]
    weights = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return all(sum(w * d for w, d in zip(row, digits, strict=True)) % 11 == 0 for row in weights)


def collected(*blocks: list[str | None]) -> Duplicates:
    found = Duplicates(schema())
    first = 1
    for numbers in blocks:
        found.add(Identities.parse(pa.array(numbers, pa.string())), np.arange(first, first + len(numbers)))
        first += len(numbers)
    return found


def repeated(found: Duplicates) -> list[int]:
    return [ordinal for rows in found.found() for ordinal in rows.ordinals.tolist()]


def test_each_but_the_first_is_counted_in_whatever_block_it_is() -> None:
    found = collected(["03851598730", "41819077302"], [], ["03851598730", "03851598730"], ["00000000000"])
    assert found.count() == 2
    assert repeated(found) == [3, 4]
    notice = found.notice()
    assert notice is not None
    assert (notice.code, notice.fields, notice.records) == ("identifier-duplicate", {"personidentifikator": 2}, 2)


def test_what_is_not_eleven_digits_is_nobodys() -> None:
    found = collected(["0385159873", "0385159873", "0385159873X", "0385159873X", None, None, "æøåæøåæøåæø"])
    assert found.count() == 0
    assert found.notice() is None


def test_a_table_without_the_column_has_no_identities() -> None:
    assert BatchView(pa.RecordBatch.from_pydict({"mobiltelefonnummer": ["42000000"] * 2})).identities is None
    assert BatchView(pa.RecordBatch.from_pydict({"personidentifikator": [3851598730] * 2})).identities is None


# Wrong check digits, right ones by today's rule and by that of 2032, and some whose bits lie in one octet.
NUMBERS = [
    *(f"{n:011}" for n in range(8)), "99999999999", "20036914700", "29020073150", "03851598730", "41819077302",
    "30108299939", "55102499947", *(f"{n}" for n in range(20036914700, 20036918000) if valid(n)),
]  # fmt: skip


@pytest.mark.parametrize("few", [1, 2, 7, 600_000])
@given(blocks=st.lists(st.lists(st.sampled_from(NUMBERS), max_size=40), max_size=6))
def test_the_count_is_what_a_dictionary_counts(few: int, blocks: list[list[str | None]]) -> None:
    numbers = [number for block in blocks for number in block]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_MIN_FOR_BITS", few)
        patch.setattr(duplicates, "_ADD_AT_ONCE", 3)
        found = collected(*blocks)
    expected = [ordinal for ordinal, number in enumerate(numbers, start=1) if number in numbers[: ordinal - 1]]
    assert [found.count(), found.count(), repeated(found)] == [len(expected), len(expected), expected]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_count_does_not_depend_on_how_many_are_compared_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_COMPARE_AT_ONCE", size)
    found = collected([f"{number:011}" for number in (1, 1, 1, 2, 3, 3, 4, 5, 5)])
    assert (found.count(), repeated(found)) == (4, [2, 3, 6, 9])


def test_memory_is_eight_bytes_a_number_until_a_bit_for_each_number_of_the_days_takes_less() -> None:
    script = """
import sys
import numpy as np
import pyarrow as pa
from krr_export.rules.duplicates import Duplicates
from krr_export.domain.identity_numbers import Identities
from krr_export.synthetic.identifiers import identity_numbers
from krr_export.schema.registry import load_schema
from random import Random
def now(): return int(open("/proc/self/statm").read().split()[1]) * 4096
numbers = identity_numbers(Random(1))
batches = [pa.array([next(numbers) for _ in range(3200)]) for _ in range(100)]
found = Duplicates(load_schema())
ordinals = (np.arange(n * 3200 + 1, (n + 1) * 3200 + 1) for n in range(300))
grown = []
for turn in range(3):
    before = now()
    for batch in batches:
        found.add(Identities.parse(batch), next(ordinals))
    grown.append(now() - before)
print(found.count(), *grown)
"""
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    count, first, second, third = (int(word) for word in out.split())
    assert count == 2 * 100 * 3200
    assert first < 8 * 100 * 3200 + 2e6, "eight bytes each, and what a few arrays take"
    assert first + second < 8e6, "372 days of 100 years, 125 bytes each, and what a few arrays take"
    assert third < 1e6


def test_numbers_that_begin_with_no_date_take_eight_bytes_each_though_their_check_digits_are_right() -> None:
    script = """
from itertools import islice
import numpy as np
from random import Random
import numpy as np
import pyarrow as pa
from krr_export.rules.duplicates import Duplicates
from krr_export.domain.identity_numbers import Identities
from krr_export.synthetic.identifiers import check_digits
from krr_export.schema.registry import load_schema
def now(): return int(open("/proc/self/statm").read().split()[1]) * 4096
def right(random):
    while True:
        digits = f"{random.randrange(72, 100)}{random.randrange(10**7):07}"
        if closing := check_digits(digits):
            yield digits + closing
numbers = right(Random(1))
batches = [pa.array(list(islice(numbers, 3200))) for _ in range(20)]
known = {number for batch in batches for number in batch.to_pylist()}
found = Duplicates(load_schema())
found.add(Identities.parse(batches[0]), np.arange(1, 3201))
before = now()
for n, batch in enumerate(batches[1:], start=1):
    found.add(Identities.parse(batch), np.arange(n * 3200 + 1, (n + 1) * 3200 + 1))
print(now() - before, found.count(), 20 * 3200 - len(known))
"""
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    grown, count, expected = (int(word) for word in out.split())
    assert count == expected
    assert grown < 2e6, "half a megabyte, and what a few arrays take"
