"""What partitions promise: files that every reader understands, whose names tell nothing personal, in flat memory."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sink_rows import (
    CSV,
    PARQUET,
    SCHEMA,
    STATUS,
    duck,
    label,
    rows_of,
    statuses,
    table,
    write,
)

from krr_export.output.sinks import SinkOptions, TableSink
from krr_export.output.sinks import options as sink_options


@pytest.mark.usefixtures("small_groups")
def test_partitions_are_files_that_every_reader_understands(tmp_path: Path) -> None:
    rows = table(73)
    parts = write(tmp_path, rows, SinkOptions(partition_by=("status", "aktiv")))
    assert {part.path for part in parts} == {
        f"person/part-status.{status}-aktiv.{active}-00000.parquet"
        for status in (*STATUS, "null")
        for active in ("true", "false", "null")
    }
    assert all(pq.read_schema(tmp_path / part.path).equals(SCHEMA) for part in parts)
    assert sum(part.rows for part in parts) == 73

    expected = rows_of(rows)
    directory = tmp_path / "person"
    assert rows_of(duck(f"FROM '{directory}/*.parquet'")) == expected
    assert rows_of(pq.read_table(directory)) == expected
    assert sorted(pd.read_parquet(directory, dtype_backend="pyarrow")["radnummer"]) == list(range(73))
    assert rows_of(pl.read_parquet(directory).to_arrow()) == expected


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # fastparquet leaves files open
@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    "options", [SinkOptions(partition_by=("status",)), SinkOptions(rows_per_file=9)], ids=["partitioned", "rolled"]
)
def test_all_files_of_a_table_are_encoded_alike(tmp_path: Path, options: SinkOptions) -> None:
    # The first rows repeat themselves, the others do not, and some partitions have nulls alone.
    schema = pa.schema([SCHEMA.field("radnummer"), SCHEMA.field("status"), SCHEMA.field("navn")])
    status = statuses([STATUS[i % 3] for i in range(60)])
    names = [None if i % 3 == 1 else "same" if i < 30 else f"own {i}" for i in range(60)]
    parts = write(tmp_path, [pa.record_batch([range(60), status, names], schema=schema)], options, schema)
    assert len(parts) > 2
    encodings = set()
    for part in parts:
        metadata = pq.read_metadata(tmp_path / part.path)
        for group in range(metadata.num_row_groups):
            encodings.add(tuple("RLE_DICTIONARY" in metadata.row_group(group).column(i).encodings for i in range(3)))
    assert encodings == {(False, True, True)}
    for engine in ("pyarrow", "fastparquet"):
        read = pd.read_parquet(tmp_path / "person", engine=engine)
        assert sorted(read["navn"].dropna()) == sorted(name for name in names if name)


def test_rows_keep_their_order_within_a_partition(tmp_path: Path) -> None:
    parts = write(tmp_path, table(40_000), SinkOptions(partition_by=("status",)))
    for part in parts:
        numbers = pq.read_table(tmp_path / part.path)["radnummer"].to_pylist()
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    "options", [SinkOptions(partition_by=("kode",)), SinkOptions(format="csv", partition_by=("kode",))], ids=label
)
def test_listed_values_of_any_spelling_are_fit_for_names_of_files(tmp_path: Path, options: SinkOptions) -> None:
    choices = ["..", "a/b=c", "Æ%20", "x y", "x_y", "X Y", "other", "null", "l" * 300]
    schema = pa.schema([("radnummer", pa.int64()), ("kode", pa.dictionary(pa.int8(), pa.string()))])
    batch = pa.record_batch([range(9), statuses(choices, choices)], schema=schema)
    parts = write(tmp_path, [batch], options, schema)
    names = ["__", "_20", "a_b_c", "l" * 40, "null", "other", "x_y"]
    assert sorted(part.path for part in parts) == sorted(
        f"person/part-kode.{'_' + name if name == '_20' else name}-00000.{options.extension}" for name in names
    )
    found = duck(f"FROM '{tmp_path}/person/*.{options.extension}' ORDER BY radnummer")
    assert found["kode"].to_pylist() == choices


FREE = pa.schema([("radnummer", pa.int64()), ("kode", pa.string())])
PERSONAL = ["03851598730", "ola@example.no", "Ola Nordmann", "90012345", "+4790012345", "1234567890", "", " 984661185"]
PERSONAL += ["984661185\n", "984661185\nola@example.no", "ola@example.no\n984661185", "٠١٢٣٤٥٦٧٨", "../../984661185"]


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_of_free_text_only_what_looks_like_an_organisation_names_a_file(
    tmp_path: Path, format_: sink_options.Format
) -> None:
    values = [*PERSONAL, "984661185", "012345678", None, "984661185", "other"]
    options = SinkOptions(format=format_, partition_by=("kode",))
    batch = pa.record_batch([range(len(values)), values], schema=FREE)
    with TableSink(tmp_path, "person", FREE, options) as sink:
        sink.write(batch)
        parts = sink.close()
    assert {part.path: part.rows for part in parts} == {
        f"person/part-kode.{name}-00000.{format_}": rows
        for name, rows in {"012345678": 1, "984661185": 2, "null": 1, "other": len(PERSONAL) + 1}.items()
    }
    assert (sink.others, sink.rows_in_others) == ({"kode": len(PERSONAL) + 1}, len(PERSONAL) + 1)
    if format_ == "parquet":
        assert sorted(pq.read_table(tmp_path / "person")["kode"].to_pylist(), key=str) == sorted(values, key=str)


def test_the_footer_tells_a_text_to_partition_by_only_where_the_name_does(tmp_path: Path) -> None:
    values = ["984661185", "03851598730", None]
    parts = write(
        tmp_path, [pa.record_batch([range(3), values], schema=FREE)], SinkOptions(partition_by=("kode",)), FREE
    )
    told = {}
    for part in parts:
        statistics = pq.read_metadata(tmp_path / part.path).row_group(0).column(1).statistics
        told[part.path.split(".")[1]] = statistics and (statistics.min, statistics.max)
        assert (
            b"03851598730"
            not in (tmp_path / part.path).read_bytes()[-(pq.read_metadata(tmp_path / part.path).serialized_size) :]
        )
    assert told == {"984661185-00000": ("984661185", "984661185"), "null-00000": (None, None), "other-00000": None}


@pytest.mark.parametrize(("length", "told"), [(10, True), (30, False)])
def test_the_footer_tells_nothing_where_the_name_is_too_long_to_tell_all(
    tmp_path: Path, length: int, *, told: bool
) -> None:
    columns = [f"{number}{'x' * length}" for number in range(6)]
    schema = pa.schema([(column, pa.string()) for column in columns])
    batch = pa.record_batch([["984661185", "984661185"]] * 5 + [["984661185", "987464291"]], schema=schema)
    parts = write(tmp_path, [batch], SinkOptions(partition_by=tuple(columns)), schema)
    assert len(parts) == (2 if told else 1)
    assert all(len(Path(part.path).name) < 255 for part in parts)
    group = pq.read_metadata(tmp_path / parts[0].path).row_group(0)
    assert [group.column(number).statistics is not None for number in range(6)] == [told] * 6


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


def test_the_text_that_waits_in_all_partitions_together_is_bounded(tmp_path: Path) -> None:
    choices = [f"v{i}" for i in range(32)]
    schema = pa.schema(
        [("radnummer", pa.int64()), ("kode", pa.dictionary(pa.int8(), pa.string())), ("navn", pa.string())]
    )
    codes = statuses([choices[i % 32] for i in range(320)], choices)
    batch = pa.record_batch([range(320), codes, ["x" * 100] * 320], schema=schema)
    parts = write(tmp_path, [batch], SinkOptions(partition_by=("kode",), group_bytes=2_000), schema)
    assert [part.rows for part in parts] == [10] * 32
    groups = sum(pq.read_metadata(tmp_path / part.path).num_row_groups for part in parts)
    assert groups > 5 * 30, "20 of the 320 rows wait at the most; if 80 could, there would be half as many"


@pytest.mark.parametrize("options", [PARQUET, CSV], ids=label)
def test_beyond_32_partitions_all_further_values_share_their_files(tmp_path: Path, options: SinkOptions) -> None:
    batch = pa.record_batch([range(40), [f"{100_000_000 + i}" for i in range(40)]], schema=FREE)
    partitioned = SinkOptions(format=options.format, partition_by=("kode",))
    with TableSink(tmp_path, "person", FREE, partitioned) as sink:
        for start in (0, 20):
            sink.write(batch.slice(start, 20))
        parts = sink.close()
    assert len(parts) == 33
    assert {part.rows for part in parts if "other" not in part.path} == {1}
    assert [part.rows for part in parts if part.path == f"person/part-other-00000.{options.extension}"] == [8]
    assert (sink.others, sink.rows_in_others) == ({"": 8}, 8)


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_an_empty_partitioned_table_can_be_read_together_with_others(
    tmp_path: Path, format_: sink_options.Format
) -> None:
    options = SinkOptions(format=format_, partition_by=("status",))
    [empty] = write(tmp_path / "eksport=1", [], options)
    assert empty.path == f"person/part-00000.{format_}"
    write(tmp_path / "eksport=2", table(5), options)

    def read(exports: str) -> pa.Table:
        files = f"'{tmp_path}/eksport={exports}/person/**/*.{format_}'"
        return duck(f"FROM read_{format_}({files}, hive_partitioning=true, union_by_name=true) ORDER BY radnummer")

    assert read("*")["radnummer"].to_pylist() == [0, 1, 2, 3, 4]
    assert read("1").num_rows == 0
    assert "status" in read("1").column_names
