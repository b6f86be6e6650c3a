"""The footer of a Parquet file in a Delta table's log: whatever its bounds are, they are right there, or left out."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO

import objects
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from krr_export.errors import InputError
from krr_export.input.objects.store import ObjectStore
from krr_export.output.objects.layout import make_commit
from krr_export.util.files import PartFile
from krr_export.warehouse.delta.statistics import statistics_json
from krr_export.warehouse.lake.footer import Footer
from krr_export.warehouse.lake.registration import register

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


def parquet(**columns: list[object]) -> bytes:
    file = BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def register_files(stored: list[bytes], committed: list[bytes]) -> int:
    """Have a table list files of one row, where the store gives these for those that were committed."""
    parts = tuple(
        PartFile(f"person/part-{number:05}.parquet", 1, len(body), hashlib.sha256(body).hexdigest())
        for number, body in enumerate(committed)
    )
    commit = make_commit(objects.URI, "eksport=20260226T112225Z", b"{}", parts)
    native = MemoryStore()
    for key, body in zip(commit.parts("person"), stored, strict=True):
        native.put(key, body)
    return len(register(ObjectStore(native, objects.URI), commit).files)


def test_no_bit_of_a_small_file_may_differ_from_what_was_committed() -> None:
    body = parquet(radnummer=[1])
    assert register_files([body], [body]) == 1
    for position in range(4, len(body) - 8):
        changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        with pytest.raises(InputError, match=r"part-00000.parquet is not as it was pushed; see krr-export verify"):
            register_files([changed], [body])


def test_files_of_one_snapshot_with_other_columns_are_damaged() -> None:
    bodies = [parquet(radnummer=[1]), parquet(radnummeq=[1])]
    with pytest.raises(InputError, match=r"part-00001.parquet is not as it was pushed"):
        register_files(bodies, bodies)


def test_a_footer_whose_names_are_no_text_is_damaged() -> None:
    body = bytearray(parquet(status=["AKTIV"]))
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    body[body.index(b"status", start)] = 255
    with pytest.raises(InputError, match=r"part-00000\.parquet is not as it was pushed"):
        register_files([bytes(body)], [bytes(body)])
