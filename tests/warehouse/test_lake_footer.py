"""The footer of a Parquet file in a Delta table's log: whatever its bounds are, they are right there, or left out."""

from __future__ import annotations

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from krr_export.errors import InputError
from krr_export.input.objects.store import ObjectStore
from krr_export.output.objects.layout import PushedFile
from krr_export.warehouse.delta.statistics import statistics_json
from krr_export.warehouse.lake.footer import Footer, read_footer

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


def test_a_footer_whose_names_are_no_text_is_damaged() -> None:
    written = BytesIO()
    pq.write_table(pa.table({"status": ["AKTIV"]}), written)
    content = bytearray(written.getvalue())
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[content.index(b"status", start)] = 255
    native = MemoryStore()
    native.put("x.parquet", bytes(content))
    described = PushedFile("s3://b/p/x.parquet", "person", 1, len(content), "0" * 64)
    with pytest.raises(InputError, match=r"x\.parquet is not as it was pushed"):
        read_footer(ObjectStore(native, "s3://b/p"), "x.parquet", described)
