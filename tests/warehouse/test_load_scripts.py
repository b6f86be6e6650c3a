"""Scripts for warehouses: each statement is one that others parse, and what can be run here gives the rows pushed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import command
import discretion
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from exports.nights import planted_store
from load_targets import rows
from sqlglot import expressions

import krr_export
from krr_export import UsageError
from krr_export.cli.commands.load import WAREHOUSES
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.objects.committed import read_commit
from krr_export.warehouse.scripts.dialects import SCRIPTS, make_script
from krr_export.warehouse.scripts.persons import PushedPersons, read_persons

pytestmark = pytest.mark.slow
NIGHTS = ("eksport=20260226T112225Z", "eksport=20260227T112225Z")
SQLGLOT = {**{name: name for name in SCRIPTS}, "synapse": "tsql"}
"""The names that sqlglot gives the dialects."""
PLACES = {
    "bigquery": "gs://bucket/krr",
    "databricks": "abfss://krr@account.dfs.core.windows.net/krr",
    "fabric": "abfss://krr@account.dfs.core.windows.net/krr",
    "snowflake": "s3://bucket/krr",
    "synapse": "abfss://krr@account.dfs.core.windows.net/krr",
}
KINDS = {
    "snowflake": "Use Create Create Create Copy Select Transaction Delete Insert Commit Drop",
    "bigquery": "Create Create LoadData Select Merge",
    "databricks": "Create Create Create Select Merge Drop",
    "fabric": "Set IfBlock IfBlock Drop Create Copy Select Transaction Delete Insert Commit Drop",
    "synapse": "Set IfBlock IfBlock Drop Create Copy Select Transaction Delete Insert Commit Drop",
}
"""What sqlglot finds in each script; it knows every statement, and makes a Command of none."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two nights."""
    return planted_store(tmp_path_factory.mktemp("made"), NIGHTS, records=250)


@pytest.fixture
def pushed(store: Path, bucket: str) -> str:
    krr_export.push(store, bucket)
    return bucket


def persons_of(pushed: str, night: str, place: str) -> PushedPersons:
    """What a script of a pushed night loads, as if it had been pushed to another place."""
    persons = read_persons(open_objects(parse_address(pushed)), read_commit(open_objects(parse_address(pushed)), night))
    return replace(persons, place=place, files={key: f"{place}/{key}" for key in persons.files})


def script_of(pushed: str, warehouse: str, night: str = NIGHTS[-1], rows: int = 0) -> str:
    persons = persons_of(pushed, night, PLACES[warehouse])
    return make_script(warehouse, replace(persons, rows=persons.rows + rows), "krr", None)


def parse(script: str, warehouse: str) -> list[expressions.Expr]:
    """Parse statement after statement: of T-SQL, sqlglot takes all that follows an IF for a part of it."""
    return [sqlglot.parse_one(one, dialect=SQLGLOT[warehouse]) for one in script.removesuffix(";\n").split(";\n\n")]


def test_the_command_knows_the_scripts_that_there_are() -> None:
    assert sorted(SCRIPTS) == sorted(WAREHOUSES) == sorted(PLACES)


@pytest.mark.parametrize("warehouse", SCRIPTS)
def test_an_independent_parser_knows_each_statement(store: Path, pushed: str, warehouse: str) -> None:
    script = script_of(pushed, warehouse)
    statements = parse(script, warehouse)
    assert [type(one).__name__ for one in statements] == KINDS[warehouse].split()
    assert not any([*one.find_all(expressions.Command)] for one in statements)
    create = next(one for one in statements if one.find(expressions.ColumnDef))
    names = pq.read_schema(next(store.glob(f"{NIGHTS[-1]}/person/*.parquet"))).names
    columns = [*create.find_all(expressions.ColumnDef)]
    assert [column.name for column in columns] == ["eksport", *names]
    required = [column.name for column in columns if column.find(expressions.NotNullColumnConstraint)]
    assert required == ["eksport", "radnummer", "personidentifikator"]
    assert script.count("When the value was last changed") == 2
    files = re.findall(r"data/eksport=20260227T112225Z/[0-9a-f]{12}/person/part-0000[0-2]\.parquet", script)
    assert (len(files), len({*files})) == (3, 3)


def test_each_warehouse_is_given_its_own_addresses_of_the_files(pushed: str) -> None:
    assert "'gs://bucket/krr/data/" in script_of(pushed, "bigquery")
    assert "FROM parquet.`abfss://krr@account.dfs.core.windows.net/krr/data/" in script_of(pushed, "databricks")
    for warehouse in ("fabric", "synapse"):
        assert "'https://account.dfs.core.windows.net/krr/krr/data/" in script_of(pushed, warehouse)
    assert "FROM @krr\nFILES = (\n  'data/" in script_of(pushed, "snowflake")


@pytest.mark.parametrize("warehouse", SCRIPTS)
def test_no_script_tells_of_a_person(pushed: str, warehouse: str) -> None:
    assert discretion.leaks(script_of(pushed, warehouse)) == []


def run_in_duckdb(database: duckdb.DuckDBPyConnection, script: str, warehouse: str, files: list[Path]) -> None:
    """Run a script's statements as DuckDB has them; in place of the one that reads files, DuckDB reads them itself."""
    listed = ", ".join(f"'{file}'" for file in files)
    read = f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
    for statement in parse(script, warehouse):
        if isinstance(statement, expressions.Copy):
            database.execute(f"INSERT INTO krr.person_load BY NAME {read}")
        elif isinstance(statement, expressions.LoadData):
            database.execute(f"CREATE OR REPLACE TEMP TABLE person_load AS {read}")
        elif "parquet.`" in statement.sql(SQLGLOT[warehouse]):
            database.execute(f"CREATE OR REPLACE TEMP VIEW person_load AS {read}")
        elif not isinstance(statement, expressions.Set):
            database.execute(_as_duckdb(statement, warehouse))


def _as_duckdb(statement: expressions.Expr, warehouse: str) -> str:
    if isinstance(statement, expressions.IfBlock):  # a table or view that is made where there is none
        view = statement.find(expressions.National)
        made = statement.find(expressions.Create) if view is None else parse(view.this, warehouse)[0]
        assert made is not None
        made.set("exists", value=True)
        statement = made
    elsewhere = (expressions.PartitionedByProperty, expressions.FileFormatProperty, expressions.DataTypeParam)
    for clause in [*statement.find_all(*elsewhere)]:
        clause.pop()
    return statement.sql("duckdb")


@pytest.mark.parametrize("warehouse", sorted({*SCRIPTS} - {"snowflake"}))
def test_the_statements_give_the_pushed_rows_however_often_they_run(store: Path, pushed: str, warehouse: str) -> None:
    with duckdb.connect() as database:
        database.execute("CREATE SCHEMA krr; SET TimeZone = 'UTC'")
        database.execute("CREATE MACRO assert_true(c, m) AS CASE WHEN c THEN NULL ELSE error(m) END")
        for night in (*NIGHTS, *NIGHTS):
            files = sorted(store.glob(f"{night}/person/*.parquet"))
            run_in_duckdb(database, script_of(pushed, warehouse, night), warehouse, files)
            with pytest.raises(duckdb.Error, match="do not have the 251 persons"):
                run_in_duckdb(database, script_of(pushed, warehouse, night, rows=1), warehouse, files)
        counts = database.execute("SELECT count(*), count(DISTINCT eksport) FROM krr.person_all").fetchall()
        assert counts == [(500, 2)]
        newest = database.sql("SELECT * FROM krr.person").to_arrow_table()
        expected = pq.read_table(store / NIGHTS[-1] / "person", partitioning=None)
        if warehouse in {"fabric", "synapse"}:
            expected = expected.cast(pa.schema([without_zone(field) for field in expected.schema]))
        assert newest.column_names == expected.column_names
        assert rows(newest) == rows(expected)


def without_zone(field: pa.Field) -> pa.Field:
    return field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field


SNOWFLAKE = r"""
import json, sys
from datetime import datetime, timezone
import fakesnow, snowflake.connector
place, *scripts = sys.argv[1:]
def said(cell):
    if isinstance(cell, datetime):
        return cell.astimezone(timezone.utc).isoformat()
    return bytes(cell).hex() if isinstance(cell, (bytes, bytearray)) else None if cell is None else str(cell)
failures = []
with fakesnow.patch():
    cursor = snowflake.connector.connect(database="D", schema="KRR").cursor()
    cursor.execute(f"CREATE STAGE krr URL = 'file://{place}/'")
    for script in scripts:
        try:
            for statement in open(script).read().split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        except Exception as error:  # DuckDB's own, of a file that is missing
            failures.append(str(error))
    counts = cursor.execute("SELECT COUNT(*), COUNT(DISTINCT eksport) FROM person_all").fetchall()
    cursor.execute("SELECT * FROM person ORDER BY radnummer")
    names = [column.name.lower() for column in cursor.description]
    print(json.dumps({"counts": counts[0], "failures": failures, "names": names,
                      "rows": [[said(cell) for cell in row] for row in cursor.fetchall()]}))
"""


@pytest.fixture(scope="module")
def fakesnow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with fakesnow: it takes an older connector, DuckDB and sqlglot than are used elsewhere."""
    home = tmp_path_factory.mktemp("fakesnow")
    uv = Path(sys.executable).with_name("uv")
    packages = ("fakesnow==0.12.1", "snowflake-connector-python<5", "tzdata")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", home / "venv", *packages], check=True)
    return home / "venv/bin/python"


def run_in_snowflake(fakesnow: Path, place: Path, home: Path, *scripts: str) -> dict[str, Any]:
    """Run scripts one after the other, and return what the tables have then."""
    files = []
    for number, script in enumerate(scripts):
        # Its COPY does not find a temporary table, nor a comment's column.
        (home / f"{number}.sql").write_text(script.replace("TEMPORARY TABLE", "TABLE"), encoding="utf-8")
        files.append(home / f"{number}.sql")
    words: list[str | Path] = [fakesnow, "-W", "ignore", "-c", SNOWFLAKE, place, *files]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def copied(pushed: str, home: Path) -> Path:
    """The place as a directory, which stands for the stage."""
    store = open_objects(parse_address(pushed))
    for night in NIGHTS:
        for key in read_commit(store, night).parts("person"):
            found = store.read(key)
            assert found is not None
            (home / key).parent.mkdir(parents=True, exist_ok=True)
            (home / key).write_bytes(found.body)
    return home


def test_snowflake_gets_the_pushed_rows_and_what_fails_changes_nothing(
    store: Path, pushed: str, fakesnow: Path, tmp_path: Path
) -> None:
    place = copied(pushed, tmp_path / "place")
    scripts = [script_of(pushed, "snowflake", night) for night in (*NIGHTS, *NIGHTS)]
    wrong = [script_of(pushed, "snowflake", rows=1), script_of(pushed, "snowflake").replace("part-00001", "part-9")]
    ran = run_in_snowflake(fakesnow, place, tmp_path, *scripts, *wrong)
    assert ran["counts"] == [500, 2]
    assert "do not have the 251 persons" in ran["failures"][0]
    assert "part-9" in ran["failures"][1]
    assert len(ran["failures"]) == 2
    expected = pq.read_table(store / NIGHTS[-1] / "person", partitioning=None)
    assert ran["names"] == expected.column_names
    assert ran["rows"] == [[said(cell) for cell in row.values()] for row in expected.sort_by("radnummer").to_pylist()]


def said(cell: object) -> str | None:
    """A value as the program above writes it."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    return cell.hex() if isinstance(cell, bytes) else None if cell is None else str(cell)


def test_the_command_writes_the_script_of_the_newest_snapshot_or_of_one(pushed: str, tmp_path: Path) -> None:
    shown = command.call("load", pushed, "--script", "databricks", "--db-schema", "main.krr")
    assert (shown.code, shown.last) == (0, f"script for databricks: {NIGHTS[-1]}, 250 records")
    assert f"FROM parquet.`{pushed}/data/{NIGHTS[-1]}/" in shown.out
    assert "CREATE TABLE IF NOT EXISTS main.krr.person_all" in shown.out
    file = tmp_path / "load.sql"
    words = ("load", f"{pushed}/{NIGHTS[0]}", "--script", "snowflake", "--stage", "other.stage", "-o", file, "--json")
    written = command.call(*words)
    assert (written.code, written.result["snapshot"], written.result["persons"]) == (0, NIGHTS[0], 250)
    text = file.read_text()
    assert f"-- The stage other.stage is over {pushed}/." in text
    assert "COPY INTO person_load FROM @other.stage\n" in text
    assert command.call(*words).code == 0
    assert file.read_text() == text
    assert krr_export.load_script(f"{pushed}/{NIGHTS[0]}", "snowflake", stage="other.stage").script == text


def test_more_files_than_one_copy_takes_are_in_several(pushed: str) -> None:
    persons = persons_of(pushed, NIGHTS[0], PLACES["snowflake"])
    many = replace(persons, files={f"data/{number}": "" for number in range(2001)})
    copies = [one for one in make_script("snowflake", many, "krr", None).split(";\n\n") if one.startswith("COPY")]
    assert [one.count("'data/") for one in copies] == [1000, 1000, 1]


REFUSED = (
    ("STORE --script snowflake", 2, "krr-export push STORE URI"),
    ("PLACE duckdb:krr.duckdb --script snowflake", 2, "target is of a load"),
    ("PLACE --script snowflake --all", 2, "--all is of a load"),
    ("PLACE duckdb:krr.duckdb --stage krr", 2, "--stage is of a script"),
    ("PLACE duckdb:krr.duckdb -o x.sql", 2, "--output is of a script"),
    ("PLACE", 2, "missing argument 'TARGET'"),
    ("PLACE --script oracle", 2, "'oracle' is not one of"),
    ("PLACE --script bigquery", 2, "BigQuery does not load from s3://; push the store to gs://"),
    ("PLACE --script synapse", 2, "Synapse does not load from s3://; push the store to abfss://"),
    ("PLACE --script databricks --stage krr", 2, "--stage is of Snowflake"),
    ("PLACE --script snowflake --stage a;b", 2, "--stage is no name"),
    ("PLACE --script snowflake --db-schema a'b", 2, "--db-schema is no name"),
    ("PLACE/eksport=20250101T000000Z --script snowflake", 3, "there is no pushed snapshot"),
)
"""What is typed after `load`, the exit code, and words of the message."""


def test_what_cannot_be_a_script_is_refused_in_a_line(
    store: Path, pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, code, said in REFUSED:
        given = [word.replace("STORE", str(store)).replace("PLACE", pushed) for word in words.split()]
        ran = command.call("load", *given)
        assert (ran.code, said in ran.err) == (code, True), (words, ran.err)
    assert [*tmp_path.iterdir()] == []


def test_an_account_that_the_uri_does_not_name_is_asked_for(pushed: str) -> None:
    persons = persons_of(pushed, NIGHTS[0], "abfss://krr/krr")
    with pytest.raises(UsageError, match="does not name the account"):
        make_script("fabric", persons, "krr", None)


def test_a_night_without_persons_is_refused_for_readers_would_not_see_it(pushed: str) -> None:
    with pytest.raises(UsageError, match="has no persons"):
        script_of(pushed, "databricks", rows=-250)


def test_a_snapshot_of_csv_is_refused(tmp_path: Path, bucket: str) -> None:
    assert command.call("sample", tmp_path / "a.xml", "--records", "5").code == 0
    krr_export.convert(tmp_path / "a.xml", tmp_path / "store", format="csv")
    krr_export.push(tmp_path / "store", bucket)
    ran = command.call("load", bucket, "--script", "snowflake")
    assert (ran.code, "scripts load Parquet" in ran.last) == (2, True)


def test_columns_that_are_derived_or_partitioned_by_are_loaded_too(tmp_path: Path, bucket: str) -> None:
    assert command.call("sample", tmp_path / "a.xml", "--records", "50").code == 0
    words = ("convert", tmp_path / "a.xml", tmp_path / "store", "--derive", "all", "--partition-by", "status")
    assert command.call(*words).code == 0
    krr_export.push(tmp_path / "store", bucket)
    snapshot = (tmp_path / "store/latest").resolve()
    names = pq.read_schema(next(snapshot.glob("person/**/*.parquet"))).names
    for warehouse in SCRIPTS:
        statements = parse(script_of(bucket, warehouse, snapshot.name), warehouse)
        create = next(one for one in statements if one.find(expressions.ColumnDef))
        assert [column.name for column in create.find_all(expressions.ColumnDef)] == ["eksport", *names]
        assert "varslingsstatus" in names
        assert "status" in names
