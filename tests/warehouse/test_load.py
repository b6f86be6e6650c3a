"""What is loaded into a database is what the snapshot holds; it is there whole or not at all, and once."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import command
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_targets import change, query, rows, target

import krr_export
from krr_export import InputError, OutputError, UsageError
from krr_export.errors import BusyError, NoSpaceError, PublishedError
from krr_export.warehouse.content_digest import ContentDigest
from krr_export.warehouse.workplace import workplace

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["target"]  # the fixture

pytestmark = pytest.mark.slow

TABLES = ("person", "rejects", "findings", "changes")
NIGHTS = ("eksport=20260226T112225Z", "eksport=20260227T112225Z", "eksport=20260228T112225Z")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of three nights, the last with rejects; and a store of all."""
    home = tmp_path_factory.mktemp("made")
    one, two, three = (home / f"{number}.xml" for number in ("one", "two", "three"))
    for words in (
        ("sample", one, "--records", "400", "--seed", "3"),
        ("sample", two, "--from", one, "--change", "20%"),
        ("sample", three, "--records", "400", "--seed", "4", "--faults", "5%", "--exported", "2026-02-28T11:22:25Z"),
    ):
        ran = command.call(*words)
        assert ran.code == 0, ran.err
    for night in (one, two, three):
        krr_export.convert(night, home / "store", changes=True, max_rejects="10%", guard=False)
    return home


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    return shutil.copytree(made / "store", tmp_path / "store", symlinks=True)


def parquet(snapshot: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of a snapshot's table, as pyarrow reads them."""
    return rows(pq.read_table(snapshot / table, partitioning=None))


def count(target: str, table: str = "person_all") -> int:
    return int(query(target, f"SELECT count(*) AS n FROM {table}").column("n")[0].as_py())


def test_every_table_has_the_rows_of_the_files(made: Path, target: str) -> None:
    store = made / "store"
    loaded = krr_export.load(store, target, all_snapshots=True)
    assert loaded.loaded == NIGHTS
    assert rows(query(target, "SELECT * FROM person")) == parquet(store / NIGHTS[-1], "person")
    for name in TABLES:
        table = query(target, f"SELECT * FROM {'person_all' if name == 'person' else name}")
        nights = table.column("eksport").to_pylist()
        for night in NIGHTS:
            of_night = table.filter(pa.array([f"eksport={made:%Y%m%dT%H%M%SZ}" == night for made in nights]))
            assert rows(of_night.drop_columns(["eksport"])) == parquet(store / night, name), (night, name)


def test_times_are_times_and_what_looks_like_a_number_is_text(made: Path, target: str) -> None:
    krr_export.load(made / "store", target)
    person = query(target, "SELECT * FROM person").schema
    moment = person.field("epostadresse_sist_oppdatert").type
    assert (moment.unit, moment.tz.removeprefix("Etc/")) == ("us", "UTC")
    for name in ("personidentifikator", "mobiltelefonnummer", "postkasseleverandoer_adresse", "status"):
        assert person.field(name).type in (pa.string(), pa.dictionary(pa.uint8(), pa.string())), name
    assert person.field("x509_sertifikat").type == pa.binary()


def test_the_same_again_is_nothing_to_do(made: Path, target: str) -> None:
    store = made / "store"
    first, again = (krr_export.load(store, target) for _ in range(2))
    assert (first.loaded, first.unchanged) == ((NIGHTS[-1],), ())
    assert (again.loaded, again.unchanged) == ((), (NIGHTS[-1],))
    assert "nothing to do" in again.message
    assert krr_export.load(store, target, all_snapshots=True).loaded == NIGHTS[:-1]
    assert krr_export.load(store / NIGHTS[0], target).loaded == ()
    assert count(target, "person") == krr_export.load(store, target).persons  # the newest is the newest still


def test_another_result_of_an_export_takes_its_place_when_asked_for(made: Path, store: Path, target: str) -> None:
    krr_export.load(store, target, all_snapshots=True)
    krr_export.convert(made / "one.xml", store, changes=True, replace=True, findings=False, allow_older=True)
    with pytest.raises(PublishedError, match=f"another result of {NIGHTS[0]}"):
        krr_export.load(store / NIGHTS[0], target)
    assert krr_export.load(store / NIGHTS[0], target, replace=True).loaded == (NIGHTS[0],)
    assert krr_export.verify_load(target, against=store, all_snapshots=True).proven
    assert count(target, "findings WHERE eksport < '2026-02-27'") == 0


def test_only_as_many_stay_as_are_kept(made: Path, target: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    loaded = krr_export.load(made / "store", target, all_snapshots=True, keep=2)
    assert (loaded.loaded, loaded.dropped) == (NIGHTS[1:], (NIGHTS[0],))
    again = krr_export.load(made / "store", target, all_snapshots=True, keep=2)
    assert (again.loaded, again.dropped) == ((), ()), "what would be removed at once is not loaded"
    assert count(target) == sum(len(parquet(made / "store" / night, "person")) for night in NIGHTS[1:])
    assert krr_export.verify_load(target, all_snapshots=True).snapshots == NIGHTS[1:]


def test_csv_and_parquet_load_the_same(made: Path, tmp_path: Path, target: str) -> None:
    krr_export.convert(made / "one.xml", tmp_path / "csv", format="csv", compression="gzip", partition_by=("status",))
    krr_export.load(tmp_path / "csv", target)
    assert rows(query(target, "SELECT * FROM person")) == parquet(made / "store" / NIGHTS[0], "person")
    other = f"duckdb:{tmp_path / 'other.duckdb'}"
    krr_export.load(made / "store" / NIGHTS[0], other)
    digest = "SELECT content_digest FROM loads WHERE table_name = 'person'"
    assert query(target, digest).to_pylist() == query(other, digest).to_pylist()


def test_a_damaged_snapshot_is_not_loaded_and_what_is_there_stays(store: Path, target: str) -> None:
    krr_export.load(store / NIGHTS[0], target)
    before = count(target)
    part = store / NIGHTS[1] / "findings" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-9] + b"123456789")
    with pytest.raises(InputError, match=r"findings/part-00000\.parquet is missing or damaged"):
        krr_export.load(store / NIGHTS[1], target)
    assert (count(target), count(target, "loads WHERE table_name = 'person'")) == (before, 1)
    assert krr_export.verify_load(target).proven


def test_tables_with_other_columns_are_left_alone(made: Path, tmp_path: Path, target: str) -> None:
    krr_export.load(made / "store", target)
    krr_export.convert(made / "one.xml", tmp_path / "other", drop=("x509_sertifikat",))
    with pytest.raises(UsageError, match="person_all has other columns"):
        krr_export.load(tmp_path / "other", target)
    assert krr_export.verify_load(target).proven


HARM = {
    "a row is lost": "DELETE FROM person_all WHERE radnummer = 7",
    "a row is doubled": "INSERT INTO person_all SELECT * FROM person_all WHERE radnummer = 7",
    "a value is changed": "UPDATE person_all SET epostadresse = 'x' WHERE radnummer = 7",
    "a value becomes null": "UPDATE person_all SET reservasjon = NULL WHERE radnummer = 7",
    "null becomes empty": "UPDATE person_all SET beskrivelse = '' WHERE radnummer = 7",
    "a value is put into another row": (
        "UPDATE person_all SET personidentifikator = (SELECT personidentifikator FROM person_all AS other"
        " WHERE other.radnummer = 15 - person_all.radnummer) WHERE radnummer IN (7, 8)"
    ),
    "a time moves": "UPDATE person_all SET epostadresse_sist_oppdatert = now() WHERE radnummer = 7",
}


def test_the_rows_that_are_counted_are_those_that_are_there(made: Path, target: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    loaded = krr_export.verify_load(target).rows
    change(target, "DELETE FROM person_all WHERE radnummer IN (7, 8)")
    assert krr_export.verify_load(target).rows == loaded - 2


@pytest.mark.parametrize("harm", HARM)
def test_what_is_harmed_is_found(made: Path, target: str, harm: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    change(target, HARM[harm])
    for against in (None, made / "store" / NIGHTS[0]):
        found = krr_export.verify_load(target, against=against)
        assert len(found.differences) == 1, found
        assert f"{NIGHTS[0]}/person" in found.differences[0]


def test_against_another_snapshot_nothing_is_proven(made: Path, target: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    assert krr_export.verify_load(target, against=made / "store").differences == (f"{NIGHTS[2]}: not loaded",)
    with pytest.raises(InputError, match="no snapshot"):
        krr_export.verify_load(target, against=made)


def test_a_database_without_a_load_proves_nothing(target: str) -> None:
    with pytest.raises(InputError, match="nothing was loaded"):
        krr_export.verify_load(target)


def test_the_commands_say_what_happened(made: Path, target: str) -> None:
    first = command.call("load", made / "store", target, "--json")
    assert (first.code, first.result["loaded"], first.result["persons"]) == (0, [NIGHTS[-1]], 392)
    again = command.call("load", made / "store", target)
    assert (again.code, again.last.endswith(f"the newest there is {NIGHTS[-1]}, 392 records")) == (0, True)
    proven = command.call("verify", target, "--against", made / "store")
    assert (proven.code, "proven: " in proven.last) == (0, True)
    assert command.call("verify", made / "store" / "latest", "--against", made / "store").code == 2


def test_what_is_removed_from_a_duckdb_file_is_not_in_it_any_more(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "krr.duckdb"
    krr_export.load(made / "store" / NIGHTS[0], f"duckdb:{file}")
    before = file.read_bytes()
    krr_export.load(made / "store" / NIGHTS[1], f"duckdb:{file}", keep=1)
    after = file.read_bytes()
    blocks = [before[start : start + 4096] for start in range(3 * 4096, len(before), 256 << 10)]
    assert len(blocks) > 1
    assert not [block for block in blocks if block.strip(b"\0") and block in after]
    described = "SELECT comment FROM duckdb_columns() WHERE table_name = 'person' AND column_name = 'status'"
    assert query(f"duckdb:{file}", described).column(0)[0].as_py()
    assert krr_export.verify_load(f"duckdb:{file}", against=made / "store" / NIGHTS[1]).proven


def test_a_file_of_views_is_no_place_to_load_into(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "krr.duckdb"
    krr_export.views(made / "store", file)
    before = file.read_bytes()
    ran = command.call("load", made / "store", f"duckdb:{file}")
    assert (ran.code, ran.last) == (2, f"{file} has other tables or views in the place of ours; give another path")
    assert file.read_bytes() == before


def test_what_would_not_stay_is_not_loaded_and_that_is_said(made: Path, target: str) -> None:
    krr_export.load(made / "store" / NIGHTS[1], target)
    result = krr_export.load(made / "store" / NIGHTS[0], target, keep=1)
    assert (result.loaded, result.unchanged) == ((), ())
    assert "nothing to do: it is older than what --keep lets stay; the newest there is" in result.message


def test_a_duckdb_file_that_others_hold_or_that_is_none_is_left_alone(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "krr.duckdb"
    for strange in (os.mkfifo, os.mkdir, lambda path: path.write_text("text")):
        strange(file)
        with pytest.raises(UsageError, match=r"no file|no DuckDB file"):
            krr_export.load(made / "store", f"duckdb:{file}")
        file.rmdir() if file.is_dir() else file.unlink()
    krr_export.load(made / "store" / NIGHTS[0], f"duckdb:{file}")
    (tmp_path / "krr.duckdb.wal").touch()
    with pytest.raises(OutputError, match="was not closed"):
        krr_export.load(made / "store", f"duckdb:{file}")
    (tmp_path / "krr.duckdb.wal").unlink()
    (tmp_path / ".krr.duckdb.loading").mkdir(mode=0o777)
    (tmp_path / ".krr.duckdb.loading").chmod(0o777)
    with pytest.raises(OutputError, match="open to others"):
        krr_export.load(made / "store", f"duckdb:{file}")


def test_a_full_disk_is_no_fault_and_leaves_no_duckdb_file(tmp_path: Path) -> None:
    assert command.call("sample", tmp_path / "many.xml", "--records", "60000", "--compact").code == 0
    krr_export.convert(tmp_path / "many.xml", tmp_path / "store")
    (disk := tmp_path / "disk").mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk))
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        with pytest.raises(NoSpaceError, match="No space left on device; free some space"):
            krr_export.load(tmp_path / "store", f"duckdb:{disk / 'krr.duckdb'}")
        assert not [*disk.iterdir()]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_of_two_loads_into_a_duckdb_file_one_is_told_to_wait(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "krr.duckdb"
    with workplace(file), pytest.raises(BusyError, match="another load"):
        krr_export.load(made / "store", f"duckdb:{file}")
    assert not (tmp_path / ".krr.duckdb.loading").exists()
    (tmp_path / "link.duckdb").symlink_to(file)
    assert krr_export.load(made / "store", f"duckdb:{tmp_path / 'link.duckdb'}").loaded
    assert (tmp_path / "link.duckdb").is_symlink()


@pytest.mark.parametrize("statement", ["DROP VIEW person", "DROP TABLE findings"])
def test_what_is_dropped_by_hand_is_found_and_comes_back(made: Path, target: str, statement: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    change(target, statement)
    found = krr_export.verify_load(target, against=made / "store" / NIGHTS[0])
    assert not found.proven, "also for who looks at the view alone"
    krr_export.load(made / "store" / NIGHTS[0], target, replace=True)
    assert krr_export.verify_load(target, against=made / "store" / NIGHTS[0]).proven


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE loads SET snapshot = 'x'",
        "UPDATE loads SET eksport = eksport + INTERVAL '1 day'",
        "DELETE FROM loads WHERE table_name = 'person'",
        "UPDATE loads SET row_count = -1",
    ],
)
def test_a_ledger_that_someone_changed_is_said_to_be(made: Path, target: str, statement: str) -> None:
    krr_export.load(made / "store" / NIGHTS[0], target)
    change(target, statement)
    for command_of in (lambda: krr_export.verify_load(target), lambda: krr_export.load(made / "store", target, keep=1)):
        with pytest.raises(InputError, match="the ledger loads was changed"):
            command_of()


def test_a_load_that_is_interrupted_is_no_fault(made: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ContentDigest, "add", lambda self, _: interrupt(self))
    ran = command.call("load", made / "store", target)
    assert (ran.code, ran.last.partition(":")[0]) == (130, "interrupted")
    monkeypatch.undo()
    assert krr_export.load(made / "store", target).loaded


def test_an_excel_store_is_refused(made: Path, tmp_path: Path, target: str) -> None:
    krr_export.convert(made / "one.xml", tmp_path / "excel", format="csv-excel")
    with pytest.raises(UsageError, match="one for Excel"):
        krr_export.load(tmp_path / "excel", target)


def test_what_is_no_store_and_no_snapshot_is_not_loaded(made: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / NIGHTS[0]).mkdir()
    (tmp_path / NIGHTS[0] / "manifest.json").touch()
    for source, every, error, said in (
        (made / "store" / NIGHTS[0], True, UsageError, "is a snapshot, and --all is of a store"),
        (tmp_path / "none", False, InputError, "there is no store"),
        (tmp_path / "empty", False, InputError, "there is no snapshot in .*; convert an export first"),
        (tmp_path / NIGHTS[0], False, InputError, "is no published snapshot: .*; see krr-export verify"),
    ):
        with pytest.raises(error, match=said):
            krr_export.load(source, f"duckdb:{tmp_path / 'krr.duckdb'}", all_snapshots=every)
    assert not (tmp_path / "krr.duckdb").exists()


def test_a_result_shows_no_more_than_where_and_what(made: Path, tmp_path: Path) -> None:
    loaded = krr_export.load(made / "store", f"duckdb:{tmp_path / 'krr.duckdb'}")
    assert repr(loaded) == f"LoadResult(target='{tmp_path / 'krr.duckdb'}', loaded=('{NIGHTS[-1]}',), unchanged=())"
