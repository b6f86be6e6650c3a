"""An Iceberg table over pushed snapshots: others read it, its metadata tell of no person, and a commit is whole."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import discretion
import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from exports.nights import planted_store
from exports.pushed import NIGHTS, native, objects, persons
from load_targets import rows
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from pyiceberg.types import PrimitiveType
from servers import object_server

import krr_export
from krr_export import UsageError
from krr_export.errors import BusyError, InputError, NetworkError, PublishedError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.objects.committed import read_commit
from krr_export.warehouse.iceberg.name import parse_table_name
from krr_export.warehouse.iceberg.table import IcebergTable
from krr_export.warehouse.lake.registration import register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.table.update import TableRequirement, TableUpdate

pytestmark = pytest.mark.slow
TARGET = "iceberg:lake/krr.person"
TAGS = tuple(name.replace("=", "_") for name in NIGHTS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three nights."""
    return planted_store(tmp_path_factory.mktemp("made"), NIGHTS, records=300)


@pytest.fixture
def pushed(store: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the store pushed there; and a catalog for tables over it, whose metadata lie in the bucket."""
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"{bucket}-lake")
    krr_export.push(store, bucket)
    return bucket


@pytest.fixture
def catalog(pushed: str, tmp_path: Path, object_store: object_server.ObjectServer) -> Iterator[Catalog]:
    """The catalog, as others open it."""
    opened = load_catalog(
        "lake",
        uri=f"sqlite:///{tmp_path}/catalog.db",
        warehouse=f"{pushed}-lake",
        **{"s3.endpoint": object_store.variables["AWS_ENDPOINT_URL"], "s3.region": "us-east-1"},
    )
    with closing(opened):
        yield opened


def table(catalog: Catalog) -> Table:
    return catalog.load_table("krr.person")


def read(catalog: Catalog, tag: str | None = None) -> pa.Table:
    """The persons of the table as it is now, or of a tag."""
    found = table(catalog)
    scan = found.scan() if tag is None else found.scan(snapshot_id=found.metadata.refs[tag].snapshot_id)
    return scan.to_arrow()


def metadata(uri: str) -> dict[str, bytes]:
    return objects(f"{uri}-lake")


def ours(pushed: str) -> IcebergTable:
    return IcebergTable(parse_table_name(TARGET), open_objects(parse_address(pushed)))


def test_readers_get_the_newest_night_and_older_ones_by_tag(store: Path, pushed: str, catalog: Catalog) -> None:
    before = objects(pushed)
    ran = command.call("load", pushed, TARGET, "--all", "--json")
    assert (ran.code, ran.result["loaded"], ran.result["persons"]) == (0, [*NIGHTS], 300), ran.err
    after = objects(pushed)
    assert {key: body for key, body in after.items() if not key.startswith("iceberg/")} == before
    assert all(key.endswith((".avro", ".metadata.json")) for key in metadata(pushed))  # no data is copied
    assert rows(read(catalog)) == persons(store / NIGHTS[2])
    for name, tag in zip(NIGHTS, TAGS, strict=True):
        assert rows(read(catalog, tag)) == persons(store / name)
    found = table(catalog).metadata
    assert {*found.refs} == {"main", *TAGS}
    assert len(found.snapshots) == len(NIGHTS)
    for name, tag in zip(NIGHTS, TAGS, strict=True):
        snapshot = found.snapshot_by_name(tag)
        assert snapshot is not None
        assert snapshot.summary is not None
        assert snapshot.summary["krr.eksport"] == name
        assert (store / name / "_SUCCESS").read_text().startswith(str(snapshot.summary["krr.manifest_sha256"]))
    part = table(catalog).scan(row_filter="status = 'SLETTET' and radnummer <= 100").to_arrow()
    wanted = pq.read_table(store / NIGHTS[2] / "person", filters=[("status", "=", "SLETTET"), ("radnummer", "<=", 100)])
    assert rows(part) == rows(wanted)


def test_an_older_night_gets_its_tag_and_the_newest_stays(store: Path, pushed: str, catalog: Catalog) -> None:
    first = krr_export.load(pushed, TARGET)
    assert (first.loaded, first.persons) == (NIGHTS[-1:], 300)
    kept = metadata(pushed)
    again = command.call("load", pushed, TARGET, "--replace", "--json")
    assert (again.code, again.result["loaded"], again.result["unchanged"]) == (0, [], [NIGHTS[-1]])
    assert metadata(pushed) == kept
    older = krr_export.load(f"{pushed}/{NIGHTS[0]}", TARGET)
    assert (older.loaded, older.persons) == (NIGHTS[:1], 300)
    assert rows(read(catalog)) == persons(store / NIGHTS[2])
    assert rows(read(catalog, TAGS[0])) == persons(store / NIGHTS[0])


def test_nothing_that_is_written_tells_of_a_person(
    pushed: str, catalog: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ran = command.call("load", pushed, TARGET, "--all", "--keep", "2")
    assert ran.code == 0, ran.err
    said = [ran.out, ran.err, caplog.text, (tmp_path / "catalog.db").read_bytes().decode("latin-1")]
    bounds: dict[str, set[Any]] = {}
    fields = {field.field_id: field for field in table(catalog).schema().fields}
    for key, body in metadata(pushed).items():
        said.append(body.decode("latin-1"))
        if key.endswith(".avro"):
            entries = [*fastavro.reader(io.BytesIO(body))]
            said.append(str(entries))
            for file in (entry["data_file"] for entry in entries if "data_file" in entry):
                for bound in (*file["lower_bounds"], *file["upper_bounds"]):
                    field = fields[bound["key"]]
                    assert isinstance(field.field_type, PrimitiveType)
                    bounds.setdefault(field.name, set()).add(from_bytes(field.field_type, bound["value"]))
    assert discretion.leaks("".join(said)) == []
    assert bounds["status"] <= {"AKTIV", "IKKE_REGISTRERT", "SLETTET"}
    assert bounds["radnummer"] == {1, 100, 101, 200, 201, 300}
    times = {
        f"{of}_sist_{what}" for of in ("mobiltelefonnummer", "epostadresse") for what in ("oppdatert", "verifisert")
    }
    assert {"radnummer", "status"} <= bounds.keys() <= {"radnummer", "status", "reservasjon"} | times
    number = read(catalog).column("personidentifikator")[0].as_py()
    assert discretion.leaks(f"x{number}x") == [number]  # what is planted would be found


def test_bounds_of_times_enclose_every_value(pushed: str, catalog: Catalog) -> None:
    krr_export.load(pushed, TARGET)
    column = "epostadresse_sist_oppdatert"
    middle = pc.quantile(pc.cast(read(catalog).column(column), pa.int64()))[0].as_py()
    limit = pa.scalar(int(middle), pa.timestamp("us", tz="UTC")).as_py().isoformat()
    found = table(catalog).scan(row_filter=f"{column} >= '{limit}'").to_arrow()
    assert rows(found) == rows(
        read(catalog).filter(pc.greater_equal(pc.cast(read(catalog).column(column), pa.int64()), int(middle)))
    )


def test_another_result_ends_in_5_until_it_is_to_be_replaced(
    store: Path, pushed: str, catalog: Catalog, tmp_path: Path
) -> None:
    krr_export.load(pushed, TARGET, all_snapshots=True)
    other = tmp_path / "store"
    krr_export.convert(store.parent / "2.xml", other, guard=False, drop=["x509_sertifikat"], derive=["varslingsstatus"])
    krr_export.push(other, pushed, replace=True)
    assert command.call("verify", TARGET).code == 1
    ran = command.call("load", pushed, TARGET, "--json")
    assert (ran.code, ran.result["reason"]) == (5, "published-otherwise")
    assert command.call("load", pushed, TARGET, "--replace").code == 0
    assert command.call("verify", TARGET, "--all").code == 0
    now, written = read(catalog), pq.read_table(other / NIGHTS[2] / "person")
    assert now.column("x509_sertifikat").null_count == now.num_rows  # a column that this night lacks
    assert rows(now.select(written.column_names)) == rows(written)
    assert rows(read(catalog, TAGS[0])) == persons(store / NIGHTS[0])
    assert len(table(catalog).metadata.snapshots) == len(NIGHTS)


def test_keep_lists_older_nights_no_more_and_deletes_no_file(pushed: str, catalog: Catalog) -> None:
    before = objects(pushed)
    kept = krr_export.load(pushed, TARGET, all_snapshots=True, keep=2)
    assert (kept.loaded, kept.dropped) == (NIGHTS[1:], ())
    fewer = krr_export.load(pushed, TARGET, keep=1)
    assert (fewer.loaded, fewer.dropped) == ((), NIGHTS[1:2])
    assert {*table(catalog).metadata.refs} == {"main", TAGS[2]}
    assert len(table(catalog).metadata.snapshots) == 1
    assert before.items() <= objects(pushed).items()
    assert table(catalog).properties["gc.enabled"] == "false"


def test_verify_tells_what_is_damaged(store: Path, pushed: str) -> None:
    krr_export.load(pushed, TARGET, all_snapshots=True)
    ran = command.call("verify", TARGET, "--all", "--json")
    assert (ran.code, ran.result["rows"], ran.result["snapshots"]) == (0, 900, [*NIGHTS])
    [key] = [key for key in objects(pushed) if NIGHTS[0] in key and key.endswith("person/part-00001.parquet")]
    body = objects(pushed)[key]
    native(pushed).put(key, body[:100] + bytes([body[100] ^ 1]) + body[101:])
    assert command.call("verify", TARGET).code == 0  # the newest is whole
    ran = command.call("verify", TARGET, "--all")
    assert ran.code == 1
    assert ran.lines[0] == f"differs   {NIGHTS[0]}/person/part-00001.parquet: its SHA-256 is not the one listed"
    native(pushed).put(key, body)
    native(pushed).delete(f"eksport/{NIGHTS[1]}.json")
    found = krr_export.verify_load(TARGET, all_snapshots=True)
    assert found.differences == (f"{NIGHTS[1]}: listed, but no longer pushed",)
    krr_export.push(store, pushed)


def test_what_another_program_wrote_is_found_and_set_right(store: Path, pushed: str, catalog: Catalog) -> None:
    krr_export.load(pushed, TARGET, all_snapshots=True)
    table(catalog).delete("radnummer = 1")
    assert command.call("verify", TARGET).code == 1
    with pytest.raises(PublishedError):
        krr_export.load(pushed, TARGET)
    assert krr_export.load(pushed, TARGET, replace=True).loaded == NIGHTS[-1:]
    assert command.call("verify", TARGET, "--all").code == 0
    assert rows(read(catalog)) == persons(store / NIGHTS[2])


def test_several_processes_load_at_once_and_each_export_is_there_once(pushed: str, catalog: Catalog) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(command.started("load", pushed, TARGET, "--all")) for _ in range(3)]
        assert [process.wait(command.HANG) for process in running] == [0, 0, 0]
    found = table(catalog).metadata
    assert ({*found.refs}, len(found.snapshots)) == ({"main", *TAGS}, len(NIGHTS))
    assert read(catalog).num_rows == 300


def test_a_namespace_that_another_writer_makes_meanwhile_will_do(
    pushed: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = SqlCatalog.create_namespace_if_not_exists

    def late(own: SqlCatalog, namespace: str) -> None:
        make(own, namespace)
        raise OSError("UNIQUE constraint failed")  # the driver's error, which has no root that is known here

    monkeypatch.setattr(SqlCatalog, "create_namespace_if_not_exists", late)
    assert krr_export.load(pushed, TARGET).loaded == NIGHTS[-1:]
    assert read(catalog).num_rows == 300


def test_of_two_writers_one_learns_that_the_other_was_faster(pushed: str, catalog: Catalog, store: Path) -> None:
    place = open_objects(parse_address(pushed))
    snapshots = [register(place, read_commit(place, name)) for name in NIGHTS]
    with closing(ours(pushed)) as first:
        assert first.write(snapshots[0])
    with closing(ours(pushed)) as one, closing(ours(pushed)) as other:
        assert one.write(snapshots[2])
        assert not other.write(snapshots[1])  # it saw no newer one, and would have made this the newest
        assert other.names() == [NIGHTS[0], NIGHTS[2]]  # it has looked
        assert other.write(snapshots[1])
        assert not one.write(snapshots[1])  # the same export, of which it knew nothing
        assert one.names() == [*NIGHTS]
        assert one.drop(NIGHTS[0])
        assert other.drop(NIGHTS[0])  # it is gone
    assert {*table(catalog).metadata.refs} == {"main", *TAGS[1:]}
    assert rows(read(catalog)) == persons(store / NIGHTS[2])


def test_whoever_is_never_the_first_is_told_so(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    krr_export.load(f"{pushed}/{NIGHTS[0]}", TARGET)

    def late(*_: object) -> None:
        raise CommitFailedException("the server's own words 01810375589")

    monkeypatch.setattr(SqlCatalog, "commit_table", late)
    before = {key for key in metadata(pushed) if "snap-" in key}
    with pytest.raises(BusyError, match="others commit to the Iceberg table"):
        krr_export.load(pushed, TARGET)
    assert {key for key in metadata(pushed) if "snap-" in key} == before  # what nobody sees is gone


def test_after_an_outcome_that_is_not_known_it_is_looked_first(
    pushed: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = SqlCatalog.commit_table

    def lost_answer(*given: Any) -> None:  # noqa: ANN401 - as of the method
        commit(*given)
        raise CommitStateUnknownException("the server's own words 01810375589")

    def lost_request(*_: object) -> None:
        raise CommitStateUnknownException("the server's own words 01810375589")

    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", lost_answer)
        assert krr_export.load(pushed, TARGET).loaded == NIGHTS[-1:]
    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", lost_request)
        ran = command.call("load", f"{pushed}/{NIGHTS[0]}", TARGET)
    assert (ran.code, "01810375589" in ran.err) == (6, False)
    assert {*table(catalog).metadata.refs} == {"main", TAGS[2]}


def test_of_a_table_that_is_dropped_meanwhile_it_is_said(
    pushed: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = SqlCatalog.commit_table

    def after_the_drop(
        own: SqlCatalog, one: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> None:
        catalog.drop_table("krr.person")
        commit(own, one, requirements, updates)

    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", after_the_drop)
        ran = command.call("load", pushed, TARGET)
    assert (ran.code, ran.last.count("was dropped meanwhile; run again")) == (4, 1), ran.err
    assert krr_export.load(pushed, TARGET).loaded == NIGHTS[-1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_load_that_is_ended_leaves_whole_exports_and_the_next_goes_on(
    number: signal.Signals, pushed: str, catalog: Catalog
) -> None:
    with command.started("load", pushed, TARGET, "--all") as process:
        command.wait_until(lambda: process.poll() is not None or bool(metadata(pushed)))
        process.send_signal(number)
        process.communicate(timeout=command.HANG)
    if catalog.table_exists("krr.person"):
        assert read(catalog).num_rows in {0, 300}
    assert command.call("load", pushed, TARGET, "--all").code == 0
    assert {*table(catalog).metadata.refs} == {"main", *TAGS}
    assert read(catalog).num_rows == 300


def test_a_crash_before_the_commit_shows_nothing(
    pushed: str, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", crash)
        with pytest.raises(MemoryError):
            krr_export.load(pushed, TARGET)
    assert read(catalog).num_rows == 0
    assert command.call("verify", TARGET).code == 3
    assert krr_export.load(pushed, TARGET).loaded == NIGHTS[-1:]


def test_another_table_is_left_alone(pushed: str, catalog: Catalog) -> None:
    catalog.create_namespace("krr")
    catalog.create_table("krr.person", pa.schema([("x", pa.int64())]))
    with pytest.raises(InputError, match="none of krr-export"):
        krr_export.load(pushed, TARGET)
    catalog.create_table("krr.over", pa.schema([("x", pa.int64())]), properties={"krr.place": "s3://krr/elsewhere"})
    with pytest.raises(UsageError, match="over another place"):
        krr_export.load(pushed, "iceberg:lake/krr.over")


def test_what_cannot_be_a_table_is_wrong_usage(
    store: Path, pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__ODD__TYPE", "geheim")
    monkeypatch.setenv("PYICEBERG_CATALOG__NOWHERE__URI", f"sqlite:///{tmp_path}/nowhere.db")
    azure = "abfss://krr@konto.dfs.core.windows.net/x"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm9ra2Vs")
    for source, target, word in (
        (store, TARGET, "push it: krr-export push STORE URI"),
        (pushed, "iceberg:lake", "give iceberg:CATALOG/NAMESPACE.TABLE"),
        (pushed, "iceberg:lake/person", "give iceberg:CATALOG/NAMESPACE.TABLE"),
        (pushed, "iceberg:other/krr.person", "has no catalog other"),
        (pushed, "iceberg:odd/krr.person", "incomplete or wrong"),
        (pushed, "iceberg:nowhere/krr.person", "does not say where krr.person is to lie"),
        (f"{azure}/{NIGHTS[0]}", TARGET, "over Azure cannot be made"),
    ):
        ran = command.call("load", source, target)
        assert (ran.code, word in ran.last) == (2, True), ran.last
        assert "geheim" not in ran.out + ran.err
    for option in ("--history", "--db-schema=x", "--schema=16-02"):
        assert command.call("load", pushed, TARGET, option).code == 2
    assert command.call("verify", TARGET, "--against", store).code == 2
    assert command.call("load", f"{pushed}/{NIGHTS[0]}", TARGET, "--all").code == 2
    assert command.call("load", f"{pushed}x", TARGET).code == 3  # nothing was pushed
    assert command.call("verify", TARGET).code == 3
    (tmp_path / ".pyiceberg.yaml").write_text("catalog: [geheim")
    ran = command.call("load", pushed, TARGET)
    assert (ran.code, "geheim" in ran.err, "cannot be read" in ran.last) == (2, False, True)


def test_what_cannot_be_reached_is_a_failure_of_the_network(
    pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    krr_export.load(pushed, TARGET)
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__S3.ENDPOINT", "http://127.0.0.1:9")
    ran = command.call("verify", TARGET)
    assert (ran.code, object_server.PLANTED in ran.err) == (6, False), ran.err
    monkeypatch.delenv("PYICEBERG_CATALOG__LAKE__S3.ENDPOINT")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", "http://bruker:geheim@127.0.0.1:9")
    ran = command.call("load", pushed, TARGET)
    assert (ran.code, "geheim" in ran.err) == (6, False), ran.err
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + bytes(range(200)))
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/torn.db")
    with pytest.raises(NetworkError, match=r"^the catalog lake cannot be reached"):
        krr_export.load(pushed, TARGET)


def test_a_package_that_the_catalog_needs_is_said_to_be_missing(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__OF_GLUE__TYPE", "glue")
    monkeypatch.setitem(sys.modules, "boto3", None)
    ran = command.call("load", pushed, "iceberg:of-glue/krr.person")
    assert (ran.code, "a package that the catalog of-glue needs is missing" in ran.last) == (2, True), ran.last


def test_without_the_package_it_is_said_what_to_install(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "krr_export.warehouse.iceberg.table", None)
    with pytest.raises(UsageError, match=r"^the package pyiceberg is missing; pip install 'krr-export\[iceberg\]'$"):
        krr_export.load(pushed, TARGET)


def test_prune_deletes_no_file_that_a_table_needs(
    pushed: str, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.call("load", pushed, TARGET, "--all").code == 0
    before = objects(pushed)
    refused = command.call("prune", pushed, "--keep", "1")
    assert (refused.code, f"lists {NIGHTS[0]}" in refused.last, objects(pushed) == before) == (2, True, True)
    with monkeypatch.context() as patched:
        patched.delenv("PYICEBERG_CATALOG__LAKE__URI")
        patched.delenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE")
        refused = command.call("prune", pushed, "--keep", "1")
        assert (refused.code, "if that table is gone, delete" in refused.last) == (2, True)
        patched.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/other.db")
        refused = command.call("prune", pushed, "--keep", "1")
        assert (refused.code, "is not the one that lists" in refused.last) == (2, True)
    assert objects(pushed) == before
    assert command.call("load", pushed, TARGET, "--keep", "1").code == 0
    table(catalog).delete("radnummer = 1")
    refused = command.call("prune", pushed, "--keep", "1")
    assert (refused.code, "another program" in refused.last) == (2, True)
    assert command.call("load", pushed, TARGET, "--replace").code == 0
    pruned = command.call("prune", pushed, "--keep", "1")
    assert pruned.code == 0, pruned.err
    assert ", counting what failed held; " in pruned.last, "there is no .failed in an object store"
    assert command.call("verify", TARGET).code == 0
    assert [key for key in objects(pushed) if NIGHTS[0] in key] == []


def test_prune_deletes_nothing_that_readers_get_though_its_tag_is_gone(pushed: str, catalog: Catalog) -> None:
    assert command.call("load", f"{pushed}/{NIGHTS[0]}", TARGET).code == 0
    table(catalog).manage_snapshots().remove_tag(TAGS[0]).commit()
    before = objects(pushed)
    refused = command.call("prune", pushed, "--keep", "1")
    assert (refused.code, "another program" in refused.last, objects(pushed) == before) == (2, True, True)
    assert krr_export.load(pushed, TARGET).loaded == NIGHTS[-1:]
    assert command.call("prune", pushed, "--keep", "1").code == 0
    assert read(catalog).num_rows == 300


@pytest.mark.parametrize("kind", ["tag", "branch"])
def test_prune_deletes_nothing_that_a_name_of_others_leads_to(kind: str, pushed: str, catalog: Catalog) -> None:
    """A tag that somebody set for good is no export's, so `--keep` leaves it, and what it is of."""
    assert command.call("load", pushed, TARGET, "--all").code == 0
    made = table(catalog)
    held = made.metadata.refs[TAGS[0]].snapshot_id
    refs = made.manage_snapshots()
    (refs.create_tag(held, "audit") if kind == "tag" else refs.create_branch(held, "audit")).commit()
    assert command.call("load", pushed, TARGET, "--keep", "1").code == 0
    before = objects(pushed)
    refused = command.call("prune", pushed, "--keep", "1")
    assert (refused.code, objects(pushed) == before) == (2, True), refused.err
    assert f"needs {NIGHTS[0]}: the tag or branch audit leads to it" in refused.last
    assert read(catalog, "audit").num_rows == 300
    assert command.call("prune", pushed, "--keep", "3").code == 0
    refs = table(catalog).manage_snapshots()
    (refs.remove_tag("audit") if kind == "tag" else refs.remove_branch("audit")).commit()
    assert command.call("prune", pushed, "--keep", "1").code == 0
    assert [key for key in objects(pushed) if NIGHTS[0] in key] == []


def test_a_mark_that_is_damaged_stops_a_prune(pushed: str) -> None:
    native(pushed).put("iceberg/x.json", b'{"catalog": 1}')
    ran = command.call("prune", pushed, "--keep", "1")
    assert (ran.code, ran.last.partition(";")[0].endswith("iceberg/x.json is damaged")) == (3, True)


DUCKDB = """
import glob, os, sys
import duckdb, duckdb_extension_avro, duckdb_extension_httpfs, duckdb_extension_iceberg
database = duckdb.connect()
for package in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
    [file] = glob.glob(os.path.join(os.path.dirname(package.__file__), "**", "*.duckdb_extension"), recursive=True)
    database.execute(f"LOAD '{file}'")
secret = {"key_id": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY", "region": "AWS_REGION"}
words = ", ".join(f"{name} '{os.environ[variable]}'" for name, variable in secret.items())
endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
database.execute(f"CREATE SECRET (TYPE s3, {words}, endpoint '{endpoint}', use_ssl false, url_style 'path')")
table = f"iceberg_scan('{sys.argv[1]}', snapshot_from_id = {sys.argv[2]}::UBIGINT)"
database.execute(f"COPY (FROM {table}) TO '{sys.argv[3]}' (FORMAT parquet)")
"""
"""DuckDB reads a table with its own extension. It is for a version of DuckDB that is not the one used elsewhere."""


@pytest.fixture(scope="module")
def duckdb_with_iceberg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with DuckDB and its extensions for Iceberg, from PyPI: DuckDB's own server of them is not asked."""
    home = tmp_path_factory.mktemp("duckdb")
    uv = Path(sys.executable).with_name("uv")
    packages = ["duckdb==1.5.5", *(f"duckdb-extension-{name}==1.5.5" for name in ("avro", "httpfs", "iceberg"))]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", home / "venv", *packages], check=True)
    return home / "venv/bin/python"


def test_duckdb_reads_it_by_its_extension(
    store: Path, pushed: str, catalog: Catalog, duckdb_with_iceberg: Path, tmp_path: Path
) -> None:
    krr_export.load(pushed, TARGET, all_snapshots=True)
    found = table(catalog)
    for name, ref in zip((NIGHTS[2], NIGHTS[0]), ("main", TAGS[0]), strict=True):
        words: list[str | Path] = [
            found.metadata_location,
            str(found.metadata.refs[ref].snapshot_id),
            tmp_path / "read.parquet",
        ]
        subprocess.run([duckdb_with_iceberg, "-c", DUCKDB, *words], check=True)
        assert rows(pq.read_table(tmp_path / "read.parquet")) == persons(store / name)
