"""An export as a lazy object: what `open_export` gives, and to whom."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conversions import NAMES, SAMPLES, content, cut_into, read_naively, version
from exports import tiny_xml

import krr_export
from krr_export.errors import InputError, UsageError
from krr_export.parsing.rejects import REJECTS_SCHEMA
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = list[dict[str, Any]]


def expected(name: str) -> Rows:
    """The accepted records of a sample, by an independent reading."""
    records = read_naively(content(SAMPLES / name), load_schema(version(name)))
    return [record.values for record in records if record.valid]


def opened(name: str, **options: Any) -> krr_export.Export:  # noqa: ANN401 - open_export checks them
    return krr_export.open_export(SAMPLES / name, schema=version(name), **{"workers": 0, **options})


@pytest.mark.parametrize("name", NAMES)
def test_batches_hold_what_an_independent_reading_finds(name: str) -> None:
    with opened(name) as export:
        batches = list(export.batches())
        assert all(batch.schema == export.schema for batch in batches)
        assert [row for batch in batches for row in batch.to_pylist()] == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_rejects_are_all_others_with_their_own_bytes(name: str) -> None:
    data = content(SAMPLES / name)
    refused = [record for record in read_naively(data, load_schema(version(name))) if not record.valid]
    with opened(name) as export:
        list(export.batches())
        rejects = export.rejects
    assert rejects.schema == REJECTS_SCHEMA
    found = rejects.to_pylist()
    assert [(row["radnummer"], row["byte_offset"], row["line"]) for row in found] == [
        (record.number, record.offset, record.line) for record in refused
    ]
    for row in found:
        assert data[row["byte_offset"] :].startswith(row["record"])
        assert row["record"].endswith(b"Person>")
        assert len(row["codes"]) == len(row["messages"]) > 0


def test_the_header_is_known_before_any_record_is_read(export: Callable[..., bytes]) -> None:
    data = export(*[tiny_xml.person()] * 100_000)
    with krr_export.open_export(io.BytesIO(data)) as opened_export:
        assert opened_export.header.seneste_endringsnummer == 1724
        assert f"{opened_export.header.exported_at:%Y-%m-%dT%H:%M:%S%z}" == "2014-02-26T11:22:25+0000"
        assert opened_export.source.bytes_read < len(data) / 4


def test_the_schema_says_where_the_rows_come_from() -> None:
    with opened("valid.xml") as export:
        assert export.schema.equals(load_schema("14-05").arrow)
        assert export.schema.metadata == {
            b"eksportTidspunkt": b"2026-02-26T12:22:25.000+01:00",
            b"senesteEndringsNummer": b"41234567",
            b"schema": b"14-05",
            b"krr_export_version": krr_export.__version__.encode(),
        }


def test_duckdb_takes_the_reader() -> None:
    with opened("naive.xml") as export:
        persons = export.reader()
        assert isinstance(persons, pa.RecordBatchReader)
        with duckdb.connect() as connection:
            connection.register("persons", persons)
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.sql("SELECT * FROM persons").to_arrow_table().to_pylist()
    assert found == expected("naive.xml")


def test_polars_takes_the_reader() -> None:
    with opened("16-02.xml") as export:
        frame = pl.from_arrow(export.reader())
    assert isinstance(frame, pl.DataFrame)
    assert frame.to_dicts() == expected("16-02.xml")


def test_pandas_gets_times_in_utc_and_categories_for_what_is_enumerated() -> None:
    with opened("valid.xml") as export:
        frame = export.to_pandas()
    assert str(frame.dtypes["epostadresse_sist_oppdatert"]) == "datetime64[us, UTC]"
    assert isinstance(frame.dtypes["status"], pd.CategoricalDtype)
    assert list(frame["status"].cat.categories) == ["AKTIV", "SLETTET", "IKKE_REGISTRERT"]
    rows = [
        {name: None if pd.isna(value) else value for name, value in zip(frame.columns, values, strict=True)}
        for values in frame.itertuples(index=False, name=None)
    ]
    assert rows == expected("valid.xml")


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_same_rows_in_the_same_order(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, 8000)
    with opened("faulty.xml", workers=workers) as export:
        table = export.reader().read_all()
        assert table.to_pylist() == expected("faulty.xml")
        assert export.rejects.num_rows == 52


def test_a_limit_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (500, 4000, 1 << 22):
        cut_into(monkeypatch, size)
        with opened("valid.xml", limit=7) as export:
            assert [row["radnummer"] for batch in export.batches() for row in batch.to_pylist()] == list(range(1, 8))


def test_records_can_be_read_once_and_a_second_time_is_refused() -> None:
    with opened("valid.xml") as export:
        assert len(export.to_pandas()) == 40
        with pytest.raises(UsageError, match="read once"):
            export.to_pandas()


def test_reading_may_end_early_and_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, 2000)
    with opened("valid.xml", workers=2) as export:
        batches = export.batches()
        assert next(batches).num_rows > 0
        batches.close()  # type: ignore[attr-defined]  # a generator, as its caller may know


def test_rows_before_an_error_are_given_then_the_error(
    export: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 500)
    data = export(*[tiny_xml.person()] * 10)[:-60]
    with krr_export.open_export(io.BytesIO(data), workers=0) as opened_export:
        ordinals: list[int] = []
        with pytest.raises(InputError, match="stream: the document is truncated"):
            ordinals.extend(n for batch in opened_export.batches() for n in batch["radnummer"].to_pylist())
    assert ordinals == list(range(1, 10))


def test_a_stream_of_the_callers_stays_open(export: Callable[..., bytes]) -> None:
    stream = io.BytesIO(export(tiny_xml.person()))
    with krr_export.open_export(stream) as opened_export:
        assert len(opened_export.to_pandas()) == 1
    assert not stream.closed


def test_progress_is_told_of_every_byte() -> None:
    told: list[int] = []
    with opened("valid.xml.gz", on_read=told.append) as export:
        list(export.batches())
    assert sum(told) == (SAMPLES / "valid.xml.gz").stat().st_size


def test_what_cannot_be_honoured_is_refused_at_once() -> None:
    for options in ({"reader": "sax"}, {"workers": -1}, {"workers": 257}, {"limit": 0}, {"schema": "13-01"}):
        with pytest.raises(UsageError):
            krr_export.open_export(SAMPLES / "valid.xml", **options)
