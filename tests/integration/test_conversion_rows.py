"""What is written: by three readers the rows of an independent reading, and the same bytes however they were read."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from conversions import NAMES, SAMPLES, content, cut_into, read_naively, typed, version

import krr_export
from krr_export.schema.registry import load_schema
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from krr_export.schema.record_schema import RecordSchema

Rows = list[dict[str, Any]]

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "rolled": {"rows_per_file": 7},
    "partitioned": {"partition_by": ("status", "reservasjon")},
    "partitioned and rolled": {"partition_by": ("postkasseleverandoer_adresse",), "rows_per_file": 3},
}


def expected(name: str) -> Rows:
    records = read_naively(content(SAMPLES / name), load_schema(version(name)))
    return [record.values for record in records if record.valid]


def convert(source: Path | bytes, store: Path, **options: Any) -> Path:  # noqa: ANN401 - ConvertOptions checks them
    """Convert, whatever is rejected, and give the snapshot."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.convert(stream, store, **{"workers": 0, "max_rejects": "100%", **options}).path


def plain(rows: Iterable[Mapping[str, Any]], schema: RecordSchema) -> Rows:
    """Rows of any reader in the columns' order and the records'; times with a zone, missing values as ``None``."""
    found = [{name: _plain(row[name]) for name in schema.arrow.names} for row in rows]
    return sorted(found, key=lambda row: int(row["radnummer"]))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a reader gives
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def from_text(rows: Iterable[Mapping[str, Any]], schema: RecordSchema) -> Rows:
    """Rows of CSV, all text, with the types of the columns."""
    kinds = {field.name: field.arrow_type for field in schema.fields}
    return [
        {name: int(text) if name == "radnummer" else typed(text, kinds[name]) for name, text in row.items()}
        for row in plain(rows, schema)
    ]


def parquet_by_pyarrow(snapshot: Path, schema: RecordSchema) -> Rows:
    rows: Rows = []
    for path in sorted((snapshot / "person").rglob("*.parquet")):
        rows += pq.read_table(path, partitioning=None).to_pylist()
    return plain(rows, schema)


def parquet_by_duckdb(snapshot: Path, schema: RecordSchema) -> Rows:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = f"'{snapshot}/person/**/*.parquet'"
        table = connection.sql(f"SELECT * FROM read_parquet({files})").to_arrow_table()  # noqa: S608 - our own path
    return plain(table.to_pylist(), schema)


def records(frame: pd.DataFrame) -> Rows:
    rows: Rows = frame.astype(object).to_dict("records")  # type: ignore[assignment]  # the names are text
    return rows


def parquet_by_pandas(snapshot: Path, schema: RecordSchema) -> Rows:
    rows: Rows = []
    for path in sorted((snapshot / "person").rglob("*.parquet")):
        rows += records(pd.read_parquet(path, partitioning=None))
    return plain(rows, schema)


def csv_by_pyarrow(snapshot: Path, schema: RecordSchema) -> Rows:
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(schema.arrow.names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    rows: Rows = []
    for path in sorted((snapshot / "person").rglob("*.csv*")):
        table = pyarrow.csv.read_csv(
            path, convert_options=options, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)
        )
        rows += table.to_pylist()
    return from_text(rows, schema)


def csv_by_duckdb(snapshot: Path, schema: RecordSchema) -> Rows:
    options = "all_varchar = true, header = true, allow_quoted_nulls = false"
    files = f"'{snapshot}/person/**/*.csv*', {options}"
    with duckdb.connect() as connection:
        table = connection.sql(f"SELECT * FROM read_csv({files})").to_arrow_table()  # noqa: S608 - our own path
    return from_text(table.to_pylist(), schema)


def csv_by_pandas(snapshot: Path, schema: RecordSchema) -> Rows:
    """Pandas cannot tell null from empty: here both are null."""
    rows: Rows = []
    for path in sorted((snapshot / "person").rglob("*.csv*")):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
        rows += records(frame)
    return from_text(rows, schema)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_three_readers_find_the_rows_of_an_independent_reading_in_parquet(
    name: str, shape: str, tmp_path: Path
) -> None:
    schema = load_schema(version(name))
    snapshot = convert(SAMPLES / name, tmp_path, schema=schema.name, **SHAPES[shape])
    rows = expected(name)
    assert parquet_by_pyarrow(snapshot, schema) == rows
    assert parquet_by_duckdb(snapshot, schema) == rows
    assert parquet_by_pandas(snapshot, schema) == rows


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_three_readers_find_the_rows_of_an_independent_reading_in_csv(name: str, shape: str, tmp_path: Path) -> None:
    schema = load_schema(version(name))
    options = SHAPES[shape] | {"format": "csv", "compression": "gzip" if "rolled" in shape else "none"}
    snapshot = convert(SAMPLES / name, tmp_path, schema=schema.name, **options)
    rows = expected(name)
    assert csv_by_pyarrow(snapshot, schema) == rows
    assert csv_by_duckdb(snapshot, schema) == rows
    assert csv_by_pandas(snapshot, schema) == [{key: value or None for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("name", ["faulty.xml", "old-spellings.xml"])
def test_rejects_hold_the_others(name: str, tmp_path: Path) -> None:
    data = content(SAMPLES / name)
    refused = [record for record in read_naively(data, load_schema("14-05")) if not record.valid]
    table = pq.read_table(convert(SAMPLES / name, tmp_path, format="csv") / "rejects")
    assert [(row["radnummer"], row["byte_offset"], row["line"]) for row in table.to_pylist()] == [
        (record.number, record.offset, record.line) for record in refused
    ]
    assert all(data[row["byte_offset"] :].startswith(row["record"]) for row in table.to_pylist())


def test_absent_values_have_part_files_of_their_own(tmp_path: Path) -> None:
    snapshot = convert(SAMPLES / "valid.xml", tmp_path, partition_by=["postkasseleverandoer_adresse"])
    nulls = (snapshot / "person").glob("part-postkasseleverandoer_adresse.null-*.parquet")
    without = sum(row["postkasseleverandoer_adresse"] is None for row in expected("valid.xml"))
    assert sum(pq.read_metadata(path).num_rows for path in nulls) == without > 0


def test_every_part_file_says_where_its_rows_come_from(tmp_path: Path) -> None:
    snapshot = convert(SAMPLES / "valid.xml", tmp_path, rows_per_file=9, partition_by=["status"])
    parts = sorted((snapshot / "person").rglob("*.parquet"))
    assert len(parts) > 4
    for path in parts:
        metadata = pq.read_schema(path).metadata
        assert metadata[b"eksportTidspunkt"] == b"2026-02-26T12:22:25.000+01:00"
        assert metadata[b"senesteEndringsNummer"] == b"41234567"
        assert metadata[b"schema"] == b"14-05"
        assert metadata[b"krr_export_version"] == krr_export.__version__.encode()


def test_parquet_has_the_types_of_the_schema(tmp_path: Path) -> None:
    snapshot = convert(SAMPLES / "valid.xml", tmp_path)
    assert pq.read_schema(snapshot / "person" / "part-00000.parquet").equals(load_schema("14-05").arrow)


@pytest.fixture(scope="module")
def mixed() -> bytes:
    """An export large enough for many blocks, a fifth of it faulty."""
    out = io.BytesIO()
    write_sample(out, SampleOptions(400, seed=7, fault_share=0.2))
    return out.getvalue()


def data_files(snapshot: Path) -> dict[str, bytes]:
    paths = [
        path for table in ("person", "rejects", "findings") for path in (snapshot / table).rglob("*") if path.is_file()
    ]
    return {path.relative_to(snapshot).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    "options",
    [
        {"rows_per_file": 90, "partition_by": ["status"]},
        {"format": "csv", "compression": "gzip"},
    ],
)
def test_the_bytes_do_not_depend_on_workers_or_blocks(
    mixed: bytes, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(mixed)
    runs: list[tuple[int, int, Path | bytes]] = [
        (0, 1 << 22, mixed),
        (0, 3000, path),
        (1, 50_000, path),
        (2, 9000, mixed),
        (3, 20_000, path),
    ]
    written = []
    for workers, size, source in runs:
        cut_into(monkeypatch, size)
        store = tmp_path / f"{workers}-{size}"
        written.append(data_files(convert(source, store, workers=workers, **options)))
    assert len(written[0]) >= 2
    assert written[1:] == [written[0]] * 4


def test_the_bytes_do_not_depend_on_the_reader(mixed: bytes, tmp_path: Path) -> None:
    one, other = (data_files(convert(mixed, tmp_path / name, reader=name)) for name in ("auto", "iterparse"))
    assert one == other


def test_an_element_added_to_the_xsd_becomes_a_column(tmp_path: Path) -> None:
    xsd = (SAMPLES.parent / "xsd" / "oppslagstjeneste-metadata-14-05.xsd").read_text()
    own = tmp_path / "own.xsd"
    added = '<xs:element name="spraakvalg" type="xs:string" minOccurs="0"/>'
    place = '      <xs:element name="Kontaktinformasjon"'
    own.write_text(xsd.replace(place, f"      {added}\n{place}"))
    data = content(SAMPLES / "valid.xml").replace(b"</status>", b"</status>\n    <spraakvalg>nn</spraakvalg>", 3)
    snapshot = convert(data, tmp_path / "store", schema=own, max_rejects=0)
    column = pq.read_table(snapshot / "person")["spraakvalg"]
    assert pc.count(column).as_py() == 3
    parts = convert(data, tmp_path / "csv", schema=own, format="csv") / "person"
    names = (parts / "part-00000.csv").read_text().split("\n", 1)[0].split(",")
    assert names.index("spraakvalg") == names.index("beskrivelse") + 1


def test_an_export_in_another_encoding_gives_the_same_rows(tmp_path: Path) -> None:
    data = content(SAMPLES / "naive.xml").decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("UTF-16")
    assert parquet_by_pyarrow(convert(data, tmp_path), load_schema("14-05")) == expected("naive.xml")


def test_the_independent_reading_takes_naive_times_as_norwegian() -> None:
    kind = pa.timestamp("us", "UTC")
    assert typed("2014-02-25T13:08:00", kind) == datetime(2014, 2, 25, 12, 8, tzinfo=UTC)
    assert typed("2014-07-25T13:08:00", kind) == datetime(2014, 7, 25, 11, 8, tzinfo=UTC)
