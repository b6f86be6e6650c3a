"""What the part files promise: bytes that depend on the rows alone, as many rows as asked, flat memory."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krr_export.errors import OutputError, UsageError
from krr_export.output.sinks import SinkOptions, TableSink
from krr_export.output.sinks import options as sink_options

if TYPE_CHECKING:
    from collections.abc import Iterator

from sink_rows import (
    CSV,
    CSV_GZ,
    PARQUET,
    SCHEMA,
    STATUS,
    duck,
    label,
    statuses,
    table,
    write,
)

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    "options",
    [
        SinkOptions(rows_per_file=25),
        SinkOptions(partition_by=("status",)),
        SinkOptions(partition_by=("status", "aktiv")),
        CSV,
        CSV_GZ,
        SinkOptions(format="csv", compression="gzip", partition_by=("aktiv",)),
    ],
    ids=label,
)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_do_not_depend_on_how_the_rows_arrive(
    tmp_path_factory: pytest.TempPathFactory, options: SinkOptions, data: st.DataObject
) -> None:
    rows = 73
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=8)))
    batches = [
        table(end - start, start, encoded=data.draw(st.booleans())).combine_chunks().to_batches()
        for start, end in zip([0, *cuts], [*cuts, rows], strict=True)
    ]
    whole = write(tmp_path_factory.mktemp("whole"), table(rows), options)
    cut = write(tmp_path_factory.mktemp("cut"), [batch for some in batches for batch in some], options)
    assert cut == whole


def test_row_groups_have_their_size_whatever_the_batches(tmp_path: Path) -> None:
    rows = 2 * 122_880 + 5
    batches = table(1_000).combine_chunks().to_batches() * (rows // 1_000 + 1)
    flat = pa.Table.from_batches(batches).slice(0, rows)
    parts = write(tmp_path / "small", flat, PARQUET)
    metadata = pq.read_metadata(tmp_path / "small" / parts[0].path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [122_880, 122_880, 5]
    assert write(tmp_path / "large", flat.unify_dictionaries().combine_chunks(), PARQUET) == parts


def test_a_row_group_closes_early_when_its_rows_are_huge(tmp_path: Path) -> None:
    options = SinkOptions(group_bytes=1_000)
    schema = pa.schema([("radnummer", pa.int64()), ("record", pa.binary())])
    sizes = [400, 400, 400, 10, 5_000, 1, 2_000]
    rows = pa.table([range(len(sizes)), [b"x" * size for size in sizes]], schema=schema)
    [part] = write(tmp_path, rows, options, schema)
    one_by_one = [rows.slice(i, 1).to_batches()[0] for i in range(len(sizes))]
    assert write(tmp_path / "again", one_by_one, options, schema) == (part,)
    metadata = pq.read_metadata(tmp_path / part.path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3, 2, 2]
    assert pq.read_table(tmp_path / part.path).equals(rows)


def test_so_it_does_where_lists_of_text_are(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("meldinger", pa.list_(pa.string()), nullable=False)])
    rows = [["x" * 100, "y" * 100], [], ["z" * 50]] * 20
    batch = pa.record_batch([pa.array(rows, schema.field(0).type)], schema)
    (part,) = write(tmp_path, [batch.slice(3)], SinkOptions(group_bytes=1_000), schema)
    metadata = pq.read_metadata(tmp_path / part.path)
    # 250 bytes every three rows: the row that reaches 1000 is the last of its group.
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [12] * 4 + [9]


pools: list[pa.MemoryPool] = []
"""Kept alive: Arrow's buffers do not keep the pool that they came from."""


@pytest.mark.parametrize("arrival", ["dictionary", "plain"])
@pytest.mark.parametrize("options", [PARQUET, SinkOptions(partition_by=("status",)), CSV], ids=label)
def test_memory_is_flat_also_with_a_certificate_of_its_own_for_everyone(
    tmp_path: Path, options: SinkOptions, arrival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_options, "ROW_GROUP_ROWS", 1_024)
    monkeypatch.setattr("krr_export.output.sinks.table._WINDOW_ROWS", 512)
    schema = pa.schema([SCHEMA.field("radnummer"), SCHEMA.field("status"), SCHEMA.field("sertifikat")])

    def batches(count: int) -> Iterator[pa.RecordBatch]:
        for _ in range(count):
            own = pa.array([os.urandom(1_200) for _ in range(256)], pa.binary())
            status = statuses([STATUS[i % 37 // 30] for i in range(256)])
            columns = [pa.array(range(256)), status, own.dictionary_encode() if arrival == "dictionary" else own]
            yield pa.record_batch(columns, schema.names)

    def peak(count: int) -> int:
        before = pa.default_memory_pool()
        pool = pa.proxy_memory_pool(before)
        pools.append(pool)
        pa.set_memory_pool(pool)
        try:
            write(tmp_path / str(count), batches(count), options, schema)
        finally:
            pa.set_memory_pool(before)
        return int(pool.max_memory())

    assert peak(160) < 1.1 * peak(40)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    "options", [SinkOptions(rows_per_file=25), SinkOptions(format="csv", rows_per_file=25)], ids=label
)
@pytest.mark.parametrize(("rows", "expected"), [(0, [0]), (24, [24]), (25, [25]), (26, [25, 1]), (75, [25, 25, 25])])
def test_a_file_ends_at_exactly_as_many_rows_as_asked(
    tmp_path: Path, options: SinkOptions, rows: int, expected: list[int]
) -> None:
    parts = write(tmp_path, table(rows), options)
    assert [part.path for part in parts] == [f"person/part-{i:05}.{options.extension}" for i in range(len(expected))]
    assert [part.rows for part in parts] == expected
    read = duck(f"FROM '{tmp_path}/person/part-*.{options.extension}' ORDER BY radnummer")
    assert read["radnummer"].to_pylist() == list(range(rows))


@pytest.mark.parametrize("options", [PARQUET, CSV, CSV_GZ], ids=label)
def test_each_part_is_listed_with_its_size_and_hash(tmp_path: Path, options: SinkOptions) -> None:
    [part] = write(tmp_path, table(73), options)
    content = (tmp_path / part.path).read_bytes()
    assert (part.bytes, part.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_files_have_the_mode_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        [part] = write(tmp_path, table(3), SinkOptions(file_mode=0o640, partition_by=("aktiv",)))[:1]
    finally:
        os.umask(before)
    path = tmp_path / part.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    "options", [PARQUET, CSV, CSV_GZ, SinkOptions(partition_by=("status",)), SinkOptions(rows_per_file=20)], ids=label
)
def test_leaving_on_an_exception_closes_every_file(tmp_path: Path, options: SinkOptions) -> None:
    def broken() -> None:
        with TableSink(tmp_path, "person", SCHEMA, options) as sink:
            for batch in table(73).to_batches():
                sink.write(batch)
            raise KeyboardInterrupt

    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(KeyboardInterrupt):
        broken()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("room", [0, 100, 3_000, 20_000])
@pytest.mark.parametrize("options", [SinkOptions(compression="none"), CSV, CSV_GZ], ids=label)
def test_a_refused_write_is_one_clear_line(tmp_path: Path, options: SinkOptions, room: int) -> None:
    rows = table(2_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError) as caught:
            write(tmp_path, rows, options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.message == f"cannot write person/part-00000.{options.extension}: File too large"


@pytest.mark.parametrize("options", [PARQUET, CSV, CSV_GZ], ids=label)
def test_a_full_disk_is_one_clear_line(tmp_path: Path, options: SinkOptions) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        with pytest.raises(OutputError) as caught:
            write(disk, table(50_000), options)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert caught.value.message == f"cannot write person/part-00000.{options.extension}: No space left on device"
    assert caught.value.hint == "free some space and run again"


def test_something_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "person").write_text("")
    with pytest.raises(OutputError, match=r"cannot create person/part-00000\.parquet: File exists"):
        write(tmp_path, table(1), PARQUET)


@pytest.mark.parametrize(
    "options", [{"compression": "zstd"}, {"compression": "snappy"}, {"rows_per_file": 0}], ids=label
)
def test_options_that_do_not_go_together_are_wrong_usage(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SinkOptions(format="csv", **options)


def test_closing_twice_gives_the_same_parts(tmp_path: Path) -> None:
    with TableSink(tmp_path, "person", SCHEMA, PARQUET) as sink:
        assert sink.close() is sink.close()
