"""What the part files promise: bytes that depend on the rows alone, as many rows as asked, flat memory."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krr_export.errors import OutputError, UsageError
from krr_export.sinks import SinkOptions, TableSink, gathering
from krr_export.sinks import options as sink_options

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
    make_groups_small,
    rows_of,
    statuses,
    table,
    write,
)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    make_groups_small(monkeypatch)


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
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_a_row_group_closes_early_when_its_rows_are_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "ROW_GROUP_BYTES", 1_000)
    schema = pa.schema([("radnummer", pa.int64()), ("record", pa.binary())])
    sizes = [400, 400, 400, 10, 5_000, 1, 2_000]
    rows = pa.table([range(len(sizes)), [b"x" * size for size in sizes]], schema=schema)
    [part] = write(tmp_path, rows, PARQUET, schema)
    one_by_one = [rows.slice(i, 1).to_batches()[0] for i in range(len(sizes))]
    assert write(tmp_path / "again", one_by_one, PARQUET, schema) == (part,)
    metadata = pq.read_metadata(tmp_path / part.path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3, 2, 2]
    assert pq.read_table(tmp_path / part.path).equals(rows)


pools: list[pa.MemoryPool] = []
"""Kept alive: Arrow's buffers do not keep the pool that they came from."""


@pytest.mark.parametrize("arrival", ["dictionary", "plain"])
@pytest.mark.parametrize("options", [PARQUET, SinkOptions(partition_by=("status",)), CSV], ids=label)
def test_memory_is_flat_also_with_a_certificate_of_its_own_for_everyone(
    tmp_path: Path, options: SinkOptions, arrival: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_options, "ROW_GROUP_ROWS", 1_024)
    monkeypatch.setattr("krr_export.sinks.table._WINDOW_ROWS", 512)
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


@pytest.mark.usefixtures("small_groups")
def test_partitions_are_hive_directories_that_every_reader_understands(tmp_path: Path) -> None:
    rows = table(73)
    parts = write(tmp_path, rows, SinkOptions(partition_by=("status", "aktiv")))
    assert {str(Path(part.path).parent) for part in parts} == {
        f"person/status={status}/aktiv={active}"
        for status in (*STATUS, "__HIVE_DEFAULT_PARTITION__")
        for active in ("true", "false", "__HIVE_DEFAULT_PARTITION__")
    }
    assert pq.read_schema(tmp_path / parts[0].path).names == [n for n in SCHEMA.names if n not in ("status", "aktiv")]
    assert sum(part.rows for part in parts) == 73

    expected = rows_of(rows)
    duck_rows = duck(f"FROM read_parquet('{tmp_path}/person/**/*.parquet', hive_types={{'aktiv': BOOLEAN}})")
    assert rows_of(duck_rows) == expected
    partitioning = ds.partitioning(pa.schema([("status", pa.string()), ("aktiv", pa.bool_())]), flavor="hive")
    assert rows_of(ds.dataset(tmp_path / "person", partitioning=partitioning).to_table()) == expected
    frame = pd.read_parquet(tmp_path / "person", dtype_backend="pyarrow")
    assert sorted(frame["radnummer"]) == list(range(73))
    types = {"status": pl.String, "aktiv": pl.Boolean}
    assert rows_of(pl.read_parquet(tmp_path / "person/**/*.parquet", hive_schema=types).to_arrow()) == expected


def test_rows_keep_their_order_within_a_partition(tmp_path: Path) -> None:
    parts = write(tmp_path, table(40_000), SinkOptions(partition_by=("status",)))
    for part in parts:
        numbers = pq.read_table(tmp_path / part.path)["radnummer"].to_pylist()
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    "options", [SinkOptions(partition_by=("kode",)), SinkOptions(format="csv", partition_by=("kode",))]
)
def test_values_in_directory_names_are_quoted(tmp_path: Path, options: SinkOptions) -> None:
    choices = ["..", "a/b=c", "Æ%20", "x y"]
    schema = pa.schema([("radnummer", pa.int64()), ("kode", pa.dictionary(pa.int8(), pa.string()))])
    batch = pa.record_batch([pa.array(range(4)), statuses(choices, choices)], schema=schema)
    parts = write(tmp_path, [batch], options, schema)
    assert sorted(Path(part.path).parent.name for part in parts) == [
        "kode=%C3%86%2520", "kode=..", "kode=a%2Fb%3Dc", "kode=x%20y"
    ]  # fmt: skip
    reader = "read_csv" if options.format == "csv" else "read_parquet"
    found = duck(
        f"FROM {reader}('{tmp_path}/person/**/*.{options.extension}', hive_partitioning=true) ORDER BY radnummer"
    )
    assert found["kode"].to_pylist() == choices


@pytest.mark.usefixtures("small_groups")
def test_partitions_that_all_fill_slowly_do_not_pile_up(tmp_path: Path) -> None:
    choices = [f"v{i}" for i in range(32)]
    schema = pa.schema([("radnummer", pa.int64()), ("kode", pa.dictionary(pa.int8(), pa.string()))])
    codes = statuses([choices[i % 32] for i in range(320)], choices)
    batch = pa.record_batch([range(320), codes], schema=schema)
    parts = write(tmp_path, [batch], SinkOptions(partition_by=("kode",)), schema)
    assert [part.rows for part in parts] == [10] * 32
    groups = sum(pq.read_metadata(tmp_path / part.path).num_row_groups for part in parts)
    assert groups > 3 * 32, "at most 40 of the 320 rows wait; if all could, there would be one a partition"


@pytest.mark.parametrize("options", [PARQUET, CSV], ids=label)
def test_too_many_partitions_are_refused_without_naming_a_value(tmp_path: Path, options: SinkOptions) -> None:
    schema = pa.schema([("radnummer", pa.int64()), ("kode", pa.string())])
    batch = pa.record_batch([range(33), [f"secret{i}" for i in range(33)]], schema=schema)
    partitioned = SinkOptions(format=options.format, partition_by=("kode",))
    with pytest.raises(UsageError, match="cannot partition by kode: more than 32 values, or combinations") as caught:
        write(tmp_path, [batch], partitioned, schema)
    assert "secret" not in str(caught.value)
    write(tmp_path / "enough", [batch.slice(1)], partitioned, schema)


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_an_empty_partitioned_table_can_be_read_together_with_others(
    tmp_path: Path, format_: sink_options.Format
) -> None:
    options = SinkOptions(format=format_, partition_by=("status",))
    [empty] = write(tmp_path / "eksport=1", [], options)
    assert empty.path == f"person/status=__HIVE_DEFAULT_PARTITION__/part-00000.{format_}"
    write(tmp_path / "eksport=2", table(5), options)

    def read(exports: str) -> pa.Table:
        files = f"'{tmp_path}/eksport={exports}/person/**/*.{format_}'"
        return duck(f"FROM read_{format_}({files}, hive_partitioning=true, union_by_name=true) ORDER BY radnummer")

    assert read("*")["radnummer"].to_pylist() == [0, 1, 2, 3, 4]
    assert read("1").num_rows == 0
    assert "status" in read("1").column_names


def test_files_have_the_mode_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        [part] = write(tmp_path, table(3), SinkOptions(file_mode=0o640, partition_by=("aktiv",)))[:1]
    finally:
        os.umask(before)
    path = tmp_path / part.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [stat.S_IMODE(parent.stat().st_mode) for parent in list(path.parents)[:2]] == [0o750, 0o750]


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
