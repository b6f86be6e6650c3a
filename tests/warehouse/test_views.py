"""Views of a store show what its files hold, from any directory, and see each new night."""

from __future__ import annotations

import builtins
import errno
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, Literal

import command
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import krr_export
from krr_export import InputError, OutputError, UsageError
from krr_export.jobs.warehouse.views import views as make_views
from krr_export.schema.record_schema import ORDINAL_FIELD

ODD = "status=SLETTET/eksport=20200101T000000Z/st o're[x]*?"
"""A path with whatever means something in SQL, in patterns, and to readers that take columns from directories."""
DERIVED = ("identifikatortype", "varslingsstatus", "x509_sertifikat_utloeper")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two nights, and one with rejects."""
    home = tmp_path_factory.mktemp("exports")
    for arguments in (
        ("sample", "one.xml", "--records", "200", "--seed", "3"),
        ("sample", "two.xml", "--from", "one.xml", "--change", "20%"),
        (
            "sample",
            "bad.xml",
            "--records",
            "200",
            "--seed",
            "4",
            "--faults",
            "5%",
            "--exported",
            "2026-02-28T04:00:00Z",
        ),
    ):
        ran = command.call(*(home / word if word.endswith(".xml") else word for word in arguments))
        assert ran.code == 0, ran.err
    return home / "one.xml", home / "two.xml", home / "bad.xml"


def rows(source: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return source.sql(query).fetchall()


def run_script(script: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(script)
    return connection


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"partition_by": ("status", "reservasjon"), "rows_per_file": 50},
        {"format": "csv"},
        {"format": "csv", "compression": "gzip", "partition_by": ("status",), "derive": DERIVED},
        {"derive": DERIVED, "drop": ("x509_sertifikat", "epostadresse")},
    ],
    ids=["plain", "partitioned", "csv", "csv-derived", "derived"],
)
def test_the_views_hold_what_the_library_reads(
    exports: tuple[Path, ...], shape: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / ODD
    for export in exports:
        krr_export.convert(export, store, max_rejects="20%", guard=False, changes=True, **shape)
    views = tmp_path / "krr.duckdb"
    make_views(store, views)
    monkeypatch.chdir("/")  # the views work from any directory
    with duckdb.connect(views, read_only=True) as database:
        derive, drop = shape.get("derive", ()), shape.get("drop", ())
        with krr_export.open_export(exports[2], derive=derive) as opened:
            expected = opened.reader().read_all().drop_columns([*drop])
            rejects = opened.rejects
        found = database.sql("SELECT * FROM person ORDER BY radnummer").to_arrow_table()
        assert found.schema.names == expected.schema.names
        assert as_python(found) == as_python(expected)
        assert rows(database, "SELECT count(*) FROM rejects")[0][0] == rejects.num_rows > 0
        nights = rows(
            database, "SELECT strftime(eksport AT TIME ZONE 'UTC', '%x %X'), count(*) FROM person_all GROUP BY ALL"
        )
        reported = rows(database, "SELECT strftime(eksport AT TIME ZONE 'UTC', '%x %X'), written FROM report")
        assert sorted(nights) == sorted(reported)
        assert len(nights) == 3
        reports = [json.loads(path.read_text()) for path in sorted(store.glob("eksport=*/report.json"))]
        told = [(one["code"], one["records"]) for report in reports for one in report["findings"]]
        query = "SELECT code, records FROM report_findings ORDER BY eksport"
        assert sorted(rows(database, query)) == sorted(told)
        kinds = ("new", "changed", "deleted", "gone")
        changed = sum(report["changes"][kind] for report in reports if report["changes"] for kind in kinds)
        assert rows(database, "SELECT count(*) FROM changes") == [(changed,)]


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("place", ["person/part-00000", "changes/part-00000.parquet", "report.json"])
@pytest.mark.parametrize("made", ["krr.duckdb", "krr.sql"])
def test_a_pipe_in_place_of_a_file_of_any_night_is_refused_and_not_waited_for(
    exports: tuple[Path, ...], place: str, form: Literal["parquet", "csv"], made: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for export in exports[:2]:
        krr_export.convert(export, store, changes=True, format=form)
    night = sorted(store.glob("eksport=*"))["changes" in place]
    file = night / (place if "." in place else f"{place}.{form}")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputError, match=rf"^{night.name}/{file.relative_to(night)} is missing or damaged"):
        make_views(store, tmp_path / made)
    assert not (tmp_path / made).exists()


def test_a_store_whose_path_duckdb_would_read_otherwise_is_refused(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store = tmp_path / "a\\b"
    krr_export.convert(exports[0], store)
    with pytest.raises(UsageError, match="backslash"):
        make_views(store)


def test_what_may_not_be_read_is_named(
    exports: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    krr_export.convert(exports[0], store)
    person = store / "latest/person"

    def may_not(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(person))

    monkeypatch.setattr("krr_export.jobs.warehouse.views.open_table", may_not)
    with pytest.raises(InputError, match=rf"^{person} cannot be read: Permission denied"):
        make_views(store)


def test_a_table_without_a_file_has_no_view(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store = tmp_path / "store"
    krr_export.convert(exports[0], store)
    (store / "latest/changes").mkdir()
    assert "changes" in make_views(store, tmp_path / "krr.duckdb").missing


def as_python(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows; a zone by any name of UTC is the same."""
    plain = [
        pa.field(field.name, pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(field.type) else field.type)
        for field in table.schema
    ]
    return sorted(table.cast(pa.schema(plain)).to_pylist(), key=lambda row: int(row["radnummer"]))


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_each_column_is_described_as_the_xsd_describes_it(
    form: Literal["parquet", "csv"], exports: tuple[Path, ...], tmp_path: Path
) -> None:
    krr_export.convert(exports[0], tmp_path / "store", format=form)
    described = {field.name: field.documentation for field in (ORDINAL_FIELD, *krr_export.load_schema().fields)}
    connection = run_script(make_views(tmp_path / "store").script)
    for view, more in (("person", {}), ("person_all", {"eksport": "When the export was made"})):
        said = rows(connection, "SELECT table_name, column_name, comment FROM duckdb_columns()")
        assert {column: about for name, column, about in said if name == view} == {**more, **described}


def test_a_view_sees_the_next_night_without_being_made_again(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store = tmp_path / "store"
    krr_export.convert(exports[0], store)
    database = run_script(make_views(store).script)
    before = rows(database, "SELECT count(*) FROM person")
    krr_export.convert(exports[1], store)
    assert rows(database, "SELECT count(*) FROM person") != before
    assert rows(database, "SELECT count(DISTINCT eksport) FROM person_all") == [(2,)]


def test_a_night_that_is_not_asked_for_is_not_read(exports: tuple[Path, ...], tmp_path: Path) -> None:
    """Of a year of nights, one night's query opens that night's files, and the oldest for the columns' types."""
    store = tmp_path / "store"
    for export in exports:
        krr_export.convert(export, store, max_rejects="20%", guard=False)
    database = run_script(make_views(store).script)
    (damaged,) = store.glob("eksport=20260227T*")
    for path in (damaged / "person").iterdir():
        path.write_bytes(b"no Parquet")
    with pytest.raises(duckdb.Error):
        rows(database, "SELECT count(epostadresse) FROM person_all")
    query = "SELECT count(epostadresse) FROM person_all WHERE eksport >= TIMESTAMPTZ '2026-02-28 00:00:00+00'"
    assert rows(database, query) == rows(database, "SELECT count(epostadresse) FROM person")


def test_tables_that_no_snapshot_has_have_no_view_until_one_has(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store = tmp_path / "store"
    krr_export.convert(exports[0], store)
    made = make_views(store)
    assert "changes" in made.missing
    assert "changes" not in made.names
    krr_export.convert(exports[1], store, changes=True)
    assert "changes" in make_views(store).names


def test_without_latest_person_is_the_newest_by_name(exports: tuple[Path, ...], tmp_path: Path) -> None:
    """As on a file system without symbolic links."""
    store = tmp_path / "store"
    for export in exports[:2]:
        krr_export.convert(export, store)
    (store / "latest").unlink()
    database = run_script(make_views(store).script)
    newest = max(store.glob("eksport=*"))
    assert rows(database, "SELECT count(*) FROM person") == [(pq.read_table(newest / "person").num_rows,)]


def test_what_else_is_in_the_file_stays(exports: tuple[Path, ...], tmp_path: Path) -> None:
    krr_export.convert(exports[0], tmp_path / "store")
    with duckdb.connect(tmp_path / "x.duckdb") as database:
        database.execute("CREATE TABLE mine AS SELECT 42 AS answer; CREATE VIEW person AS SELECT 1 AS one")
    make_views(tmp_path / "store", tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as database:
        assert rows(database, "SELECT answer FROM mine") == [(42,)]
        assert rows(database, "SELECT count(*) FROM person") == [(200,)]


def test_a_table_of_the_same_name_is_not_touched(exports: tuple[Path, ...], tmp_path: Path) -> None:
    krr_export.convert(exports[0], tmp_path / "store")
    with duckdb.connect(tmp_path / "x.duckdb") as database:
        database.execute("CREATE TABLE rejects AS SELECT 42 AS answer")
    with pytest.raises(UsageError, match="has a table with the name of a view"):
        make_views(tmp_path / "store", tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as database:
        assert rows(database, "SELECT answer FROM rejects") == [(42,)]
        assert rows(database, "SELECT count(*) FROM duckdb_views() WHERE NOT internal") == [(0,)]  # all, or none


@pytest.mark.parametrize("is_empty", [False, True], ids=["another", "empty"])
def test_what_is_no_database_is_left_alone(exports: tuple[Path, ...], tmp_path: Path, *, is_empty: bool) -> None:
    krr_export.convert(exports[0], tmp_path / "store")
    other = tmp_path / "x.duckdb"
    other.touch()
    if not is_empty:
        with sqlite3.connect(other) as database:
            database.execute("CREATE TABLE mine (a)")
    before = other.read_bytes()
    for words in (
        ["views", tmp_path / "store", "-o", other],
        ["load", tmp_path / "store", f"duckdb:{other}"],
        ["verify", f"duckdb:{other}"],
    ):
        ran = command.call(*words)
        assert (ran.code, ran.last) == (2, f"{other} is no DuckDB file; give another path")
    assert other.read_bytes() == before


def test_a_damaged_file_of_the_store_leaves_no_database_behind(exports: tuple[Path, ...], tmp_path: Path) -> None:
    krr_export.convert(exports[0], tmp_path / "store", partition_by=("status",))
    for path in (tmp_path / "store" / "latest" / "rejects").iterdir():
        path.write_bytes(b"no Parquet")
    with pytest.raises(OutputError, match="cannot make the views"):
        make_views(tmp_path / "store", tmp_path / "x.duckdb")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_without_snapshots_has_no_views(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no store"):
        make_views(tmp_path / "store")
    (tmp_path / "store").mkdir()
    with pytest.raises(InputError, match="no snapshot"):
        make_views(tmp_path / "store")


def test_a_store_for_excel_has_none(exports: tuple[Path, ...], tmp_path: Path) -> None:
    krr_export.convert(exports[0], tmp_path / "store", format="csv-excel")
    with pytest.raises(UsageError, match="Excel"):
        make_views(tmp_path / "store")


def test_without_the_package_a_script_is_offered(
    exports: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the builtin's own
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *arguments, **options)

    krr_export.convert(exports[0], tmp_path / "store")
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="duckdb is missing"):
        make_views(tmp_path / "store", tmp_path / "x.duckdb")
    make_views(tmp_path / "store", tmp_path / "x.sql")
    assert (tmp_path / "x.sql").read_text().startswith("-- Views of ")


def test_the_command_prints_the_script_alone(exports: tuple[Path, ...], tmp_path: Path) -> None:
    krr_export.convert(exports[0], tmp_path / "store")
    ran = command.call("views", tmp_path / "store")
    assert ran.code == 0
    assert rows(run_script(ran.out), "SELECT count(*) FROM person") == [(200,)]
    told = json.loads(command.call("views", tmp_path / "store", "--json").out)
    assert told["views"][:2] == ["person", "person_all"]
    wrong = command.call("views", tmp_path / "store", "-o", tmp_path / "x.parquet")
    assert wrong.code == 2
    assert ".duckdb or .sql" in wrong.last


def test_the_files_of_a_store_that_moved_are_found_by_views_made_again(
    exports: tuple[Path, ...], tmp_path: Path
) -> None:
    krr_export.convert(exports[0], tmp_path / "store")
    make_views(tmp_path / "store", tmp_path / "x.duckdb")
    shutil.move(tmp_path / "store", tmp_path / "moved")
    make_views(tmp_path / "moved", tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as database:
        assert rows(database, "SELECT count(*) FROM person") == [(200,)]


def test_a_path_that_is_not_utf_8_is_refused(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store = tmp_path / os.fsdecode(b"st\xffore")
    krr_export.convert(exports[0], store)
    with pytest.raises(UsageError, match="not UTF-8"):
        make_views(store, tmp_path / "x.sql")


def test_a_name_that_no_file_can_have_is_said(exports: tuple[Path, ...], tmp_path: Path) -> None:
    store, long = tmp_path / "store", tmp_path / f"{'x' * 300}.duckdb"
    krr_export.convert(exports[0], store)
    for words in (["views", store, "-o", long], ["load", store, f"duckdb:{long}"], ["verify", f"duckdb:{long}"]):
        ran = command.call(*words)
        assert (ran.code, ran.last) == (4, f"cannot read {long}: File name too long")


@pytest.mark.parametrize("kilobytes", [4, 16, 20, 32, 200])
@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there"])
def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside(
    kilobytes: int, tmp_path: Path, *, is_there: bool
) -> None:
    """It may be full when the views are written, or only when what was written beside is to go into the file."""
    krr_export.convert(Path(__file__).parents[2] / "samples/valid.xml", tmp_path / "store", workers=0)
    (disk := tmp_path / "disk").mkdir()
    room = kilobytes + (16 if is_there else 0)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", str(disk))
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        if is_there:
            duckdb.connect(disk / "krr.duckdb").close()
        before = {path.name for path in disk.iterdir()}
        ran = command.call("views", tmp_path / "store", "-o", disk / "krr.duckdb")
        assert (ran.code, {path.name for path in disk.iterdir()}) == (4, before), ran.err
        if is_there:
            with duckdb.connect(disk / "krr.duckdb", read_only=True) as opened:
                assert opened.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []
    finally:
        subprocess.run(["umount", disk], check=True)
