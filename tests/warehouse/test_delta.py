"""A Delta table over pushed snapshots: others read it, its log tells of no person, and a commit is whole or is not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import command
import discretion
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable
from exports.nights import planted_store
from exports.pushed import NIGHTS, native, objects, persons
from load_targets import rows
from servers import object_server

import krr_export
from krr_export import UsageError
from krr_export.errors import BusyError, InputError, NetworkError, PublishedError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.objects.committed import read_commit
from krr_export.output.objects.mirror import Mirror
from krr_export.warehouse.delta.table import DeltaTable as OurTable
from krr_export.warehouse.lake.registration import Registration, register

pytestmark = pytest.mark.slow
ALLOWED = {"radnummer", "reservasjon", "status"} | {
    f"{column}_sist_{word}" for column in ("mobiltelefonnummer", "epostadresse") for word in ("oppdatert", "verifisert")
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three nights."""
    return planted_store(tmp_path_factory.mktemp("made"), NIGHTS, records=300)


@pytest.fixture
def pushed(store: Path, bucket: str) -> str:
    """The same, with the store pushed there."""
    krr_export.push(store, bucket)
    return bucket


def night_of(table: pa.Table, name: str) -> list[tuple[Any, ...]]:
    """The persons of one night in a table, without its time."""
    chosen = table.filter(pc.equal(table.column("eksport"), name.removeprefix("eksport=")))
    return rows(chosen.drop_columns(["eksport"]))


def test_every_night_is_read_by_others_as_it_is_in_the_store(store: Path, pushed: str, tmp_path: Path) -> None:
    before = objects(pushed)
    ran = command.call("load", pushed, f"delta:{pushed}", "--all", "--json")
    assert (ran.code, ran.result["loaded"]) == (0, [*NIGHTS])
    after = objects(pushed)
    assert {key: body for key, body in after.items() if not key.startswith("_delta_log/")} == before
    frame = polars.scan_delta(pushed, use_pyarrow=False).collect()
    read = DeltaTable(pushed).to_pyarrow_table()
    assert (frame.height, read.num_rows) == (900, 900)
    for name in NIGHTS:
        assert night_of(read, name) == persons(store / name)
    for key, body in after.items():  # a table lists its files from where it lies, so it may be copied
        (tmp_path / "copy" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / key).write_bytes(body)
    copied = DeltaTable(tmp_path / "copy").to_pyarrow_table()
    assert rows(copied) == rows(read)


def test_the_same_again_does_nothing_and_the_newest_is_the_default(pushed: str) -> None:
    first = krr_export.load(pushed, f"delta:{pushed}")
    assert (first.loaded, first.persons) == (NIGHTS[-1:], 300)
    log = objects(pushed, "_delta_log")
    again = command.call("load", pushed, f"delta:{pushed}", "--replace", "--json")
    assert (again.code, again.result["loaded"], again.result["unchanged"]) == (0, [], [NIGHTS[-1]])
    assert objects(pushed, "_delta_log") == log
    older = krr_export.load(f"{pushed}/{NIGHTS[0]}", f"delta:{pushed}")
    assert (older.loaded, older.persons) == (NIGHTS[:1], 300)


def test_one_commit_an_export_names_the_manifest(store: Path, pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    history = DeltaTable(pushed).history()
    assert [(entry["version"], entry.get("krr.eksport")) for entry in reversed(history)] == [
        (0, None), *enumerate(NIGHTS, start=1)
    ]  # fmt: skip
    for entry, name in zip(reversed(history[:-1]), NIGHTS, strict=True):
        assert (store / name / "_SUCCESS").read_text().startswith(entry["krr.manifest_sha256"])


def test_the_log_tells_of_no_person_and_has_the_allowed_statistics(store: Path, pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True, keep=2)
    DeltaTable(pushed).create_checkpoint()
    log = objects(pushed, "_delta_log")
    assert any(key.endswith(".checkpoint.parquet") for key in log)
    for key, body in log.items():
        said = body.decode("latin-1")
        if key.endswith(".parquet"):
            said += str(pq.read_table(pa.BufferReader(body)).to_pylist())
        assert discretion.leaks(said) == [], key
    number = next(iter(pq.read_table(store / NIGHTS[0] / "person").column("personidentifikator"))).as_py()
    assert discretion.leaks(f"x{number}x") == [number]  # what is planted would be found
    for line in b"\n".join(body for key, body in log.items() if key.endswith(".json")).splitlines():
        if added := json.loads(line).get("add"):
            found = json.loads(added["stats"])
            assert found["numRecords"] == 100
            assert found["nullCount"].keys() <= ALLOWED
            assert found["minValues"].keys() == found["maxValues"].keys()
            assert {"radnummer", "status"} <= found["minValues"].keys() <= ALLOWED
            first = found["minValues"]["radnummer"]
            assert found["maxValues"]["radnummer"] == first + 99
            assert found["minValues"]["status"] in {"AKTIV", "IKKE_REGISTRERT", "SLETTET"}


def test_times_in_the_statistics_enclose_every_value(store: Path, pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}")
    column = "epostadresse_sist_oppdatert"
    listed = pa.table(DeltaTable(pushed).get_add_actions(flatten=True)).to_pylist()
    for part in listed:
        values = pq.read_table(store / part["path"].replace("data/", "").replace(part["path"].split("/")[2] + "/", ""))
        found = pc.min_max(values.column(column)).as_py()
        assert part[f"min.{column}"] <= found["min"]
        assert part[f"max.{column}"] >= found["max"]
        assert part[f"null_count.{column}"] == values.column(column).null_count


def test_another_result_ends_in_5_until_it_is_to_be_replaced(store: Path, pushed: str, tmp_path: Path) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    other = tmp_path / "store"
    krr_export.convert(store.parent / "2.xml", other, guard=False, drop=["x509_sertifikat"], derive=["varslingsstatus"])
    krr_export.push(other, pushed, replace=True)
    differs = command.call("verify", f"delta:{pushed}", "--json")
    assert (differs.code, differs.result["reason"]) == (1, "damaged")
    ran = command.call("load", pushed, f"delta:{pushed}", "--json")
    assert (ran.code, ran.result["reason"]) == (5, "published-otherwise")
    assert command.call("load", pushed, f"delta:{pushed}", "--replace").code == 0
    assert command.call("verify", f"delta:{pushed}", "--all").code == 0
    read = DeltaTable(pushed).to_pyarrow_table()
    assert {"varslingsstatus", "x509_sertifikat"} <= {*read.column_names}
    assert night_of(read.drop_columns(["varslingsstatus"]), NIGHTS[0]) == persons(store / NIGHTS[0])
    written = pq.read_table(other / NIGHTS[2] / "person")
    assert night_of(read.select([*written.column_names, "eksport"]), NIGHTS[2]) == rows(written)
    kept = DeltaTable(pushed, version=3).to_pyarrow_table()  # the files of what was replaced are there
    assert night_of(kept, NIGHTS[2]) == persons(store / NIGHTS[2])


def test_keep_lists_older_nights_no_more_and_deletes_no_file(pushed: str) -> None:
    before = objects(pushed)
    kept = krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True, keep=2)
    assert (kept.loaded, kept.dropped) == (NIGHTS[1:], ())
    fewer = krr_export.load(pushed, f"delta:{pushed}", keep=1)
    assert (fewer.loaded, fewer.dropped) == ((), NIGHTS[1:2])
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 300
    assert before.items() <= objects(pushed).items()


def test_vacuum_finds_nothing_to_delete(pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    krr_export.load(pushed, f"delta:{pushed}", keep=1)
    assert DeltaTable(pushed).vacuum(dry_run=True, full=True) == []
    with pytest.raises(Exception, match="retention"):
        DeltaTable(pushed).vacuum(retention_hours=0, dry_run=True, full=True)


def test_verify_tells_what_is_damaged(store: Path, pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    ran = command.call("verify", f"delta:{pushed}", "--all", "--json")
    assert (ran.code, ran.result["rows"], ran.result["snapshots"]) == (0, 900, [*NIGHTS])
    [key] = [key for key in objects(pushed) if NIGHTS[0] in key and key.endswith("person/part-00001.parquet")]
    body = objects(pushed)[key]
    native(pushed).put(key, body[:100] + bytes([body[100] ^ 1]) + body[101:])
    assert command.call("verify", f"delta:{pushed}").code == 0  # the newest is whole
    ran = command.call("verify", f"delta:{pushed}", "--all")
    assert ran.code == 1
    assert ran.lines[0] == f"differs   {NIGHTS[0]}/person/part-00001.parquet: its SHA-256 is not the one listed"
    native(pushed).put(key, body)
    native(pushed).delete(f"eksport/{NIGHTS[1]}.json")
    found = krr_export.verify_load(f"delta:{pushed}", all_snapshots=True)
    assert found.differences == (f"{NIGHTS[1]}: listed, but no longer pushed",)
    krr_export.push(store, pushed)


def test_what_another_program_rewrote_is_found_and_set_right(store: Path, pushed: str) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    DeltaTable(pushed).optimize.compact()
    assert command.call("verify", f"delta:{pushed}").code == 1
    with pytest.raises(PublishedError):
        krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    assert krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True, replace=True).loaded == NIGHTS
    assert command.call("verify", f"delta:{pushed}", "--all").code == 0
    DeltaTable(pushed).delete("eksport = '20260228T112225Z' AND radnummer = 1")  # rewrites one file, and leaves two
    with pytest.raises(UsageError, match="rewritten some of the files"):
        krr_export.load(pushed, f"delta:{pushed}", replace=True)
    DeltaTable(pushed).delete("eksport = '20260228T112225Z'")  # as the message says
    assert krr_export.load(pushed, f"delta:{pushed}").loaded == NIGHTS[-1:]
    assert night_of(DeltaTable(pushed).to_pyarrow_table(), NIGHTS[2]) == persons(store / NIGHTS[2])


def test_several_processes_load_at_once_and_each_export_is_there_once(pushed: str) -> None:
    with ExitStack() as stack:
        words = ("load", pushed, f"delta:{pushed}", "--all")
        running = [stack.enter_context(command.started(*words)) for _ in range(4)]
        assert [process.wait(command.HANG) for process in running] == [0, 0, 0, 0]
    commits = [entry["krr.eksport"] for entry in DeltaTable(pushed).history() if "krr.eksport" in entry]
    assert sorted(commits) == [*NIGHTS]
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 900


def test_of_two_writers_one_learns_that_the_other_was_faster(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_S3_ALLOW_UNSAFE_RENAME", "true")  # as some set it for other tools
    place = open_objects(parse_address(pushed))
    snapshots = [register(place, read_commit(place, name)) for name in NIGHTS]
    one, other = OurTable(pushed), OurTable(pushed)
    assert one.write(snapshots[0])
    assert not other.write(snapshots[0])  # the table was made meanwhile
    assert one.write(snapshots[1])
    assert not other.write(snapshots[2])
    assert [*other.listed()] == [*NIGHTS[:2]]  # it has looked
    assert other.write(snapshots[2])
    assert not one.drop(NIGHTS[0])
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 900


def test_whoever_is_never_the_first_is_told_so(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    krr_export.load(f"{pushed}/{NIGHTS[0]}", f"delta:{pushed}")
    commit = OurTable._commit  # noqa: SLF001 - in front of it, somebody else commits each time

    def late(table: OurTable, *given: Any) -> bool:  # noqa: ANN401 - as of the method
        other = DeltaTable(pushed)
        other.alter.set_table_properties({"delta.logRetentionDuration": f"interval {other.version()} days"})
        return commit(table, *given)

    monkeypatch.setattr(OurTable, "_commit", late)
    with pytest.raises(BusyError, match="others commit to the Delta table"):
        krr_export.load(pushed, f"delta:{pushed}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_load_that_is_ended_leaves_whole_exports_and_the_next_goes_on(number: signal.Signals, pushed: str) -> None:
    with command.started("load", pushed, f"delta:{pushed}", "--all") as process:
        command.wait_until(lambda: process.poll() is not None or bool(objects(pushed, "_delta_log")))
        process.send_signal(number)
        process.communicate(timeout=command.HANG)
    if DeltaTable.is_deltatable(pushed):
        assert DeltaTable(pushed).to_pyarrow_table().num_rows % 300 == 0
    assert command.call("load", pushed, f"delta:{pushed}", "--all").code == 0
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 900


def test_a_crash_before_the_commit_leaves_nothing(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> bool:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(OurTable, "_commit", crash)
        with pytest.raises(MemoryError):
            krr_export.load(pushed, f"delta:{pushed}")
    assert DeltaTable(pushed).file_uris() == []
    assert krr_export.load(pushed, f"delta:{pushed}").loaded == NIGHTS[-1:]


def test_a_damaged_footer_is_refused_before_the_commit(pushed: str) -> None:
    [key] = [key for key in objects(pushed) if NIGHTS[2] in key and key.endswith("person/part-00001.parquet")]
    body = objects(pushed)[key]
    size = int.from_bytes(body[-8:-4], "little")
    without = body[: -8 - size] + bytes(size) + body[-8:]
    for damaged in (body[:-1] + b"!", without, body[:-8] + b"\xff\xff\xff\x7fPAR1", body[:100]):
        native(pushed).put(key, damaged)
        with pytest.raises(InputError, match="not as it was pushed"):
            krr_export.load(pushed, f"delta:{pushed}")
    native(pushed).put(key, b"")
    with pytest.raises(InputError, match=f"{key} is not as it was pushed"):
        krr_export.load(pushed, f"delta:{pushed}")
    native(pushed).delete(key)
    with pytest.raises(InputError, match="not as it was pushed"):
        krr_export.load(pushed, f"delta:{pushed}")
    native(pushed).put(key, body)
    commit = objects(pushed)["latest.json"]
    for size in (0, 7, len(body) + 1, len(body) + 70_000, 2**63 - 1):
        document = json.loads(commit)
        next(file for file in document["files"] if file["uri"].endswith(key))["bytes"] = size
        native(pushed).put("latest.json", json.dumps(document).encode())
        with pytest.raises(InputError, match=f"{key} is not as it was pushed"):
            krr_export.load(pushed, f"delta:{pushed}")
    assert objects(pushed, "_delta_log") == {}


@pytest.mark.parametrize("more", [(), ("--all",)])
def test_a_snapshot_without_a_file_of_persons_is_refused(more: tuple[str, ...], pushed: str) -> None:
    key = f"eksport/{NIGHTS[2]}.json"
    body = json.dumps({**json.loads(objects(pushed)[key]), "files": []}).encode()
    for name in (key, "latest.json"):
        native(pushed).put(name, body)
    ran = command.call("load", pushed, f"delta:{pushed}", *more)
    assert (ran.code, f"{NIGHTS[2]} has no file of persons" in ran.last) == (3, True), ran.err


def test_another_table_is_left_alone(pushed: str) -> None:
    from deltalake import write_deltalake  # noqa: PLC0415 - in this test alone

    write_deltalake(pushed, pa.table({"x": [1]}), commit_properties=CommitProperties())
    with pytest.raises(InputError, match="none of krr-export"):
        krr_export.load(pushed, f"delta:{pushed}")


def test_what_cannot_be_a_table_is_wrong_usage(store: Path, bucket: str, tmp_path: Path) -> None:
    for source, target, word in (
        (store, f"delta:{bucket}", "push it: krr-export push STORE URI"),
        (bucket, f"delta:{bucket}x", f"give delta:{bucket}"),
        (bucket, f"delta:{tmp_path}", "the URI is of no object store"),
        (bucket, "delta:s3://noekkel:geheim@bucket/x", "a user or a password"),
    ):
        ran = command.call("load", source, target)
        assert (ran.code, word in ran.last) == (2, True), ran.last
        assert "geheim" not in ran.out + ran.err
    for option in ("--history", "--db-schema=x", "--schema=16-02"):
        assert command.call("load", bucket, f"delta:{bucket}", option).code == 2
    assert command.call("verify", f"delta:{bucket}", "--against", store).code == 2
    assert command.call("load", f"{bucket}/{NIGHTS[0]}", f"delta:{bucket}", "--all").code == 2
    assert command.call("load", bucket, f"delta:{bucket}").code == 3  # nothing was pushed
    assert command.call("verify", f"delta:{bucket}").code == 3


def test_a_store_of_csv_is_refused(store: Path, bucket: str, tmp_path: Path) -> None:
    krr_export.convert(store.parent / "0.xml", tmp_path / "store", format="csv")
    krr_export.push(tmp_path / "store", bucket)
    with pytest.raises(UsageError, match="of CSV"):
        krr_export.load(bucket, f"delta:{bucket}")


def test_a_partitioned_store_is_listed_like_others(store: Path, bucket: str, tmp_path: Path) -> None:
    krr_export.convert(store.parent / "0.xml", tmp_path / "store", partition_by=["status"])
    krr_export.push(tmp_path / "store", bucket)
    krr_export.load(bucket, f"delta:{bucket}")
    assert night_of(DeltaTable(bucket).to_pyarrow_table(), NIGHTS[0]) == persons(tmp_path / "store" / NIGHTS[0])


def test_what_cannot_be_reached_is_a_failure_of_the_network(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match="cannot be reached"):
        OurTable(pushed)
    ran = command.call("load", pushed, f"delta:{pushed}")
    assert (ran.code, object_server.PLANTED in ran.err) == (6, False)


def test_without_the_package_it_is_said_what_to_install(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(UsageError, match=r"^the package deltalake is missing; pip install 'krr-export\[delta\]'$"):
        krr_export.load(bucket, f"delta:{bucket}")


DUCKDB = """
import glob, os, sys
import duckdb, duckdb_extension_delta, duckdb_extension_httpfs
database = duckdb.connect()
for package in (duckdb_extension_httpfs, duckdb_extension_delta):
    [file] = glob.glob(os.path.join(os.path.dirname(package.__file__), "**", "*.duckdb_extension"), recursive=True)
    database.execute(f"LOAD '{file}'")
secret = {"key_id": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY", "region": "AWS_REGION"}
words = ", ".join(f"{name} '{os.environ[variable]}'" for name, variable in secret.items())
endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
database.execute(f"CREATE SECRET (TYPE s3, {words}, endpoint '{endpoint}', use_ssl false, url_style 'path')")
database.execute(f"COPY (FROM delta_scan('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet)")
"""
"""DuckDB reads a table with its own extension. It is for a version of DuckDB that is not the one used elsewhere."""


@pytest.fixture(scope="module")
def duckdb_with_delta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with DuckDB and its extensions for Delta, from PyPI: DuckDB's own server of them is not asked."""
    home = tmp_path_factory.mktemp("duckdb")
    uv = Path(sys.executable).with_name("uv")
    packages = ("duckdb==1.5.5", "duckdb-extension-delta==1.5.5", "duckdb-extension-httpfs==1.5.5")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", home / "venv", *packages], check=True)
    return home / "venv/bin/python"


def test_duckdb_reads_it_by_its_extension(store: Path, pushed: str, duckdb_with_delta: Path, tmp_path: Path) -> None:
    krr_export.load(pushed, f"delta:{pushed}", all_snapshots=True)
    subprocess.run([duckdb_with_delta, "-c", DUCKDB, pushed, tmp_path / "read.parquet"], check=True)
    read = pq.read_table(tmp_path / "read.parquet")
    for name in NIGHTS:
        assert night_of(read, name) == persons(store / name)


def test_prune_deletes_no_file_that_the_table_needs(pushed: str) -> None:
    assert command.call("load", pushed, f"delta:{pushed}", "--all").code == 0
    before = objects(pushed)
    refused = command.call("prune", pushed, "--keep", "1")
    assert (refused.code, f"lists {NIGHTS[0]}" in refused.last, objects(pushed) == before) == (2, True, True)
    assert command.call("load", pushed, f"delta:{pushed}", "--keep", "1").code == 0
    pruned = command.call("prune", pushed, "--keep", "1")
    assert pruned.code == 0, pruned.err
    assert command.call("verify", f"delta:{pushed}").code == 0
    assert [key for key in objects(pushed) if NIGHTS[0] in key and not key.startswith("_delta_log/")] == []


def test_what_is_listed_while_it_is_pruned_keeps_its_files_or_is_not_listed(
    pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"delta:{pushed}"
    assert command.call("load", pushed, target).code == 0
    written_back = Mirror.write_back

    def listed_first(mirror: Mirror) -> None:
        monkeypatch.setattr(Mirror, "write_back", written_back)
        assert command.call("load", f"{pushed}/{NIGHTS[0]}", target).code == 0
        written_back(mirror)

    monkeypatch.setattr(Mirror, "write_back", listed_first)
    pruned = command.call("prune", pushed, "--keep", "1")
    assert (pruned.code, f"lists {NIGHTS[0]}" in pruned.last) == (2, True), pruned.err
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 600, "its files are there"
    assert command.call("load", pushed, target, "--keep", "1").code == 0
    assert command.call("prune", pushed, "--keep", "1").code == 0
    assert [key for key in objects(pushed) if NIGHTS[0] in key and not key.startswith("_delta_log/")] == []


def test_what_is_pruned_while_it_is_listed_is_listed_no_more(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, write = f"delta:{pushed}", OurTable.write
    assert command.call("load", pushed, target).code == 0

    def pruned_first(table: OurTable, registration: Registration) -> bool:
        monkeypatch.setattr(OurTable, "write", write)
        assert command.call("prune", pushed, "--keep", "1").code == 0
        return write(table, registration)

    monkeypatch.setattr(OurTable, "write", pruned_first)
    loaded = command.call("load", f"{pushed}/{NIGHTS[0]}", target)
    assert (loaded.code, f"{NIGHTS[0]} was deleted or replaced meanwhile; run again" in loaded.last) == (4, True)
    assert DeltaTable(pushed).to_pyarrow_table().num_rows == 300
    assert command.call("verify", target).code == 0
