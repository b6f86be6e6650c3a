"""A database's client gets the rows of a table as one stream, and who reads learns what ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pytest

from krr_export.errors import InputError, OutputError
from krr_export.warehouse.duckdb_session import DuckDBSession
from krr_export.warehouse.loadable import Loadable, TableReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from krr_export.output.snapshot_table import SnapshotTable

PLAIN = pa.record_batch({"status": pa.array(["AKTIV", None, "SLETTET"])})
CODED = pa.record_batch({"status": pa.array(["SLETTET", "AKTIV", None]).dictionary_encode()})
WIDER = pa.record_batch({"status": CODED["status"].cast(pa.dictionary(pa.int64(), pa.string()))})


class Table:
    """The table of a snapshot, of batches that a test gives; it ends with an error if that is to be.

    Args:
        batches: the rows.
        error: the end of the reading.
    """

    table = "person"

    def __init__(self, *batches: pa.RecordBatch, error: BaseException | None = None) -> None:
        self._batches, self._error = batches, error
        self.schema = PLAIN.schema
        self.rows = sum(batch.num_rows for batch in batches)

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._batches
        if self._error is not None:
            raise self._error

    def reader(self) -> TableReader:
        table = cast("SnapshotTable", self)
        return Loadable("eksport=20260226T112225Z", "0" * 64, (table,)).read(table)


@pytest.mark.parametrize(
    "batches", [(PLAIN, CODED, WIDER), (CODED, PLAIN, WIDER), (WIDER, CODED, PLAIN)], ids=["plain", "coded", "wider"]
)
def test_files_that_hold_the_same_texts_otherwise_are_one_stream(batches: tuple[pa.RecordBatch, ...]) -> None:
    reader = Table(*batches).reader()
    read = reader.stream().read_all()
    assert read.schema == batches[0].schema
    assert read["status"].to_pylist() == [value for batch in batches for value in batch["status"].to_pylist()]
    plain = Table(*(pa.record_batch({"status": batch["status"].cast(pa.string())}) for batch in batches)).reader()
    plain.stream().read_all()
    assert (reader.load(), reader.load().rows) == (plain.load(), 9)


def test_a_table_without_rows_is_a_stream_without_rows() -> None:
    reader = Table().reader()
    assert reader.stream().read_all() == PLAIN.schema.empty_table()
    assert reader.load().rows == 0


def test_who_asks_for_no_more_is_no_failure() -> None:
    reader = Table(PLAIN, PLAIN).reader()
    stream = reader.stream()
    assert stream.read_next_batch() == PLAIN
    stream.close()
    del stream
    assert reader.failure is None


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DuckDBSession]:
    with DuckDBSession(tmp_path / "krr.duckdb") as session:
        session.begin_change()
        session.run("CREATE TABLE person (status VARCHAR)")
        yield session


@pytest.mark.parametrize("error", [InputError("a file is damaged"), KeyboardInterrupt()], ids=["damage", "signal"])
def test_what_ends_the_reading_half_way_is_what_is_said(session: DuckDBSession, error: BaseException) -> None:
    reader = Table(PLAIN, error=error).reader()
    with pytest.raises(type(error)) as caught:
        session.insert(reader, "INSERT INTO person FROM arriving")
    assert caught.value is reader.failure is error
    assert session.rows("SELECT count(*) FROM person") == [(0,)]


def test_what_the_database_refuses_is_said_in_the_programs_words(session: DuckDBSession) -> None:
    reader = Table(PLAIN).reader()
    with pytest.raises(OutputError, match=r"DuckDB cannot read or write .*krr\.duckdb; is it open") as caught:
        session.insert(reader, "INSERT INTO person SELECT error(status) FROM arriving")
    assert (reader.failure, "AKTIV" in str(caught.value)) == (None, False)
