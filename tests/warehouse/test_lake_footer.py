"""The footer of a Parquet file in a Delta table's log: whatever its bounds are, they are right there, or left out."""

from __future__ import annotations

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from krr_export.warehouse.delta.statistics import statistics_json
from krr_export.warehouse.lake.footer import Footer

INSTANT = pa.timestamp("us", tz="UTC")
LAST_OF_9999 = 253_402_300_799_999_999
"""Microseconds; the end of the year 9999, which a log's milliseconds would round up to the year 10000."""


def statistics(column: pa.Array) -> dict[str, dict[str, object]]:
    file = BytesIO()
    pq.write_table(pa.table({"a": column}), file)
    found: dict[str, dict[str, object]] = json.loads(statistics_json(Footer(pq.ParquetFile(file)).statistics()))
    return found


@pytest.mark.parametrize(
    "column",
    [
        pa.array([LAST_OF_9999], INSTANT),
        pa.array([1, 2**62], INSTANT),
        pa.array([-(2**62), 1], INSTANT),
        pa.array([2**31 - 1], pa.date32()),
        pa.array([b"\xff", b"a"]).dictionary_encode(),
    ],
)
def test_bounds_that_a_log_cannot_have_are_left_out(column: pa.Array) -> None:
    found = statistics(column)
    assert (found["minValues"], found["maxValues"], found["nullCount"]) == ({}, {}, {"a": 0})


def test_the_greatest_time_is_rounded_up_so_that_no_reader_passes_over_it() -> None:
    found = statistics(pa.array([LAST_OF_9999 - 1_000_000], INSTANT))
    assert found["minValues"] == {"a": "9999-12-31T23:59:58.999Z"}
    assert found["maxValues"] == {"a": "9999-12-31T23:59:59.000Z"}
