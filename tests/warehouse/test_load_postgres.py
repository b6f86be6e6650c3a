"""PostgreSQL: readers are not held up, what breaks off leaves nothing, and the server's words are not passed on."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import adbc_driver_postgresql.dbapi as adbc
import command
import pytest
from servers.postgres_server import serving

import krr_export
from krr_export import NetworkError, OutputError, UsageError
from krr_export.errors import BusyError, NoSpaceError
from krr_export.jobs.warehouse.into_database import _drop_old
from krr_export.jobs.warehouse.selection import Selection
from krr_export.warehouse.ledger import Load
from krr_export.warehouse.loadable import TableReader
from krr_export.warehouse.postgres import database as postgres_database
from krr_export.warehouse.postgres.address import parse_address
from krr_export.warehouse.postgres.errors import explain
from krr_export.warehouse.postgres.session import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from servers.postgres_server import Server

    from krr_export.warehouse.database import Database

pytestmark = pytest.mark.slow

ONE, TWO = "eksport=20260226T112225Z", "eksport=20260227T112225Z"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two nights."""
    home = tmp_path_factory.mktemp("made")
    one, two = home / "one.xml", home / "two.xml"
    for words in (
        ("sample", one, "--records", "3000", "--seed", "3"),
        ("sample", two, "--from", one, "--change", "2%"),
    ):
        assert command.call(*words).code == 0
    for night in (one, two):
        krr_export.convert(night, home / "store", changes=True)
    return home / "store"


@pytest.fixture
def name(tmp_path: Path, postgres: Server) -> str:
    """The name of an empty database."""
    postgres.database(tmp_path.name)
    return tmp_path.name


@pytest.fixture
def uri(postgres: Server, name: str) -> str:
    """Its address."""
    return postgres.uri(name)


@contextlib.contextmanager
def session(uri: str, *statements: str) -> Iterator[Any]:
    """A session of another program, in a transaction that has run these statements."""
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            with contextlib.suppress(adbc.ProgrammingError):
                cursor.fetchall()
        yield cursor


def only_old(postgres: Server, name: str) -> bool:
    """Whether the database holds the first night, and nothing else of the package's."""
    tables = postgres.ask(
        name, "SELECT relname FROM pg_class WHERE relnamespace = 'krr'::regnamespace AND relkind IN ('r', 'p', 'v')"
    )
    extra = [table for (table,) in tables if re.search(r"_2026022[78]t", table)]
    loads = postgres.ask(name, "SELECT DISTINCT snapshot FROM krr.loads")
    return not extra and loads == [[ONE]] and postgres.ask(name, "SELECT count(*) FROM krr.person") == [["3000"]]


def test_readers_see_the_old_night_until_they_end_and_hold_up_nobody(store: Path, uri: str) -> None:
    krr_export.load(store / ONE, uri)
    question = "SELECT count(*), (SELECT count(*) FROM krr.loads) FROM krr.person"
    with session(uri, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", question) as reader:
        assert krr_export.load(store / TWO, uri).loaded == (TWO,)
        reader.execute(question)
        assert reader.fetchall() == [(3000, 4)]
    with session(uri, "SELECT 1") as later:
        later.execute(question)
        assert later.fetchall() == [(3006, 8)]


def test_the_newest_is_found_without_reading_the_others(postgres: Server, store: Path, name: str, uri: str) -> None:
    krr_export.load(store, uri, all_snapshots=True)
    plan = "\n".join(row[0] for row in postgres.ask(name, "EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM krr.person"))
    read = re.findall(r"Scan on person_all_(\w+?)_.*actual", plan)
    assert read == ["20260227t112225z"], plan
    assert "never executed" in plan


def test_views_rights_and_comments_of_others_stay(postgres: Server, store: Path, name: str, uri: str) -> None:
    postgres.ask("postgres", "DROP ROLE IF EXISTS analyst")
    postgres.ask("postgres", "CREATE ROLE analyst LOGIN")
    krr_export.load(store / ONE, uri)
    for statement in (
        "GRANT USAGE ON SCHEMA krr TO analyst; GRANT SELECT ON krr.person TO analyst",
        "CREATE VIEW public.reserved AS SELECT personidentifikator FROM krr.person WHERE reservasjon = 'JA'",
        "CREATE INDEX ON krr.person_all (personidentifikator)",
        "COMMENT ON VIEW krr.person IS 'our own words'",
    ):
        postgres.ask(name, statement)
    krr_export.load(store / TWO, uri)
    krr_export.load(store / TWO, uri, replace=True)
    assert postgres.ask(name, "SELECT count(*) FROM krr.person", user="analyst") == [["3006"]]
    assert postgres.ask(name, "SELECT count(*) > 0 FROM public.reserved") == [["t"]]
    assert postgres.ask(name, "SELECT obj_description('krr.person'::regclass)") == [["our own words"]]
    indexed = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'krr' AND tablename LIKE 'person_all_2026%'"
    assert postgres.ask(name, indexed) == [["2"]]
    refused = subprocess.run(
        ["psql", "-X", "-c", "SELECT * FROM krr.rejects", postgres.uri(name, "analyst")],
        capture_output=True,
        check=False,
    )
    assert b"permission denied" in refused.stderr


def test_columns_are_described_for_who_looks_in_the_catalog(postgres: Server, store: Path, name: str, uri: str) -> None:
    krr_export.load(store / ONE, uri)
    for table in ("person", "person_all"):
        described = postgres.ask(name, f"SELECT col_description('krr.{table}'::regclass, 3)")
        assert described[0][0].strip()
    about = postgres.ask(name, "SELECT obj_description('krr.loads'::regclass)")
    assert about == [["What krr-export loaded: a row for each table of each snapshot"]]


def test_a_lock_held_elsewhere_ends_in_a_word_and_nothing_changed(
    postgres: Server, store: Path, name: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    krr_export.load(store / ONE, uri)
    monkeypatch.setattr(postgres_database, "_TRIES", 1)
    with (
        session(uri, "LOCK TABLE krr.person_all IN SHARE MODE"),
        pytest.raises(BusyError, match="other sessions hold locks on the tables"),
    ):
        krr_export.load(store / TWO, uri)
    assert only_old(postgres, name)
    assert krr_export.load(store / TWO, uri).loaded == (TWO,)


def test_a_lock_that_is_let_go_is_waited_for(postgres: Server, store: Path, uri: str) -> None:
    krr_export.load(store / ONE, uri)
    result: list[tuple[str, ...]] = []
    with session(uri, "LOCK TABLE krr.person_all IN SHARE MODE"):
        loading = threading.Thread(target=lambda: result.append(krr_export.load(store / TWO, uri).loaded))
        loading.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE ONLY%IN SHARE UPDATE%'"
        command.wait_until(lambda: postgres.ask("postgres", waiting) == [["2"]])  # itself is one
    loading.join()
    assert result == [(TWO,)]


def test_a_night_that_the_server_vacuums_is_replaced_after_that(
    postgres: Server, store: Path, name: str, uri: str
) -> None:
    krr_export.load(store / ONE, uri)
    [(partition,)] = postgres.ask(
        name, "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'krr.person_all'::regclass"
    )
    result: list[tuple[str, ...]] = []
    with session(uri, f"LOCK TABLE {partition} IN SHARE UPDATE EXCLUSIVE MODE"):
        loading = threading.Thread(target=lambda: result.append(krr_export.load(store / ONE, uri, replace=True).loaded))
        loading.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE ONLY%IN ACCESS EXCL%'"
        command.wait_until(lambda: postgres.ask("postgres", waiting) == [["2"]])  # itself is one
    loading.join()
    assert result == [(ONE,)]


def test_older_nights_are_removed_from_the_oldest_on_and_none_after_one_that_is_read() -> None:
    class Held:
        dropped: ClassVar[list[str]] = []

        def loads(self) -> list[Load]:
            return [Load(f"eksport=2026022{day}T000000Z", "person", 1, "", "") for day in range(1, 7)]

        def drop(self, name: str) -> bool:
            self.dropped.append(name)
            return name != "eksport=20260222T000000Z"

    dropped, waiting = _drop_old(cast("Database", Held()), Selection(keep=2))
    assert dropped == ["eksport=20260221T000000Z"]
    assert waiting == ["eksport=20260222T000000Z", "eksport=20260223T000000Z", "eksport=20260224T000000Z"]
    assert Held.dropped == ["eksport=20260221T000000Z", "eksport=20260222T000000Z"]


def test_an_old_night_that_is_read_goes_the_next_time(store: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_database, "_TRIES_TO_DROP", 1)
    krr_export.load(store, uri, all_snapshots=True)
    with session(uri, "SELECT count(*) FROM krr.person_all"):
        waits = krr_export.load(store, uri, keep=1)
        assert (waits.dropped, waits.waiting) == ((), (ONE,))
        assert "still read" in waits.message
    assert krr_export.load(store, uri, keep=1).dropped == (ONE,)


def test_failed_at_any_statement_the_database_is_as_before(
    postgres: Server, store: Path, name: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    krr_export.load(store / ONE, uri)
    run, copy = PostgresSession.run, PostgresSession.copy
    calls, last = 0, 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            raise OutputError("failed on purpose")

    def run_and_count(self: PostgresSession, statement: str) -> None:
        run(self, statement)
        count()

    def copy_and_count(self: PostgresSession, reader: TableReader, namespace: str, table: str) -> None:
        copy(self, reader, namespace, table)
        count()

    monkeypatch.setattr(PostgresSession, "run", run_and_count)
    monkeypatch.setattr(PostgresSession, "copy", copy_and_count)
    is_loaded = False
    while not is_loaded:
        last, calls = last + 1, 0
        with pytest.raises(OutputError, match="failed on purpose"):
            krr_export.load(store / TWO, uri)
        is_loaded = postgres.ask(name, "SELECT count(*) FROM krr.loads") != [["4"]]  # COMMIT is the last
        assert is_loaded or only_old(postgres, name)
    assert krr_export.verify_load(uri, against=store).proven
    assert last > 20


def test_killed_while_it_copies_it_leaves_nothing(postgres: Server, store: Path, name: str, uri: str) -> None:
    krr_export.load(store / ONE, uri)
    program = (
        "import os, signal, sys, krr_export\n"
        "from krr_export.warehouse.loadable import TableReader\n"
        "read = TableReader.load\n"
        "def stop(self):\n"
        "    print('copied', flush=True)\n"
        "    signal.pause()\n"
        "TableReader.load = stop\n"
        f"krr_export.load({str(store / TWO)!r}, {uri!r})\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as loading:
        assert loading.stdout is not None
        assert loading.stdout.readline() == b"copied\n"
        loading.send_signal(signal.SIGKILL)
        loading.wait()
    # The server may take a moment to see that its client is gone.
    command.wait_until(
        lambda: postgres.ask(name, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [["0"]]
    )
    assert only_old(postgres, name)
    assert krr_export.load(store / TWO, uri).loaded == (TWO,)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_stopped_while_the_server_works_it_says_so_at_once(
    postgres: Server, store: Path, name: str, uri: str, number: signal.Signals
) -> None:
    krr_export.load(store / ONE, uri)
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
    with (
        session(uri, "LOCK TABLE krr.loads IN ACCESS EXCLUSIVE MODE"),
        command.heeding(number),
        command.started("load", store / TWO, uri) as loading,
    ):
        command.wait_until(lambda: postgres.ask("postgres", waiting) == [["1"]])
        loading.send_signal(number)
        said = loading.communicate()[1].decode().splitlines()
        assert loading.returncode == 128 + number, said
        assert said[-1].endswith(": 0 loaded; load again for the rest")
    assert only_old(postgres, name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_stopped_while_it_copies_it_is_no_failure_of_the_server(
    store: Path, uri: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: TableReader, first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        os.kill(os.getpid(), number)
        yield first
        yield from others

    monkeypatch.setattr(TableReader, "_alike", stopped)
    with command.heeding(number):
        assert command.call("load", store, uri).code == 128 + number
    monkeypatch.undo()
    assert krr_export.load(store, uri).loaded == (TWO,)


def test_a_server_that_ends_the_session_is_the_network(
    postgres: Server, store: Path, name: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    krr_export.load(store / ONE, uri)
    copy = PostgresSession.copy

    def cut(self: PostgresSession, reader: TableReader, namespace: str, table: str) -> None:
        copy(self, reader, namespace, table)
        postgres.ask(
            "postgres",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )

    monkeypatch.setattr(PostgresSession, "copy", cut)
    with pytest.raises(NetworkError, match=rf"postgresql:///{name}: no connection, or it was lost"):
        krr_export.load(store / TWO, uri)
    monkeypatch.undo()
    assert only_old(postgres, name)


def test_two_at_once_one_of_them_learns_it(store: Path, uri: str) -> None:
    lock = "SELECT pg_advisory_lock(hashtext('krr-export load into krr'))"
    with session(uri, lock), pytest.raises(BusyError, match="another load into krr is at work"):
        krr_export.load(store, uri)
    assert krr_export.load(store, uri).loaded == (TWO,)
    with session(uri, lock):
        assert krr_export.load(store, uri, db_schema="another").loaded == (TWO,)


def test_a_role_without_rights_is_told_so(postgres: Server, store: Path, name: str, uri: str) -> None:
    postgres.ask("postgres", "DROP ROLE IF EXISTS guest")
    postgres.ask("postgres", "CREATE ROLE guest LOGIN")
    with pytest.raises(OutputError, match="the role may not do that; let it create schemas"):
        krr_export.load(store, postgres.uri(name, "guest"))
    postgres.ask(name, "CREATE SCHEMA mine AUTHORIZATION guest")
    assert krr_export.load(store, postgres.uri(name, "guest"), db_schema="mine").loaded == (TWO,)
    assert krr_export.load(store, uri).loaded == (TWO,)


def test_a_full_disk_of_the_server_is_told_as_that(store: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a small file system is mounted for the server, as root only can")
    home = Path(tempfile.mkdtemp(prefix="krr-pg-", dir="/tmp"))
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "none", home], check=False).returncode:
            pytest.skip("this machine lets nobody mount a small file system")
        with serving(home, "-c wal_level=minimal -c max_wal_senders=0") as small:
            uri = small.uri("postgres")
            krr_export.load(store / ONE, uri)
            (home / "filler").write_bytes(bytes(max(0, shutil.disk_usage(home).free - (1 << 20))))
            with pytest.raises(NoSpaceError, match="the server's disk is full"):
                krr_export.load(store / TWO, uri)
            (home / "filler").unlink()
            assert only_old(small, "postgres")
    finally:
        subprocess.run(["umount", home], check=False)
        shutil.rmtree(home, ignore_errors=True)


def test_no_value_is_in_the_catalog_or_in_what_is_said(postgres: Server, store: Path, name: str, uri: str) -> None:
    krr_export.load(store / ONE, uri)
    postgres.ask(name, "CREATE INDEX ON krr.person_all (lower(epostadresse))")
    ran = command.call("load", store, uri, "--all", "--replace", "-v", "--json")
    assert ran.code == 0, ran.err
    newest = "person_all_20260227%"
    for (partition,) in postgres.ask(
        name, f"SELECT relname FROM pg_class WHERE relname LIKE '{newest}' AND relkind = 'r'"
    ):
        postgres.ask(name, f'ANALYZE krr."{partition}"')
    persons = postgres.ask(
        name, "SELECT personidentifikator, mobiltelefonnummer, epostadresse, postkasseadresse FROM krr.person"
    )
    planted = {value for row in persons for value in row if len(value) > 4}
    assert len(planted) > 6000
    dump = subprocess.run(["pg_dump", "--schema-only", uri], capture_output=True, text=True, check=True).stdout
    catalogs = [
        f"SELECT {table}::text FROM pg_catalog.{table}"
        for table in ("pg_statistic", "pg_class", "pg_attribute", "pg_description", "pg_constraint")
    ]
    said = "\n".join([dump, ran.out, ran.err, *(row[0] for query in catalogs for row in postgres.ask(name, query))])
    assert "AKTIV" in said  # statistics there are, of what identifies nobody
    words = set(re.findall(r"[^\s\"{},()']+", said))
    assert not words & planted


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("", NetworkError, "no connection"),
        ("08006", NetworkError, "no connection"),
        ("57P01", NetworkError, "no connection"),
        ("28P01", NetworkError, "the login is refused"),
        ("3D000", NetworkError, "no such database"),
        ("53100", NoSpaceError, "disk is full"),
        ("53300", NetworkError, "no more connections"),
        ("40P01", BusyError, "another session is in the way"),
        ("25006", OutputError, "only reads"),
        ("57014", OutputError, "canceled"),
        ("0A000", UsageError, "cannot do that"),
        ("22P02", OutputError, "SQLSTATE 22P02"),
    ],
)
def test_a_state_of_the_server_has_its_kind_of_error(state: str, kind: type[Exception], says: str) -> None:
    error = explain("postgresql://db/x", state)
    assert type(error) is kind
    assert error.message.startswith("postgresql://db/x: ")
    assert says in error.message


def test_a_server_that_is_not_there_is_the_network(store: Path) -> None:
    with pytest.raises(NetworkError, match=r"postgresql://127\.0\.0\.1:1/krr: no connection"):
        krr_export.load(store, "postgresql://krr:verysecret@127.0.0.1:1/krr")


def test_a_password_is_not_shown_and_said_to_be_seen(postgres: Server, store: Path, name: str) -> None:
    ran = command.call("load", store, f"postgresql://krr:verysecret@/{name}?host={postgres.home}")
    assert ran.code == 0, ran.err
    assert "verysecret" not in ran.err + ran.out
    assert "can be read in the list of processes" in ran.err
    assert "verysecret" not in repr(parse_address("postgresql://krr:verysecret@h/x"))


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ("postgresql://db.example.no/x", "require"),
        ("postgresql://db.example.no/x?sslmode=verify-full", "verify-full"),
        ("postgresql://127.0.0.1/x", None),
        ("postgresql://localhost/x", None),
        ("postgresql:///x?host=/run/postgresql", None),
        ("postgresql:///x?host=db.example.no", "require"),
        ("postgresql://localhost/x?hostaddr=192.0.2.2", "require"),
        ("postgresql:///x?host=/run/postgresql,192.0.2.2", "require"),
        ("postgresql://localhost:1,db.example.no:2/x", "require"),
        ("postgresql:///x?service=prod&sslmode=verify-full", "verify-full"),
    ],
)
def test_persons_do_not_travel_in_the_clear(given: str, mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)
    found = re.search(r"sslmode=([\w-]+)", parse_address(given).uri)
    assert (found[1] if found else None) == mode


def test_where_a_service_says_the_server_the_address_must_say_how_to_encrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    with pytest.raises(UsageError, match="how to encrypt"):
        parse_address("postgresql:///x?service=prod")


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://krr:12/hemmelig@127.0.0.1/db",
        "postgresql://krr:12?hemmelig@127.0.0.1/db",
        "postgresql:/krr:hemmelig@127.0.0.1/db",
        "postgres:password=hemmelig",
        "postgresql://127.0.0.1:1/db;password=hemmelig",
        "postgresql://127.0.0.1:1/db%3Fpassword=hemmelig",
        "postgresql://127.0.0.1:1/db#hemmelig",
        "duckdb:md:x?motherduck_token=hemmelig",
    ],
)
def test_an_odd_address_is_refused_and_not_repeated(store: Path, given: str) -> None:
    for words in (("load", store, given), ("verify", given)):
        ran = command.call(*words)
        assert (ran.code, "hemmelig" in ran.err + ran.out) == (2, False), ran.err


def test_parameters_of_an_address_reach_the_server(store: Path, uri: str) -> None:
    krr_export.load(store / ONE, f"{uri}&options=-c%20search_path%3Dpublic")
    assert krr_export.verify_load(f"{uri}&application_name=our%20night").proven


@pytest.mark.parametrize(
    "given", ["postgresql://h:port/x", "mysql://h/x", "postgres", "", "duckdb:", "duckdb://x", "s3://b/x", "delta"]
)
def test_what_is_no_target_is_refused_and_not_repeated(store: Path, given: str) -> None:
    ran = command.call("load", store, given or "-")
    assert ran.code == 2
    assert not re.search(rf"(?<![\w:]){re.escape(given or '-')}(?![\w:/])", ran.err.replace("krr-export", ""))
