"""Stores in an object store: what commands do there is what they do in a directory, and each state is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import command
import duckdb
import objects
import pytest
from obstore.store import MemoryStore, from_url

import krr_export
from krr_export.errors import KrrExportError, PublishedError
from krr_export.input.objects.store import ObjectStore
from krr_export.output.objects.committed import committed_names
from krr_export.output.objects.mirror import Mirror
from krr_export.output.objects.verification import verify_objects

if TYPE_CHECKING:
    from krr_export.input.objects.store import Native

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[2] / "samples"
NIGHTS = [f"eksport=202602{day}T112225Z" for day in (26, 27, 28)]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three nights; the second differs from the first, the third is faulty."""
    home = tmp_path_factory.mktemp("exports")
    valid, faulty = ((SAMPLES / name).read_bytes() for name in ("valid.xml", "faulty.xml"))
    contents = (
        valid,
        valid.replace(b"2026-02-26T", b"2026-02-27T").replace(b"@example.com", b"@example.org", 3),
        faulty.replace(b"2026-02-26T", b"2026-02-28T"),
    )
    for day, content in enumerate(contents):
        (home / f"{day}.xml").write_bytes(content)
    return [home / f"{day}.xml" for day in range(len(contents))]


def keys(place: str) -> list[str]:
    return sorted(entry["path"] for batch in native(place).list() for entry in batch)


def native(place: str) -> Native:
    return from_url(place)


def convert(source: Path, store: str | Path, *options: str) -> command.Ran:
    return command.call("convert", source, str(store), *options, "--json")


def told(ran: command.Ran, store: str | Path) -> dict[str, object]:
    """What JSON says, but for times, sizes of pages and where the store is."""
    said = json.loads(ran.out.replace(str(store), "STORE").replace("STORE/.failed", "STORE/failed"))
    for part in ("performance", "tool", "privacy", "created"):
        (said.get("report") or {}).pop(part, None)
    ((said.get("report") or {}).get("changes") or {}).pop("manifest_sha256", None)
    return dict(said)


def test_nights_become_what_they_become_in_a_directory(exports: list[Path], place: str, tmp_path: Path) -> None:
    local = tmp_path / "store"
    for options in ([], ["--changes"], [], ["--max-rejects", "99%", "--no-guard"]):
        export = exports[min(len(list(local.glob("eksport=*"))), 2)]
        ours, theirs = convert(export, place, *options), convert(export, local, *options)
        assert told(ours, place) == told(theirs, local)
        assert ours.code == theirs.code
        for asked in (["history"], ["check"], ["check", "--prove"], ["diff"]):
            name, *more = asked
            ours, theirs = (command.call(name, str(at), *more, "--json") for at in (place, local))
            assert (ours.code, ours.last.replace(place, "STORE").replace("/failed", "/.failed")) == (
                theirs.code, theirs.last.replace(str(local), "STORE"),
            )  # fmt: skip
        assert command.call("verify", place).code == 0
    commit = json.loads(bytes(native(place).get(f"eksport/{NIGHTS[1]}.json").bytes()))
    parts = {
        file["uri"].removeprefix(f"{place}/data/{NIGHTS[1]}/{commit['generation']}/"): file for file in commit["files"]
    }
    tables = ("person", "rejects", "findings")  # changes says of which manifest it is, and that has the time
    for path in (path for table in tables for path in local.joinpath(NIGHTS[1], table).iterdir()):
        name = path.relative_to(local / NIGHTS[1]).as_posix()
        assert bytes(native(place).get(parts[name]["uri"].removeprefix(f"{place}/")).bytes()) == path.read_bytes()


def test_the_same_again_does_nothing_and_another_result_needs_replace(exports: list[Path], place: str) -> None:
    assert convert(exports[0], place).code == 0
    there = {key: bytes(native(place).get(key).bytes()) for key in keys(place)}
    again = convert(exports[0], place)
    assert (again.code, again.result["outcome"], again.result["path"]) == (0, "unchanged", f"{place}/{NIGHTS[0]}")
    refused = convert(exports[0], place, "--compression", "snappy")
    assert (refused.code, "use --replace" in refused.last) == (5, True)
    assert {key: bytes(native(place).get(key).bytes()) for key in keys(place)} == there
    assert convert(exports[0], place, "--compression", "snappy", "--replace").code == 0
    assert command.call("verify", place).code == 0
    assert json.loads(bytes(native(place).get("latest.json").bytes())) == json.loads(
        bytes(native(place).get(f"eksport/{NIGHTS[0]}.json").bytes())
    )


def test_what_is_refused_is_kept_there_until_it_is_published(exports: list[Path], place: str) -> None:
    refused = convert(exports[2], place)
    assert refused.code == 1
    assert f"{place}/failed/{NIGHTS[2]}" in refused.last
    kept = [key for key in keys(place) if key.startswith(f"failed/{NIGHTS[2]}/")]
    assert {"report.json", "report.html", "manifest.json", "rejects/part-00000.parquet"} <= {
        key.removeprefix(f"failed/{NIGHTS[2]}/") for key in kept
    }
    assert keys(place) == kept
    again = convert(exports[2], place)
    assert (again.code, keys(place)) == (1, kept)
    assert convert(exports[2], place, "--max-rejects", "99%").code == 0
    assert [key for key in keys(place) if key.startswith("failed/")] == []


def test_prune_deletes_the_oldest_commit_first(exports: list[Path], place: str) -> None:
    for export in exports:
        assert convert(export, place, "--max-rejects", "99%", "--no-guard").code == 0
    pruned = command.call("prune", place, "--keep", "2", "--json")
    assert (pruned.code, pruned.result["deleted"]) == (0, [f"{place}/{NIGHTS[0]}"])
    assert pruned.result["kept"] == [f"{place}/{name}" for name in NIGHTS[1:]]
    assert [key for key in keys(place) if NIGHTS[0] in key] == []
    assert krr_export.prune(place, keep=1) == (Path(NIGHTS[1]),)
    assert command.call("verify", place).code == 0
    [line] = krr_export.history(place)
    assert line.snapshot == NIGHTS[2]
    with pytest.raises(krr_export.UsageError):
        krr_export.prune(place, keep=0)


def test_prune_deletes_what_one_that_died_had_left(exports: list[Path], place: str) -> None:
    for export in exports:
        assert convert(export, place, "--max-rejects", "99%", "--no-guard").code == 0
    native(place).delete(f"eksport/{NIGHTS[0]}.json")
    assert [key for key in keys(place) if NIGHTS[0] in key] != []
    assert command.call("prune", place, "--keep", "2").code == 0
    assert [key for key in keys(place) if NIGHTS[0] in key] == []
    assert command.call("verify", place).code == 0


def test_in_python_a_result_has_its_uri(exports: list[Path], place: str) -> None:
    result = krr_export.convert(exports[0], place, workers=0)
    assert (result.uri, result.path) == (f"{place}/{NIGHTS[0]}", Path(NIGHTS[0]))
    assert result._repr_html_() is not None
    krr_export.convert(exports[1], place, workers=0, changes=True)
    checked = krr_export.check(place, prove=True)
    assert (checked.good, checked.proven, checked.store) == (True, True, place)
    found = krr_export.diff(*(f"{place}/{name}" for name in NIGHTS[:2]))
    assert (found.old, found.new, found.differ) == (Path(NIGHTS[0]), Path(NIGHTS[1]), True)


def test_views_read_what_is_there_now(exports: list[Path], place: str, tmp_path: Path) -> None:
    for export in (*exports, exports[2]):
        options = ["--max-rejects", "99%", "--no-guard", "--changes", "--replace"]
        for store in (place, tmp_path / "store"):
            assert convert(export, store, *options).code == 0
        options.append("--no-profile")
    for key in keys(place):
        copy = tmp_path / "copy" / key
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(bytes(native(place).get(key).bytes()))
    script = tmp_path / "views.sql"
    made = command.call("views", place, "-o", script)
    assert (made.code, "make them again after the next" in made.last) == (0, True), made.err
    assert command.call("views", tmp_path / "store", "-o", tmp_path / "local.sql").code == 0
    here, there = duckdb.connect(), duckdb.connect()
    here.execute((tmp_path / "local.sql").read_text())
    there.execute(script.read_text().replace(place, str(tmp_path / "copy")))
    for view in ("person", "person_all", "rejects", "findings", "changes", "report", "report_findings"):
        rows = [sorted(one.execute(f"FROM {view}").fetchall(), key=str) for one in (here, there)]
        assert rows[0] == rows[1], view
        assert rows[0]
    refused = command.call("views", place, "-o", tmp_path / "views.duckdb")
    assert (refused.code, "write a script" in refused.last) == (2, True)
    assert command.call("views", f"{place}/none").code == 3


def test_damage_is_told_of(exports: list[Path], place: str) -> None:
    for export in exports[:2]:
        assert convert(export, place).code == 0
    [part] = [key for key in keys(place) if key.startswith(f"data/{NIGHTS[1]}/") and "/person/" in key]
    native(place).put(part, bytes(native(place).get(part).bytes())[:-1])
    checked = command.call("check", place)
    assert (checked.code, "is damaged" in checked.last, place in checked.last) == (1, True, True)
    assert command.call("diff", place).code == 3
    native(place).put(f"eksport/{NIGHTS[1]}.json", b"{")
    assert command.call("history", place).code == 1
    assert command.call("check", place).code == 1
    again = convert(exports[1], place, "--replace")
    assert again.code == 0, again.err
    assert command.call("check", place, "--prove").code == 0


@pytest.mark.parametrize("words", [
    ["convert", "SOURCE", "s3://krr/x/eksport=20260226T112225Z"],
    ["history", "s3://user:geheim@krr/x"],
    ["check", "s3://krr/x?a=b"],
    ["diff", "s3://krr/x", "s3://krr/y"],
    ["convert", "SOURCE", "s3://krr/x", "--limit", "1"],
])  # fmt: skip
def test_wrong_uris_and_options_are_refused(words: list[str], place: str) -> None:
    ran = command.call(*(str(SAMPLES / "valid.xml") if word == "SOURCE" else word for word in words))
    assert (ran.code, "geheim" in ran.err) == (2, False), ran.err
    assert keys(place) == []


def write_night(directory: Path, export: Path, **options: object) -> None:
    krr_export.convert(export, directory, workers=0, guard=False, max_rejects="99%", **options)  # type: ignore[arg-type]  # as they come


def mirrored(store: Native, directory: Path) -> Mirror:
    mirror = Mirror(ObjectStore(store, objects.URI), directory)
    mirror.show(committed_names(mirror.objects))
    return mirror


def converted(store: Native, directory: Path, export: Path) -> None:
    mirror = mirrored(store, directory)
    write_night(directory, export)
    mirror.write_back()


def test_a_failure_at_any_request_leaves_the_old_state_or_the_new_one(exports: list[Path], tmp_path: Path) -> None:
    def first_night() -> MemoryStore:
        store = MemoryStore()
        converted(store, tmp_path / f"first-{time.monotonic_ns()}", exports[0])
        return store

    counted = objects.Disturbed(first_night())
    converted(counted, tmp_path / "counted", exports[1])
    states = set()
    for at in range(1, counted.requests + 1):
        store = first_night()
        disturbed = objects.Disturbed(store, at, after=objects.fail)
        directory = tmp_path / f"at-{at}"
        with pytest.raises(KrrExportError) as raised:
            converted(disturbed, directory, exports[1])
        assert objects.QUOTED not in str(raised.value)
        names = [name for name in NIGHTS[:2] if f"eksport/{name}.json" in objects.contents(store)]
        states.add(len(names))
        for name in names:
            assert verify_objects(ObjectStore(store, objects.URI), name).proven
        converted(store, tmp_path / f"after-{at}", exports[1])
        assert verify_objects(ObjectStore(store, objects.URI), None).uri.endswith(NIGHTS[1])
        assert verify_objects(ObjectStore(store, objects.URI), None).proven
    assert states == {1, 2}


def test_of_two_writers_one_learns_of_the_other(exports: list[Path], tmp_path: Path) -> None:
    store = MemoryStore()
    one, other = (mirrored(store, tmp_path / name) for name in ("one", "other"))
    write_night(one.directory, exports[0])
    write_night(other.directory, exports[0], compression="snappy")
    one.write_back()
    with pytest.raises(PublishedError, match="was meanwhile pushed"):
        other.write_back()
    assert verify_objects(ObjectStore(store, objects.URI), None).proven


def test_of_two_that_replace_one_learns_of_the_other(exports: list[Path], tmp_path: Path) -> None:
    store = MemoryStore()
    converted(store, tmp_path / "first", exports[0])
    one, other = (mirrored(store, tmp_path / name) for name in ("one", "other"))
    write_night(one.directory, exports[0], compression="snappy", replace=True)
    write_night(other.directory, exports[0], compression="gzip", replace=True)
    one.write_back()
    with pytest.raises(PublishedError):
        other.write_back()


def test_an_older_night_does_not_move_latest(exports: list[Path], place: str) -> None:
    assert convert(exports[1], place).code == 0
    krr_export.convert(exports[0], place, workers=0, allow_older=True, guard=False)
    assert json.loads(bytes(native(place).get("latest.json").bytes()))["eksport"] == NIGHTS[1]


def test_paths_that_lead_out_of_the_mirror_are_not_followed(exports: list[Path], tmp_path: Path) -> None:
    store = MemoryStore()
    converted(store, tmp_path / "first", exports[0])
    [manifest] = [key for key in objects.contents(store) if key.endswith("manifest.json") and key.startswith("data/")]
    directory = manifest.rpartition("/")[0]

    class Lying(objects.Disturbed):
        def list(self, prefix: str, /) -> object:
            listed = [entry for batch in self.inner.list(prefix) for entry in batch]
            return [[*listed, *({**entry, "path": f"{directory}/../../../../escaped"} for entry in listed[:1])]]

    (tmp_path / "deep/er").mkdir(parents=True)
    mirrored(Lying(store), tmp_path / "deep/er/store")
    assert list(tmp_path.rglob("escaped")) == []


def test_what_a_killed_run_leaves_is_deleted_by_the_next(exports: list[Path], place: str, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    script = (
        "import os, signal, sys; from krr_export.output.objects.mirror import Mirror; import krr_export\n"
        "Mirror.write_back = lambda self: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"krr_export.convert({str(exports[0])!r}, {place!r}, workers=0)"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    [left] = (tmp_path / "tmp").glob("krr-export-mirror-*")
    assert left.stat().st_mode & 0o777 == 0o700
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    done = command.run("convert", exports[0], place, env=environment)
    assert done.code == 0, done.err
    assert list((tmp_path / "tmp").iterdir()) == []


def test_two_that_convert_at_the_same_time_leave_one_whole_snapshot(exports: list[Path], place: str) -> None:
    options: tuple[list[str], ...] = ([], ["--compression", "snappy"])
    with ExitStack() as stack:
        running = [stack.enter_context(command.started("convert", exports[0], place, *one)) for one in options]
        codes = sorted(process.wait(command.HANG) for process in running)
    assert codes == [0, 5]
    assert command.call("verify", place).code == 0


def test_different_nights_at_the_same_time_are_all_there(exports: list[Path], place: str) -> None:
    with ExitStack() as stack:
        running = [
            stack.enter_context(command.started("convert", export, place, "--no-guard"))
            for export in (*exports[:2], *exports[:2])
        ]
        assert [process.wait(command.HANG) for process in running] == [0] * 4
    assert command.call("verify", place).last.startswith(f"proven: {place}/{NIGHTS[1]}")
    assert command.call("check", place, "--prove").code == 0
