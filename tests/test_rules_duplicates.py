"""Identity numbers that occur twice are counted exactly, at eight bytes a record."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts import batch_of, schema

from krr_export.rules import duplicates
from krr_export.rules.duplicates import Duplicates


def collected(*blocks: list[str | None]) -> Duplicates:
    found = Duplicates(schema())
    for numbers in blocks:
        found.add(batch_of([{"personidentifikator": number} for number in numbers]))
    return found


def test_each_but_the_first_is_counted_in_whatever_block_it_is() -> None:
    found = collected(["03851598730", "41819077302"], [], ["03851598730", "03851598730"], ["00000000000"])
    assert found.count() == 2
    notice = found.notice()
    assert notice is not None
    assert (notice.code, notice.fields, notice.records) == ("identifier-duplicate", {"personidentifikator": 2}, 2)


def test_what_is_not_eleven_digits_is_nobodys() -> None:
    found = collected(["0385159873", "0385159873", "0385159873X", "0385159873X", None, None, "æøåæøåæøåæø"])
    assert found.count() == 0
    assert found.notice() is None


def test_a_table_without_the_column_has_no_duplicates() -> None:
    found = Duplicates(schema())
    found.add(pa.RecordBatch.from_pydict({"mobiltelefonnummer": ["42000000"] * 2}))
    found.add(pa.RecordBatch.from_pydict({"personidentifikator": [3851598730] * 2}))
    assert found.count() == 0


@given(st.lists(st.lists(st.sampled_from([*(f"{n:011}" for n in range(8)), "99999999999"]), max_size=9), max_size=6))
def test_the_count_is_what_a_dictionary_counts(blocks: list[list[str | None]]) -> None:
    counts = Counter(number for block in blocks for number in block)
    assert collected(*blocks).count() == sum(counts.values()) - len(counts)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_count_does_not_depend_on_how_many_are_compared_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_COMPARED", size)
    assert collected([f"{number:011}" for number in (1, 1, 1, 2, 3, 3, 4, 5, 5)]).count() == 4


def test_memory_is_eight_bytes_a_record_while_it_grows_and_while_it_is_sorted() -> None:
    script = """
import numpy as np, pyarrow as pa, pyarrow.compute as pc
from krr_export.rules.duplicates import Duplicates
from krr_export.schema import load_schema
schema = load_schema
def now(): return int(open("/proc/self/statm").read().split()[1]) * 4096
def peak(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) * 1024
batches = [
    pa.RecordBatch.from_arrays(
        [pc.utf8_lpad(pa.array(np.arange(3200, dtype=np.int64) * 104729 + start).cast(pa.string()), 11, "0")],
        names=["personidentifikator"],
    )
    for start in range(25)
]
Duplicates(schema()).add(batches[0])
found, before = Duplicates(schema()), now()
for turn in range(40):
    for batch in batches:
        found.add(batch)
print(found.count(), peak() - before)
"""
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    count, grown = (int(word) for word in out.split())
    records = 40 * 25 * 3200
    assert count >= records - 25 * 3200
    assert grown < 8 * records * 1.15
