"""What the part files promise: bytes that depend on the rows alone, and rows that every reader finds again."""

from __future__ import annotations

import gzip
import hashlib
import os
import resource
import stat
import subprocess
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krr_export.errors import OutputError, UsageError
from krr_export.sinks import PartFile, SinkOptions, TableSink, gathering
from krr_export.sinks import options as sink_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STATUS = ("AKTIV", "SLETTET", "IKKE_REGISTRERT")
SCHEMA = pa.schema(
    [
        pa.field("radnummer", pa.int64(), nullable=False),
        pa.field("navn", pa.string()),
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        pa.field("sett", pa.timestamp("us", tz="UTC")),
        pa.field("sertifikat", pa.binary()),
        pa.field("antall", pa.int16()),
        pa.field("aktiv", pa.bool_()),
        pa.field("vekt", pa.float64()),
        pa.field("dato", pa.date32()),
    ],
    metadata={"eksportTidspunkt": "2014-02-26T12:22:25+01:00", "senesteEndringsNummer": "7"},
)
NAMES = [
    "Åse",
    "",
    None,
    'si "hei"',
    "a,b",
    "linje\nskift",
    "retur\rher",
    "\r\n",
    " luft ",
    "𝄞",
    "NULL",
    "'",
    '"',
    "#x",
]
CERTIFICATES = [b"\x30\x82" + bytes([i]) * 40 for i in range(3)]

PARQUET = SinkOptions()
CSV = SinkOptions(format="csv")
CSV_GZ = SinkOptions(format="csv", compression="gzip")


def table(rows: int, start: int = 0, encoded: bool = True) -> pa.Table:  # noqa: FBT001, FBT002 - a test helper
    """Rows of every type, nulls among them; the certificates as workers send them, or plain."""
    numbers = range(start, start + rows)
    seen = datetime(2014, 2, 25, 12, 8, tzinfo=UTC).timestamp()
    certificates = pa.array([CERTIFICATES[i % 3] if i % 2 else None for i in numbers], pa.binary())
    columns = [
        pa.array(numbers, pa.int64()),
        pa.array([NAMES[i % len(NAMES)] for i in numbers], pa.string()),
        statuses([STATUS[i % 5] if i % 5 < 3 else None for i in numbers]),
        pa.array([int((seen + i) * 1e6) if i % 4 else None for i in numbers], pa.timestamp("us", tz="UTC")),
        certificates.dictionary_encode() if encoded else certificates,
        pa.array([i % 300 if i % 7 else None for i in numbers], pa.int16()),
        pa.array([i % 3 == 0 if i % 6 else None for i in numbers], pa.bool_()),
        pa.array([i / 8 if i % 9 else None for i in numbers], pa.float64()),
        pa.array([date(2014, 1, 1 + i % 28) if i % 5 else None for i in numbers], pa.date32()),
    ]
    return pa.table(columns, names=SCHEMA.names)


def statuses(values: Sequence[str | None], choices: Sequence[str] = STATUS) -> pa.DictionaryArray:
    codes = pa.array([None if value is None else choices.index(value) for value in values], pa.int8())
    return pa.DictionaryArray.from_arrays(codes, pa.array(choices))


def label(options: object) -> str:
    """What a test's name says of the options that it was given."""
    if not isinstance(options, SinkOptions):
        return str(options)
    return "-".join((options.effective_compression, options.extension, *options.partition_by))


def write(
    directory: Path, rows: pa.Table | Iterable[pa.RecordBatch], options: SinkOptions, schema: pa.Schema = SCHEMA
) -> tuple[PartFile, ...]:
    directory.mkdir(exist_ok=True)
    with TableSink(directory, "person", schema, options) as sink:
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
            sink.write(batch)
        return sink.close()


def rows_of(readable: pa.Table) -> Counter[tuple[Any, ...]]:
    """The rows of a table, in whatever order and types a reader gave them."""
    columns = [readable[name].to_pylist() for name in SCHEMA.names]
    return Counter(zip(*columns, strict=True))


def duck(query: str) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(query).to_arrow_table()


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> int:
    """Row groups small enough that a test fills several, and several windows where there are partitions."""
    monkeypatch.setattr("krr_export.sinks.table._WINDOW_ROWS", 8)
    monkeypatch.setattr(sink_options, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(sink_options, "CSV_GROUP_ROWS", 10)
    return 10


# Determinism


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


# Parquet


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "none"])
def test_every_reader_of_parquet_finds_the_same_rows(tmp_path: Path, compression: sink_options.Compression) -> None:
    rows = table(73)
    [part] = write(tmp_path, rows, SinkOptions(compression=compression))
    path = tmp_path / part.path
    expected = rows_of(rows)
    assert part.rows == 73
    assert rows_of(pq.read_table(path)) == expected
    assert rows_of(duck(f"FROM '{path}'")) == expected
    assert rows_of(pa.Table.from_pandas(pd.read_parquet(path, dtype_backend="pyarrow"))) == expected
    assert rows_of(pl.read_parquet(path).to_arrow()) == expected


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("rows", [0, 1, 73])
def test_a_part_file_explains_itself(tmp_path: Path, rows: int) -> None:
    [part] = write(tmp_path, table(rows), PARQUET)
    read = pq.read_table(tmp_path / part.path)
    assert read.schema.equals(SCHEMA, check_metadata=True)
    stored = pq.read_metadata(tmp_path / part.path).metadata
    assert stored[b"eksportTidspunkt"] == b"2014-02-26T12:22:25+01:00", "for readers that do not know Arrow"
    if rows:
        assert read["status"].chunk(0).dictionary.to_pylist() == list(STATUS)


def test_an_enumeration_keeps_the_order_of_its_values_for_pandas(tmp_path: Path) -> None:
    [part] = write(tmp_path, table(73), PARQUET)
    assert list(pd.read_parquet(tmp_path / part.path)["status"].cat.categories) == list(STATUS)


def test_the_end_of_the_file_says_nothing_of_any_person(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("radnummer", pa.int64()),
            pa.field("name", pa.string()),
            pa.field("often", pa.string()),
            pa.field("messages", pa.list_(pa.string())),
            pa.field("certificate", pa.binary()),
            pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        ]
    )
    rows = 50_000
    planted = [b"PLANTED-%05d" % i for i in range(rows)]
    certificates = pa.array([b"CERTIFICATE-%d" % (i % 2) for i in range(rows)]).dictionary_encode()
    columns = [
        range(rows),
        [value.decode() for value in planted],
        ["OFTEN"] * rows,
        [["MESSAGE"]] * rows,
        certificates,
        statuses(["AKTIV"] * rows),
    ]
    batch = pa.record_batch([pa.array(c) if isinstance(c, list | range) else c for c in columns], schema.names)
    [part] = write(tmp_path, [batch], SinkOptions(compression="none"), schema)
    content = (tmp_path / part.path).read_bytes()
    metadata = pq.read_metadata(tmp_path / part.path)
    chunks = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    pages_end = max(
        min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) + c.total_compressed_size
        for c in chunks
    )
    pages, end = content[:pages_end], content[pages_end:]  # the end: page index and footer
    for secret in (b"PLANTED", b"OFTEN", b"MESSAGE", b"CERTIFICATE"):
        assert secret in pages
        assert secret not in end
    assert b"AKTIV" in end, "the search would find a value that is there"
    assert {c.path_in_schema: (c.is_stats_set, c.has_column_index, c.has_offset_index) for c in chunks} == {
        "radnummer": (True, True, True),
        "name": (False, False, True),
        "often": (False, False, True),
        "messages.list.element": (False, False, True),
        "certificate": (False, False, True),
        "status": (True, True, True),
    }


def test_a_dictionary_is_made_where_values_repeat(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            ("unique", pa.string()),
            ("few", pa.string()),
            ("certificate", pa.binary()),
            ("record", pa.binary()),
            ("codes", pa.list_(pa.string())),
            ("number", pa.int64()),
        ]
    )
    rows = 5_000
    columns: list[list[Any]] = [
        [str(i) for i in range(rows)],
        [str(i % 9) for i in range(rows)],
        [b"%d" % (i % 9) for i in range(rows)],
        [b"%d" % i for i in range(rows)],
        [["E1"] * (i % 3) for i in range(rows)],
        list(range(rows)),
    ]
    [part] = write(tmp_path, pa.table([pa.array(column) for column in columns], schema=schema), PARQUET, schema)
    group = pq.read_metadata(tmp_path / part.path).row_group(0)
    encoded = {group.column(i).path_in_schema: group.column(i).has_dictionary_page for i in range(len(schema))}
    assert [name for name, has in encoded.items() if has] == ["few", "certificate", "codes.list.element"]
    assert pq.read_table(tmp_path / part.path).to_pydict() == dict(zip(schema.names, columns, strict=True))


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


# CSV


def test_csv_is_written_as_rfc_4180_with_null_told_from_empty(tmp_path: Path) -> None:
    [part] = write(tmp_path, table(9), CSV)
    assert part.path == "person/part-00000.csv"
    assert (tmp_path / part.path).read_bytes().decode() == (
        "radnummer,navn,status,sett,sertifikat,antall,aktiv,vekt,dato\n"
        "0,Åse,AKTIV,,,,,,\n"
        '1,"",SLETTET,2014-02-25T12:08:01.000000Z,MIIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB,1,false,0.125,'
        "2014-01-02\n"
        "2,,IKKE_REGISTRERT,2014-02-25T12:08:02.000000Z,,2,false,0.25,2014-01-03\n"
        '3,"si ""hei""",,2014-02-25T12:08:03.000000Z,MIIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,3,true,'
        "0.375,2014-01-04\n"
        '4,"a,b",,,,4,false,0.5,2014-01-05\n'
        '5,"linje\nskift",AKTIV,2014-02-25T12:08:05.000000Z,MIICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC,5,'
        "false,0.625,\n"
        '6,"retur\rher",SLETTET,2014-02-25T12:08:06.000000Z,,6,,0.75,2014-01-07\n'
        '7,"\r\n",IKKE_REGISTRERT,2014-02-25T12:08:07.000000Z,MIIBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB,,'
        "false,0.875,2014-01-08\n"
        "8, luft ,,,,8,false,1,2014-01-09\n"
    )


@pytest.mark.parametrize("year", [1, 999, 1969, 9999])
def test_csv_writes_years_with_four_digits(tmp_path: Path, year: int) -> None:
    schema = pa.schema([SCHEMA.field("sett")])
    [part] = write(tmp_path, pa.table([[datetime(year, 1, 2, 3, 4, 5, 6, UTC)]], schema=schema), CSV, schema)
    assert (tmp_path / part.path).read_text() == f"sett\n{year:04}-01-02T03:04:05.000006Z\n"


@pytest.mark.parametrize("options", [CSV, CSV_GZ], ids=label)
def test_every_reader_of_csv_finds_the_same_rows(tmp_path: Path, options: SinkOptions) -> None:
    rows = table(len(NAMES) * 3)
    [part] = write(tmp_path, rows, options)
    path = tmp_path / part.path
    plain = rows.set_column(4, "sertifikat", rows["sertifikat"].cast(pa.binary()))
    expected = rows_of(plain)

    found = duck(
        "SELECT * REPLACE (from_base64(sertifikat) AS sertifikat) FROM"  # noqa: S608 - a path of our own
        f" read_csv('{path}', allow_quoted_nulls=false, types={{'sett': 'TIMESTAMPTZ', 'antall': 'SMALLINT'}})"
    )
    assert rows_of(found) == expected

    read = pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={"sett": pa.timestamp("us", tz="UTC"), "sertifikat": pa.string()},
        ),
    )
    assert read.drop_columns(["sertifikat"]).to_pylist() == plain.drop_columns(["sertifikat"]).to_pylist()

    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], lineterminator="\n")
    names = [None if name == "" else name for name in plain["navn"].to_pylist()]
    assert [None if pd.isna(name) else name for name in frame["navn"]] == names, "pandas cannot tell null from empty"
    assert frame["radnummer"].to_list() == plain["radnummer"].to_pylist()


def test_compressed_csv_is_reproducible_and_has_no_time_or_name_in_it(tmp_path: Path) -> None:
    [part] = write(tmp_path / "a", table(50), CSV_GZ)
    assert write(tmp_path / "b", table(50), CSV_GZ) == (part,)
    content = (tmp_path / "a" / part.path).read_bytes()
    assert part.path == "person/part-00000.csv.gz"
    assert content[3:8] == bytes(5), "RFC 1952: no flags, so no name, and no time"
    [plain] = write(tmp_path / "c", table(50), CSV)
    assert gzip.decompress(content) == (tmp_path / "c" / plain.path).read_bytes()
    subprocess.run(["gzip", "--test", str(tmp_path / "a" / part.path)], check=True)


# Parts and partitions


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
    with pytest.raises(OutputError, match="cannot partition by kode: more than 32 different values") as caught:
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


# Failure


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
